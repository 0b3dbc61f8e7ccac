"""python -m benchmarks [packets|flows|memory|parsers|sockets|console …]: the tables of
docs/figures.md."""

from __future__ import annotations

import sys

from benchmarks import console, flows, packets, parsers, sockets
from benchmarks.table import FIGURES_HEAD, HEAD
from cli.main import collect_garbage_rarely


def main(wanted: list[str]) -> None:
    collect_garbage_rarely()  # as the program itself does
    if not wanted or "packets" in wanted:
        print(HEAD)
        for ratio in [*packets.decoding(), packets.transport()]:
            print(ratio.row(), flush=True)
    if "flows" in wanted:
        print(HEAD)
        for ratio in flows.measure():
            print(ratio.row(), flush=True)
    if "sockets" in wanted:
        sockets.alone()
        print(HEAD)
        for ratio in sockets.measure():
            print(ratio.row(), flush=True)
    if not wanted or "console" in wanted:
        print(FIGURES_HEAD)
        for figure in console.measure():
            print(figure.row(), flush=True)
    if not wanted or "memory" in wanted:
        print(packets.memory(), flush=True)
    if not wanted or "parsers" in wanted:
        parsers.sockets()
        parsers.counters()


if __name__ == "__main__":
    main(sys.argv[1:])
