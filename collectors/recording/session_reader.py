"""A session that was recorded, read from any place: its files as one log, in order."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import itemgetter
from pathlib import Path

from collectors.errors import ConfigError
from collectors.events import Event
from collectors.recording.blocks import FileBlock, blocks, content
from collectors.recording.event_codec import Malformed, UnknownKind
from collectors.recording.figure_rows import FigureRows
from collectors.recording.log_lines import Numbered, PacketPlace, parsed
from collectors.recording.pcap_segments import PacketReader
from collectors.recording.session_log import EVIDENCE_FILES, FIGURES, TIMELINE
from collectors.sanitize import sanitize


class SessionReader:
    """`skipped` counts what was passed over, by what it was."""

    def __init__(self, directory: Path) -> None:
        if not is_session(directory):
            raise ConfigError(f"{sanitize(directory, 200)} is no recorded session.")
        self.directory = directory
        self.skipped: Counter[str] = Counter()
        self.packets = PacketReader(directory)
        files = sorted(directory.glob(EVIDENCE_FILES))
        self.evidence = list(chain.from_iterable(map(_blocks, files)))

    def timeline(self) -> Iterator[tuple[int, Event]]:
        """What is rare: everything but evidence."""
        for number, item in self._lines(_blocks(self.directory / TIMELINE)):
            if isinstance(item, Event):
                yield number, item

    def figures(self) -> Iterator[FigureRows]:
        for _, item in self._lines(_blocks(self.directory / FIGURES)):
            if isinstance(item, FigureRows):
                yield item

    def block_at(self, at: float) -> int:
        """The index of the block of evidence in which a time is; -1 before the first."""
        return bisect_right(self.evidence, at, key=lambda block: block.at) - 1

    def evidence_from(self, index: int, until: int | None = None) -> Iterator[Numbered]:
        """Lines of evidence from a block on; packets are places."""
        return self._lines(self.evidence[max(index, 0) : until])

    def events(self, index: int = 0) -> Iterator[Event]:
        """All in order, from a block of evidence on."""
        first = self.evidence[index].number if index > 0 else 0
        timeline = (one for one in self.timeline() if one[0] >= first)
        for _, item in heapq.merge(timeline, self.evidence_from(index), key=itemgetter(0)):
            yield self.packets.batch(item) if isinstance(item, PacketPlace) else item

    def _lines(self, of: Iterable[FileBlock]) -> Iterator[Numbered]:
        for text in chain.from_iterable(_split(content(block)) for block in of):
            try:
                yield parsed(text)
            except UnknownKind as error:
                self.skipped[error.kind] += 1
            except Malformed:
                self.skipped["damaged lines"] += 1


def _blocks(path: Path) -> list[FileBlock]:
    try:
        return blocks(path)
    except FileNotFoundError:  # it went first, where room was needed
        return []


def _split(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines; what is behind the last line end was torn off."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines


def is_session(directory: Path) -> bool:
    return (directory / TIMELINE).is_file()
