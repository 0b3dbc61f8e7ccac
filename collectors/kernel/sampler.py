"""What the sampler prints (sampler_program), cut into frames and read into events.

One long-lived exec per vantage point prints a frame every tick.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from collectors.events import CounterSample, Event, NetworkState, SocketSnapshot
from collectors.kernel import network_state, procfs
from collectors.kernel.sampler_program import MANY, SOCKETS_EVERY
from collectors.sockets import procfs as proc_sockets, ss
from collectors.sockets.rows import SocketRow

MAX_FRAME = 32 << 20
_FILE = re.compile(r"^==> (/proc/\S+) <==\n", re.MULTILINE)
FRAME_END = b"\x1eend\n"


class SamplerError(Exception):
    """What the sampler printed is not a frame."""


@dataclass(slots=True)
class SamplerFrame:
    sections: list[tuple[str, str]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Characters in all sections: the measure of the time to parse it."""
        return sum(len(text) for _, text in self.sections)

    def first(self, name: str) -> str:
        return next((text for title, text in self.sections if title == name), "")


class FrameReader:
    """Cuts a byte stream into frames, however it is split. Holds at most MAX_FRAME bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[SamplerFrame]:
        searched = max(0, len(self._buffer) - len(FRAME_END) + 1)
        self._buffer += data
        while (end := self._buffer.find(FRAME_END, searched)) >= 0:
            text = self._buffer[:end].decode("utf-8", "replace")
            del self._buffer[: end + len(FRAME_END)]
            searched = 0
            yield _frame(text)
        if len(self._buffer) > MAX_FRAME:
            raise SamplerError(f"a sample grew past {MAX_FRAME >> 20} MiB")


def _frame(text: str) -> SamplerFrame:
    frame = SamplerFrame()
    for part in text.split("\x1e")[1:]:
        frame.sections.append(_section(part))
    return frame


def _section(part: str) -> tuple[str, str]:
    """Title and body."""
    title, _, body = part.partition("\n")
    return title, body


def files(frame: SamplerFrame) -> dict[str, str]:
    """The files of a frame by their paths."""
    text = frame.first("all files") or frame.first("files")
    pieces = _FILE.split(text)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def sample(
    frame: SamplerFrame, target: str, at: float, settings: procfs.Values | None = None
) -> CounterSample:
    """The counters of a frame. Files that could not be read are named in `missing`. `settings` are
    those last read: a frame that holds them renews them, one that does not goes on with them."""
    try:
        clock = float(frame.first("uptime").strip())
    except ValueError:
        raise SamplerError("a sample carries no clock") from None
    read = files(frame)
    values = _parsed(read, procfs.FILES)
    settings = {} if settings is None else settings
    if frame.first("all files"):
        settings.clear()
        settings.update(_parsed(read, procfs.SLOW_FILES))
        settings.update(_tool_values(frame))
    return CounterSample(
        at=at,
        target=target,
        clock=clock,
        netns=frame.first("netns").strip()[:64],
        values=values | settings,
        missing=tuple(path for path in procfs.FILES if path not in read),
    )


def _parsed(read: dict[str, str], parsers: dict[str, procfs.Parser]) -> procfs.Values:
    values: procfs.Values = {}
    for path, parse in parsers.items():
        if path in read:
            values.update(parse(read[path]))
    return values


def _tool_values(frame: SamplerFrame) -> procfs.Values:
    """What no file holds: `ethtool -S`, and of `conntrack -S` and `ip -s` what /proc lacks."""
    values: procfs.Values = {}
    for title, text in frame.sections:
        tool, _, device = title.partition(" ")
        if tool == "ethtool":
            values.update(network_state.ethtool(text, device))
    values.update(network_state.statistics(frame.first("ip addr")))
    conntrack = procfs.conntrack_tool(frame.first("conntrack -S"))
    if "conntrack_chaintoolong" in conntrack:
        values["conntrack_chaintoolong"] = conntrack["conntrack_chaintoolong"]
    return values


def network(frame: SamplerFrame, target: str, at: float) -> NetworkState | None:
    """How the namespace is set up, if the frame says it."""
    if not frame.first("kernel"):
        return None
    return network_state.state(at, target, dict(frame.sections))


def sockets(frame: SamplerFrame, target: str, at: float) -> SocketSnapshot | None:
    """The socket tables of a frame, if it carries them."""
    rows: list[SocketRow] = []
    source = note = ""
    for title, text in frame.sections:
        tool, protocol, total, every = [*title.split(" "), "", "", ""][:4]
        if tool in ("ss", "sum"):
            rows += ss.parse(text, protocol)
            source = "ss"
        elif tool == "proc":
            rows += proc_sockets.parse(text, protocol)
            source = f"/proc/net/{protocol}"
        else:
            continue
        note = note or _note(tool, total, every)
    return SocketSnapshot(at, target, tuple(rows), source, note) if source else None


def _note(tool: str, total: str, every: str) -> str:
    """How sockets are read where that is not all of them at the usual interval; '' where it is."""
    if not (total.isdecimal() and every.isdecimal()) or int(every) <= SOCKETS_EVERY:
        return ""
    if tool == "sum":
        return f"{int(total):,} sockets, added up by peer at the source, every {every} s"
    first = f", the first {MANY:,}" if int(total) > MANY else ""
    return f"{int(total):,} sockets{first}, every {every} s"


def capabilities(frame: SamplerFrame) -> int | None:
    """CapEff of the container, in the first frame."""
    fields = frame.first("caps").split()
    return int(fields[1], 16) if len(fields) == 2 else None


def process_id(frame: SamplerFrame) -> int | None:
    """Of the sampler's shell, in the first frame."""
    text = frame.first("pid").strip()
    return int(text) if text.isascii() and text.isdigit() else None


def events(
    frame: SamplerFrame, target: str, at: float, settings: procfs.Values | None = None
) -> Iterator[Event]:
    yield sample(frame, target, at, settings)
    state = network(frame, target, at)
    if state is not None:
        yield state
    snapshot = sockets(frame, target, at)
    if snapshot is not None:
        yield snapshot
