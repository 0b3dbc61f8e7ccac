"""What viewers cost whoever shares: python -m benchmarks.viewers [--rounds N] [--minutes M]
[--calm] [--only ROLE …]

A console under load (benchmarks.consoleload), shared, without viewers and with five, in turns: a
console that joined, one that was stopped (SIGSTOP), one that reads a byte a second, one that sends
1 GiB of garbage, and one that opens 10,000 connections. Keys to the screen (p95), and what the
driver's consumers lost. `--minutes` runs with the five for so long instead, and prints memory every
30 s. Needs tmux and a quiet machine; viewers run at the lowest priority.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.console import key_waits, p95, pane
from benchmarks.table import FIGURES_HEAD, Figure
from session.share.frames import PROTOCOL, saying
from tests.support.terminal import PROGRAM, Tmux

ROUNDS, RATIO = 3, 1.1
GARBAGE, CONNECTIONS = 1 << 30, 10_000  # bytes, in all
GROWTH_MIB = 20
JOIN = saying("join", protocol=PROTOCOL)


# --- viewers, each in a process of its own


def _joined(path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.connect(path)
    made.sendall(JOIN)
    return made


def stopped(path: str) -> None:
    kept = _joined(path)
    kept.recv(1)
    os.kill(os.getpid(), signal.SIGSTOP)


def slow(path: str) -> None:
    kept = _joined(path)
    while kept.recv(1):
        time.sleep(1)


def garbage(path: str) -> None:
    """A new connection whenever it is thrown out."""
    sent, junk = 0, os.urandom(1 << 16)
    while sent < GARBAGE:
        with contextlib.suppress(OSError), _joined(path) as made:
            while sent < GARBAGE:
                made.sendall(junk)
                sent += len(junk)
        sent += 1 << 16


def connections(path: str) -> None:
    """As fast as they are accepted; the last 200 of them stay open."""
    kept: list[socket.socket] = []
    for _ in range(CONNECTIONS):
        made = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError):
            made.connect(path)
        kept = [*kept[-199:], made]
    signal.pause()


NORMAL = "normal"
ROLES = {role.__name__: role for role in (stopped, slow, garbage, connections)}


@contextlib.contextmanager
def viewers(runtime: str, only: list[str]) -> Iterator[list[str]]:
    """Those that are wanted, once the session is shared; what it costs is added when they end."""
    (path,) = _waited(Path(runtime) / "podwire" / "shared")
    normal, seen = Tmux(120, 40), list[str]()
    argv = ["nice", "-n", "19", sys.executable, "-m", "benchmarks.viewers", "--path", str(path)]
    made: list[subprocess.Popen[bytes]] = []
    try:
        if NORMAL in only:
            normal.line("echo 19 > /proc/$$/autogroup")
            normal.line(f"export XDG_RUNTIME_DIR={runtime}; nice -n 19 {PROGRAM} join")
            normal.until("joined ", 60)
        made += [subprocess.Popen([*argv, "--as", role]) for role in ROLES if role in only]
        yield seen
        seen.append((Path(runtime) / "costs").read_text())
    finally:
        for process in made:
            process.kill()
            process.wait()
        normal.close()


def _waited(directory: Path) -> list[Path]:
    deadline = time.monotonic() + 30
    while not (found := list(directory.glob("*.sock"))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


# --- what they cost


def once(options: str, only: list[str]) -> tuple[float, dict[str, Any]]:
    """p95 of the driver's keys in ms, and what its consumers lost meanwhile."""
    with tempfile.TemporaryDirectory(prefix="podwire-") as runtime:
        os.environ["XDG_RUNTIME_DIR"] = runtime
        seen: list[str] = []
        beside = _noting(runtime, only, seen)
        waits, _ = key_waits(f"--share {runtime}/costs {options}", beside=beside)
        return p95(waits), json.loads(seen[-1])


@contextlib.contextmanager
def _noting(runtime: str, only: list[str], into: list[str]) -> Iterator[None]:
    with viewers(runtime, only) as seen:
        yield
    into += seen


def keys(rounds: int, options: str, only: list[str]) -> Iterator[Figure]:
    without, beside, lost = [], [], []
    for _ in range(rounds):
        calm, base = once(options, [])
        busy, costs = once(options, only)
        without.append(calm)
        beside.append(busy)
        lost.append((_lost(base), _lost(costs)))
        print(f"  without: {calm:.1f} ms, {base}\n  with:    {busy:.1f} ms, {costs}", flush=True)
    ratio = statistics.median(beside) / statistics.median(without)
    detail = f"{_shown(beside)} ms of {_shown(without)} ms"
    work = f"key to screen, p95: with {len(only)} viewers, of none"
    yield Figure(work, ratio, RATIO, "times", detail)
    more = max(with_them - before for before, with_them in lost)
    yield Figure("events lost at the driver's screens with them, more", more, 0, "events")


def _lost(costs: dict[str, Any]) -> int:
    """By the screens; what the share was too slow for is the viewers' loss."""
    return int(costs["drops"].get("the screens", 0))


def _shown(values: list[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def memory(minutes: float, options: str) -> int:
    """1 where it grew by more than the bar after the first minute."""
    with tempfile.TemporaryDirectory(prefix="podwire-") as runtime, pane(120, 40) as (driver, _):
        costs, base = Path(runtime) / "costs", 0.0
        driver.line(f"export XDG_RUNTIME_DIR={runtime}")
        driver.line(f"{sys.executable} -m benchmarks.consoleload --share {costs} {options}")
        with viewers(runtime, [NORMAL, *ROLES]):
            began = time.monotonic()
            while (at := time.monotonic() - began) < 60 * minutes:
                time.sleep(30)
                seen = json.loads(costs.read_text())
                base = base or (seen["memory"] if at >= 60 else 0.0)
                print(f"{at + 30:5.0f} s  {seen}", flush=True)
        grown = seen["memory"] - base
        print(f"grown after the first minutes: {grown:.1f} MiB (bar {GROWTH_MIB})")
        return int(grown > GROWTH_MIB)


def _lowest_of_sessions() -> None:
    """This one's; the driver runs in a session of tmux."""
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text("19", "ascii")


def main() -> int:
    options = argparse.ArgumentParser(prog="benchmarks.viewers")
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--minutes", type=float)
    options.add_argument("--calm", action="store_true")
    options.add_argument("--as", dest="role", choices=tuple(ROLES))
    options.add_argument("--path", default="")
    options.add_argument("--only", nargs="+", default=[NORMAL, *ROLES])
    given = options.parse_args()
    _lowest_of_sessions()
    if given.role:
        ROLES[given.role](given.path)
        return 0
    load = "--calm" if given.calm else ""
    if given.minutes:
        return memory(given.minutes, load)
    print(FIGURES_HEAD)
    for figure in keys(given.rounds, load, given.only):
        print(figure.row(), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
