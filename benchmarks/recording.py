"""What recording costs a console: python -m benchmarks.recording [ROUNDS]

The same console with a recording and without, in turns: keys to the screen at 20,000 packets/s and
5,000 sockets, and CPU at 200 packets/s and 2,000 sockets. Needs tmux, and a quiet machine.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator

import psutil

from benchmarks.console import key_waits, p95, pane
from benchmarks.table import FIGURES_HEAD, Figure

ROUNDS = 3
SECONDS = 30.0
P95_RATIO, CPU_MORE = 1.1, 1.0


def keys(rounds: int) -> Figure:
    without, recorded = [], []
    for _ in range(rounds):
        without.append(p95(key_waits()[0]))
        recorded.append(p95(key_waits("--record")[0]))
    ratios = [mine / other for mine, other in zip(recorded, without, strict=True)]
    detail = f"{_shown(recorded)} ms of {_shown(without)} ms"
    work = "key to screen, p95: recorded, of not recorded"
    return Figure(work, statistics.median(ratios), P95_RATIO, "times", detail)


def cpu(rounds: int) -> Figure:
    without, recorded = [], []
    for _ in range(rounds):
        without.append(used("--calm"))
        recorded.append(used("--calm", "--record"))
    more = statistics.median(recorded) - statistics.median(without)
    detail = f"{_shown(recorded)} % of {_shown(without)} %"
    return Figure("CPU of recording, 200 packets/s", more, CPU_MORE, "% of a core", detail)


def used(*options: str) -> float:
    """Per cent of a core, once it runs; the children that write are threads."""
    with pane(120, 40) as (terminal, shown):
        terminal.line(f"{sys.executable} -m benchmarks.consoleload {' '.join(options)}")
        shown.until(b"PACKET")
        shown.count(8)
        (process,) = (one for one in _below(int(terminal.flag("pane_pid"))) if _is_load(one))
        before, began = sum(process.cpu_times()[:2]), time.monotonic()
        shown.count(SECONDS)
        return 100 * (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)


def _below(shell: int) -> Iterator[psutil.Process]:
    process = psutil.Process(shell)
    yield process
    yield from process.children(recursive=True)


def _is_load(process: psutil.Process) -> bool:
    return "benchmarks.consoleload" in process.cmdline()


def _shown(values: list[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def main(arguments: list[str]) -> None:
    rounds = int(arguments[0]) if arguments else ROUNDS
    print(FIGURES_HEAD)
    for measure in (cpu, keys):
        print(measure(rounds).row(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
