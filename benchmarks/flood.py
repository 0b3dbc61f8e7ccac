"""The console in a flood: python -m benchmarks.flood [SECONDS] [PACKETS A SECOND]

A process of its own writes the packets, and needs its share of the two cores. By the minute: keys
to the screen, packets that the screens had, memory, CPU of the console, and what was lost: counted,
and what the screen says of it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.console import p95, pane, seen, waits_of_keys

SECONDS, RATE = 600.0, 200_000
ROUNDS_A_MINUTE = 40  # of the five keys


def minutes(seconds: float, rate: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pane(200, 50) as (terminal, shown):
        costs = Path(folder) / "costs"
        terminal.line(f"{sys.executable} -m benchmarks.consoleload --piped {rate} --costs {costs}")
        shown.until(b"PACKET")
        shown.count(8)
        began, before, all_waits = time.monotonic(), _read(costs), list[float]()
        while (at := time.monotonic() - began) < seconds:
            waits = list(waits_of_keys(terminal, shown, ROUNDS_A_MINUTE))
            all_waits += waits
            now, passed = _read(costs), time.monotonic() - began - at
            print(_line(at + passed, waits, before, now, passed), flush=True)
            print(f"    {seen(terminal.screen())}", flush=True)
            before = now
        print(
            f"keys: p95 {p95(all_waits):.0f} ms of {len(all_waits)}, slowest {max(all_waits):.0f}"
        )
        print(terminal.screen())


def _read(costs: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(costs.read_text())
    return found


def _line(
    at: float, waits: list[float], before: dict[str, Any], now: dict[str, Any], passed: float
) -> str:
    rate = (now["packets"] - before["packets"]) / passed
    used = 100 * (now["cpu"] - before["cpu"]) / passed
    return (
        f"{at:5.0f} s: keys p95 {p95(waits):.0f} ms; {rate:,.0f} packets/s on the screens; "
        f"{now['memory']:.0f} MiB; {used:.0f} % of a core; lost events {now['drops']}"
    )


if __name__ == "__main__":
    given = sys.argv[1:]
    minutes(float(given[0]) if given else SECONDS, int(given[1]) if given[1:] else RATE)
