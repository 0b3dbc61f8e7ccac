"""The one long-lived exec a vantage point: its constant shell program, and the reader of what it prints.

Every tick it prints a frame: the uptime (the sample's own clock), the network namespace's inode, then the files of
procfs.FILES, now and then those of procfs.SLOW_FILES, and every few ticks the socket tables. Frames are cut by lines
that start with the record separator 0x1E, which no /proc file holds. The loop ends by itself after a given number of
ticks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from collectors.events import CounterSample, Event, SocketSnapshot
from collectors.kernel import procfs
from collectors.remote import owned
from collectors.sockets import procfs as proc_sockets
from collectors.sockets import ss
from collectors.sockets.rows import SocketRow

INTERVAL_S = 1
SOCKETS_EVERY = 2  # ticks
SETTINGS_EVERY = 30
MAX_TICKS = 14_400
MAX_FRAME = 32 << 20

# $1 ticks, $2 interval, $3 sockets every n-th tick, $4 settings every n-th, $5 how many of the files are settings, then
# those, then the others. Runs in busybox's and Debian's sh. All files of a tick are read by one process: `tail` writes
# a line with its name before each.
PROGRAM = r"""
ticks=$1 pause=$2 every=$3 slow=$4 settings=$5; shift 5
fast() { k=$1; shift; shift "$k"; tail -n +1 "$@" 2>/dev/null; }
n=0
while [ "$n" -lt "$ticks" ]; do
  printf '\036frame %s\n' "$n"
  read -r up rest < /proc/uptime; printf '\036uptime\n%s\n' "$up"
  printf '\036netns\n'; readlink /proc/self/ns/net
  if [ $((n % slow)) -eq 0 ]; then
    printf '\036all files\n'; tail -n +1 "$@" 2>/dev/null
  else
    printf '\036files\n'; fast "$settings" "$@"
  fi
  if [ $((n % every)) -eq 0 ]; then
    if command -v ss >/dev/null 2>&1; then
      printf '\036ss tcp\n'; ss -tinoOaH 2>/dev/null || ss -tinoaH 2>/dev/null
      printf '\036ss udp\n'; ss -uanH 2>/dev/null
    else
      printf '\036proc tcp\n'; cat /proc/net/tcp; printf '\036proc tcp\n'; cat /proc/net/tcp6 2>/dev/null
      printf '\036proc udp\n'; cat /proc/net/udp
    fi
  fi
  if [ "$n" -eq 0 ]; then printf '\036caps\n'; grep CapEff /proc/self/status; printf '\036pid\n%s\n' "$$"; fi
  printf '\036end\n'
  n=$((n + 1)); sleep "$pause"
done
"""
_FILE = re.compile(r"^==> (/proc/\S+) <==\n", re.MULTILINE)


def command(ticks: int = MAX_TICKS) -> list[str]:
    """The argument vector that starts the sampler, for so many samples, in a container that has `sh`."""
    counts = [ticks, INTERVAL_S, SOCKETS_EVERY, SETTINGS_EVERY, len(procfs.SLOW_FILES)]
    files = (*procfs.SLOW_FILES, *procfs.FILES)
    return owned(["sh", "-c", PROGRAM, "podwire-sampler", *map(str, counts), *files])


class SamplerError(Exception):
    """What the sampler printed is not a frame."""


@dataclass(slots=True)
class Frame:
    sections: list[tuple[str, str]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Characters in all sections: how long it takes to parse."""
        return sum(len(text) for _, text in self.sections)

    def first(self, name: str) -> str:
        return next((text for title, text in self.sections if title == name), "")


class FrameReader:
    """Cuts a byte stream into frames, however it is split. Holds at most MAX_FRAME bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        self._buffer += data
        while (end := self._buffer.find(b"\x1eend\n")) >= 0:
            text = self._buffer[:end].decode("utf-8", "replace")
            del self._buffer[: end + 5]
            yield _frame(text)
        if len(self._buffer) > MAX_FRAME:
            raise SamplerError(f"a sample grew past {MAX_FRAME >> 20} MiB")


def _frame(text: str) -> Frame:
    frame = Frame()
    for part in text.split("\x1e")[1:]:
        title, _, body = part.partition("\n")
        frame.sections.append((title, body))
    return frame


def files(frame: Frame) -> dict[str, str]:
    """The files of a frame by their paths."""
    text = frame.first("all files") or frame.first("files")
    pieces = _FILE.split(text)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def sample(frame: Frame, target: str, at: float, settings: procfs.Values | None = None) -> CounterSample:
    """The counters of a frame. Files that could not be read are named in `missing`. `settings` are those last read:
    a frame that holds them renews them, one that does not goes on with them."""
    try:
        clock = float(frame.first("uptime").strip())
    except ValueError:
        raise SamplerError("a sample carries no clock") from None
    known = {} if settings is None else settings
    read, whole = files(frame), bool(frame.first("all files"))
    values: procfs.Values = {}
    missing = [path for path in procfs.FILES if path not in read]
    for path, parse in procfs.FILES.items():
        if path in read:
            values.update(parse(read[path]))
    if whole:
        known.clear()
        for path, parse in procfs.SLOW_FILES.items():
            known.update(parse(read.get(path, "")))
    values.update(known)
    return CounterSample(at, target, clock, frame.first("netns").strip()[:64], values, tuple(missing))


def sockets(frame: Frame, target: str, at: float) -> SocketSnapshot | None:
    """The socket tables of a frame, if it carries them."""
    rows: list[SocketRow] = []
    source = ""
    for title, text in frame.sections:
        tool, _, protocol = title.partition(" ")
        if tool == "ss":
            rows += ss.parse(text, protocol)
            source = "ss"
        elif tool == "proc":
            rows += proc_sockets.parse(text, protocol)
            source = f"/proc/net/{protocol}"
    return SocketSnapshot(at, target, tuple(rows), source) if source else None


def capabilities(frame: Frame) -> int | None:
    """CapEff of the container, told in the first frame."""
    fields = frame.first("caps").split()
    return int(fields[1], 16) if len(fields) == 2 else None


def process_id(frame: Frame) -> int | None:
    """Of the sampler's shell, told in the first frame."""
    text = frame.first("pid").strip()
    return int(text) if text.isascii() and text.isdigit() else None


def events(frame: Frame, target: str, at: float, settings: procfs.Values | None = None) -> Iterator[Event]:
    yield sample(frame, target, at, settings)
    snapshot = sockets(frame, target, at)
    if snapshot is not None:
        yield snapshot
