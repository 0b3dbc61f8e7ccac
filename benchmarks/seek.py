"""Going to a time of an hour that was recorded on a busy pod: python -m benchmarks.seek [DIRECTORY]

DIRECTORY is a session of benchmarks.session_hour; without, one is made. Times are at random all
over the hour, as a replay would be asked for them: read, and put in place of what the screens show.
"""

from __future__ import annotations

import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.session_hour import write
from benchmarks.table import FIGURES_HEAD, Figure
from collectors.recording.session_reader import SessionReader
from session.session_archive import SessionArchive
from session.store import Store

SEEKS = 60
BAR_MS, OPEN_MS = 300, 3_000


def measure(directory: Path) -> Iterator[Figure]:
    gc.disable()  # as in the console, which collects between keys
    began = time.perf_counter()
    archive = SessionArchive(SessionReader(directory))
    opened = 1000 * (time.perf_counter() - began)
    rnd, shown = random.Random(20), Store()
    waits, used = [], []
    for _ in range(SEEKS):
        at = rnd.uniform(archive.began, archive.ended)
        began, cpu = time.perf_counter(), time.process_time()
        shown.become(archive.state_at(at).store)
        waits.append(1000 * (time.perf_counter() - began))
        used.append(1000 * (time.process_time() - cpu))
    detail = (
        f"median {statistics.median(waits):.0f} ms of {len(waits)}; CPU: median "
        f"{statistics.median(used):.0f} ms, most {max(used):.0f} ms"
    )
    yield Figure("go to any time of a recorded hour, slowest", max(waits), BAR_MS, "ms", detail)
    yield Figure("open a recorded hour", opened, OPEN_MS, "ms")


def main(arguments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(arguments[0] if arguments else folder)
        if not arguments:
            write(directory)
        print(FIGURES_HEAD)
        for figure in measure(directory):
            print(figure.row(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
