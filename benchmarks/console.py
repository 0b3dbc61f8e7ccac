"""The console itself in a real tmux: python -m benchmarks console

Keys are typed by `tmux send-keys` and seen in what the pane's program writes (`pipe-pane`); tmux's
own start is in the figure.
"""

from __future__ import annotations

import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import psutil

from benchmarks.feed import counter_sample, socket_rows
from benchmarks.table import Figure
from collectors import events as ev
from session.store import Store
from tests.support.terminal import Tmux

KEYS = (
    ("5", b"COUNTER"),
    ("8", b"MESSAGE"),
    ("7", b"CPUs, softnet"),
    ("1", b"PACKET"),
    ("2", b"SYN ms"),
)
ROUNDS = 12
ONE_WIDGET = (
    "from textual.app import App\nfrom textual.widgets import Static\n"
    "class One(App):\n    def compose(self):\n        yield Static('podwire')\n"
    "One().run(mouse=False)"
)


class Pane:
    """What the program of a tmux pane writes, as it comes."""

    def __init__(self, terminal: Tmux, folder: Path) -> None:
        self.terminal = terminal
        path = folder / f"pipe-{time.monotonic_ns()}"
        os.mkfifo(path)
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        terminal._run("pipe-pane", "-O", "-t", "s", f"exec cat > {path}")

    def read(self, seconds: float) -> bytes:
        """What comes within that time, at once."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        return os.read(self.fd, 1 << 20) if ready else b""

    def until(self, wanted: bytes, seconds: float = 30.0) -> float:
        """Seconds until the program has written it."""
        began, tail = time.perf_counter(), b""
        while (passed := time.perf_counter() - began) < seconds:
            tail = tail[-100:] + self.read(seconds - passed)
            if wanted in tail:
                return time.perf_counter() - began
        raise TimeoutError(f"{wanted!r} was not written; on the screen:\n{self.terminal.screen()}")

    def count(self, seconds: float) -> int:
        """Bytes written within that time."""
        end, total = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            total += len(self.read(left))
        return total


@contextmanager
def pane(columns: int, rows: int) -> Iterator[tuple[Tmux, Pane]]:
    terminal = Tmux(columns, rows)
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_STATE_HOME"] = folder
            terminal.line(f"export XDG_STATE_HOME={folder}")
            yield terminal, Pane(terminal, Path(folder))
    finally:
        terminal.close()


def keys() -> Figure:
    """From a key to the first byte of what it shows, at 200x50 under load."""
    waits, screen = key_waits()
    detail = (
        f"median {statistics.median(waits):.0f} ms, slowest {max(waits):.0f} ms of {len(waits)}; "
        f"{seen(screen)}"
    )
    work = "key to screen, 200x50, 20,000 packets/s, 5,000 sockets, 4 graphs, p95"
    return Figure(work, p95(waits), 50, "ms", detail)


def p95(waits: list[float]) -> float:
    return statistics.quantiles(waits, n=20)[-1]


def key_waits(
    *options: str, beside: AbstractContextManager[object] | None = None
) -> tuple[list[float], str]:
    """Milliseconds of each key, and the screen at the end; `beside` is there once it runs."""
    with pane(200, 50) as (terminal, shown), ExitStack() as places:
        if (runtime := os.environ.get("XDG_RUNTIME_DIR")) is not None:
            terminal.line(f"export XDG_RUNTIME_DIR={runtime}")
        terminal.line(f"{sys.executable} -m benchmarks.consoleload {' '.join(options)}")
        shown.until(b"PACKET")
        if beside is not None:
            places.enter_context(beside)
        shown.count(8)
        return list(waits_of_keys(terminal, shown, ROUNDS)), terminal.screen()


def waits_of_keys(terminal: Tmux, shown: Pane, rounds: int) -> Iterator[float]:
    """Milliseconds of each."""
    for key, wanted in KEYS * rounds:
        while shown.read(0.0):
            pass
        began = time.perf_counter()
        terminal.keys(key)
        shown.until(wanted)
        yield 1000 * (time.perf_counter() - began)
        time.sleep(0.13)


def seen(screen: str) -> str:
    line = next((line for line in screen.splitlines() if "1 packets" in line), "")
    return " ".join(line.split()[:3])


def steady(ssh: bool) -> Iterator[Figure]:
    """The lab's first pod open, nothing touched."""
    with pane(120, 40) as (terminal, shown):
        if ssh:
            terminal.line("export SSH_CONNECTION='192.0.2.1 1 192.0.2.2 22'")
        terminal.line(f"{sys.executable} -m cli.main lab")
        terminal.until(r"frontend", 30)
        terminal.keys("Enter")
        terminal.until(r"1 packets [\d,]{3,}", 30)
        shown.count(8)  # what waited in the pipe until now, too
        process = psutil.Process(terminal.program())
        before, began = sum(process.cpu_times()[:2]), time.monotonic()
        written = shown.count(20)
        seconds = time.monotonic() - began
        used = 100 * (sum(process.cpu_times()[:2]) - before) / seconds
        where = "over SSH settings" if ssh else "local settings"
        yield Figure(f"CPU, attached to the healthy lab, {where}", used, 8, "% of a core")
        yield Figure(f"bytes to the terminal, {where}", written / seconds / 1000, 25, "kB/s")
        terminal.keys("q")
        time.sleep(0.5)
        terminal.keys("y")
        time.sleep(3)


def start() -> Figure:
    """From the command to the first frame, against an app of one widget; medians of five in
    turn."""
    ratios, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "one.py"
        script.write_text(ONE_WIDGET)
        for _ in range(5):
            ours = frames(f"{sys.executable} -m cli.main local", b"podwire", b"conntrack")
            (other,) = frames(f"{sys.executable} {script}", b"podwire")
            ratios.append(ours[0] / other)
            whole.append(ours[1] / other)
    spread = (
        f"{min(ratios):.2f} to {max(ratios):.2f}; lists and graphs, empty yet: "
        f"{statistics.median(whole):.2f} times"
    )
    return Figure(
        "start to first painted frame, of a one-widget app's",
        statistics.median(ratios),
        1.6,
        "times",
        spread,
    )


def frames(command: str, *wanted: bytes) -> list[float]:
    """Seconds until each of these was drawn."""
    with pane(120, 40) as (terminal, shown):
        time.sleep(0.5)  # the shell is ready
        terminal.line("clear; " + command)
        began = time.perf_counter()
        shown.until(b"\x1b[?1049h")
        found = []
        for words in wanted:
            shown.until(words)
            found.append(time.perf_counter() - began)
        return found


def day() -> Figure:
    """A day of samples at one a second, and 5,000 sockets as often as they are read."""
    store, process, key = Store(), psutil.Process(), "pod/shop/day"
    at, noon = 1_000_000.0, 0.0
    for second in range(86_400):
        store.apply(counter_sample(key, at + second, second))
        if second % 16 == 0:
            store.apply(ev.SocketSnapshot(at + second, key, socket_rows(5_000, second)))
        if second == 43_200:
            noon = process.memory_info().rss / 2**20
    end = process.memory_info().rss / 2**20
    kept = len(store.target(key).history.names())
    detail = f"{end - noon:+.1f} MiB over the last 12 h; {kept} figures kept"
    return Figure("memory, 24 h of samples, 5,000 sockets", end, 200, "MiB", detail)


def measure() -> Iterator[Figure]:
    yield start()
    yield keys()
    yield from steady(ssh=False)
    yield from steady(ssh=True)
    yield Figure(*subprocess_day())


def subprocess_day() -> tuple[str, float, float, str, str]:
    """In a process of its own: this one holds what the other benchmarks left."""
    code = (
        "from benchmarks import console as c; f = c.day(); "
        "print(f.work, f.value, f.bar, f.unit, f.detail, sep='\\t')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    work, value, bar, unit, detail = done.stdout.strip().split("\t")
    return work, float(value), float(bar), unit, detail
