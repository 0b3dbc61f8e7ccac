"""Seconds from a command to the first frame of its console, for commands in turn:

    python3 tools/first_frame.py 5 podwire demo -- python3 podwire.pyz demo

Each is started that often in a terminal of its own, in turn with the others; said is the least of
each, in seconds on the clock and of CPU, and how many times the first command's that is. The frame
is there when its tabs are. It needs this file and a Python alone, so that a new root can run it.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from typing import NamedTuple

WANTED = b"conntrack"  # a tab of the console's
ROWS, COLUMNS = 40, 120
START_S, END_S = 120.0, 5.0


class Start(NamedTuple):
    """Seconds until the frame was there."""

    wall: float
    cpu: float


def cpu_of(process: int) -> float:
    """Seconds of CPU of a process and its ended children (proc_pid_stat(5), fields 14 to 17)."""
    with open(f"/proc/{process}/stat") as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def started(command: list[str]) -> Start:
    """SystemExit with what was written where no frame came."""
    began, seen = time.monotonic(), b""
    process, terminal = pty.fork()
    if process == 0:
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    try:
        for seen in written(terminal, began + START_S):
            if WANTED in seen:
                return Start(time.monotonic() - began, cpu_of(process))
    finally:
        end(process, terminal)
    shown = seen[-600:].decode("utf-8", "replace")
    raise SystemExit(f"{' '.join(command)}: no frame came: {shown!r}")


def written(terminal: int, until: float) -> Iterator[bytes]:
    """All that the program has written so far, each time that there is more."""
    seen = b""
    while (left := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # it ended
                return
            yield seen


def end(process: int, terminal: int) -> None:
    """The program ends as on a terminal that is closed; by force after a while."""
    os.close(terminal)
    for number, seconds in ((signal.SIGHUP, END_S), (signal.SIGKILL, END_S)):
        deadline = time.monotonic() + seconds
        os.kill(process, number)
        while time.monotonic() < deadline:
            if os.waitpid(process, os.WNOHANG)[0]:
                return
            time.sleep(0.02)


def commands(words: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for word in words:
        if word == "--":
            found.append([])
        else:
            found[-1].append(word)
    return [command for command in found if command]


def main() -> int:
    if len(sys.argv) < 3 or not sys.argv[1].isdigit():
        sys.stderr.write(__doc__ or "")
        return 2
    asked = commands(sys.argv[2:])
    for command in asked:
        if shutil.which(command[0]) is None:
            raise SystemExit(f"{command[0]}: there is no such program")
    starts: list[list[Start]] = [[] for _ in asked]
    for _ in range(int(sys.argv[1])):
        for command, found in zip(asked, starts, strict=True):
            found.append(started(command))
    first = min(starts[0], key=lambda start: start.cpu).cpu
    for command, found in zip(asked, starts, strict=True):
        wall, cpu = min(start.wall for start in found), min(start.cpu for start in found)
        times = f"{cpu / first:.2f} times" if command is not asked[0] else ""
        print(f"{wall:.2f} s, {cpu:.2f} s of CPU  {' '.join(command)}  {times}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
