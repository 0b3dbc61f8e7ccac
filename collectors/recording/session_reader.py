"""A session that was recorded, read from any place: its files as one log, in order."""

from __future__ import annotations

import contextlib
import heapq
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from collectors.errors import ConfigError
from collectors.events import Event, RecordingEnd, TargetState
from collectors.recording.blocks import FileBlock, blocks, content, whole_lines
from collectors.recording.event_codec import Malformed, UnknownKind
from collectors.recording.figure_rows import FigureRows
from collectors.recording.log_lines import Numbered, PacketPlace, parsed
from collectors.recording.pcap_segments import PacketReader
from collectors.recording.session_lock import is_running
from collectors.recording.session_log import EVIDENCE_FILES, FIGURES, STATES, TIMELINE
from collectors.sanitize import sanitize

DAMAGED_PARTS = "damaged parts"
MOST_DAMAGED = 10_000  # lines: a file may be hostile
TIME = re.compile(rb'\d+ \{"_":"\w+","at":([0-9.e+-]+)[,}]')  # of a line, as podwire writes it
T = TypeVar("T")


class LastLine(NamedTuple):
    """The number of the last line of evidence, and the time until which there is any; zeros where
    there is none."""

    number: int
    at: float


class SessionReader:
    """`skipped` counts what was passed over, by what it was. `is_running`: it is still written, so
    that it has no end yet."""

    def __init__(self, directory: Path) -> None:
        if not is_session(directory):
            raise ConfigError(f"{sanitize(directory, 200)} is not a recorded session.")
        self.directory = directory
        self.is_running = is_running(directory)
        self.skipped: Counter[str] = Counter()
        self._damaged: set[tuple[str, int]] = set()
        self.packets = PacketReader(directory)
        files = sorted(directory.glob(EVIDENCE_FILES))
        self.evidence = list(chain.from_iterable(map(_blocks, files)))

    def timeline(self) -> Iterator[tuple[int, Event]]:
        """What is rare: everything but evidence, figures and tables."""
        path = self.directory / TIMELINE
        known = _blocks(path)
        if (begins := known[0].offset if known else path.stat().st_size) and not self.is_running:
            self._is_damaged(FileBlock(path, 0, at=0.0, number=0, end=begins))
        return self._events(self._lines(known))

    def states(self) -> Iterator[tuple[int, Event]]:
        """Tables of which the latest holds until the next."""
        return self._events(self._lines(self.state_blocks))

    @property
    def state_blocks(self) -> list[FileBlock]:
        return _blocks(self.directory / STATES)

    @property
    def figure_blocks(self) -> list[FileBlock]:
        return _blocks(self.directory / FIGURES)

    def figures(self, block: FileBlock) -> Iterator[FigureRows]:
        for _, item in self._lines([block]):
            if isinstance(item, FigureRows):
                yield item

    def block_at(self, at: float) -> int:
        """The index of the block of evidence in which a time is; -1 before the first."""
        return bisect_right(self.evidence, at, key=lambda block: block.at) - 1

    def evidence_from(self, index: int, until: int | None = None) -> Iterator[Numbered]:
        """Lines of evidence from a block on; packets are places."""
        return self._lines(self.evidence[max(index, 0) : until])

    def evidence_texts(self, index: int, until: int | None = None) -> Iterator[bytes]:
        """The same lines as they were written, each to be `parsed` or passed over."""
        return self.texts(self.evidence[max(index, 0) : until])

    def texts(self, of: Iterable[FileBlock]) -> Iterator[bytes]:
        """Lines of blocks as they were written."""
        return chain.from_iterable(whole_lines(content(block, self._is_damaged)) for block in of)

    def _is_damaged(self, block: FileBlock) -> None:
        """A block; each counts once, however often it is read."""
        self._damaged.add((block.path.name, block.offset))
        self.skipped[DAMAGED_PARTS] = len(self._damaged)

    def timeline_is_damaged(self) -> bool:
        """Whether something that was said is missing, before the end of it."""
        for _ in self.timeline():
            pass
        return any(name == TIMELINE for name, _ in self._damaged)

    def last_evidence(self) -> LastLine:
        """By how its lines begin: few of them are read in full."""
        texts = list(self.evidence_texts(len(self.evidence) - 1))
        by_time = sorted(texts, key=_said_time, reverse=True)
        last = next(self.items(reversed(texts), self.parsed), None)
        latest = next(self.items(by_time, self.parsed), None)
        return LastLine(last[0] if last else 0, latest[1].at if latest else 0.0)

    def lacks_evidence(self) -> bool:
        """Whether targets were looked at, and nothing of what was seen there is left: it was
        removed, or cannot be read."""
        if next(self.evidence_from(0), None) is not None:
            return False
        said = (event for _, event in self.timeline())
        return any(isinstance(one, TargetState) and one.phase == "live" for one in said)

    def parsed(self, text: bytes) -> Numbered | None:
        """A line; None, and counted, where it is damaged or of an unknown kind."""
        try:
            return parsed(text)
        except UnknownKind as error:
            self.skipped[error.kind] += 1
        except Malformed:
            self.skipped["damaged lines"] += 1
        return None

    def events(self, index: int = 0) -> Iterator[Event]:
        """All in order, from a block of evidence on; where the log broke off, an end that says
        so."""
        first = self.evidence[index].number if index > 0 else 0
        rare = (one for one in merged(self.timeline(), self.states()) if one[0] >= first)
        last: Event | None = None
        at = 0.0
        for _, item in merged(rare, self.evidence_from(index)):
            last = self.packets.batch(item) if isinstance(item, PacketPlace) else item
            at = max(at, last.at)
            yield last
        if last is not None and not isinstance(last, RecordingEnd) and not self.is_running:
            yield RecordingEnd(at, "", clean=False)

    def _events(self, lines: Iterable[Numbered]) -> Iterator[tuple[int, Event]]:
        for number, item in lines:
            if isinstance(item, Event):
                yield number, item

    def _lines(self, of: Iterable[FileBlock]) -> Iterator[Numbered]:
        return self.items(self.texts(of), self.parsed)

    def items(self, texts: Iterable[bytes], read: Callable[[bytes], T | None]) -> Iterator[T]:
        """What lines say, until so many said nothing that no disk damages them."""
        damaged = 0
        for text in texts:
            if (item := read(text)) is not None:
                yield item
            elif (damaged := damaged + 1) > MOST_DAMAGED:
                return


def _said_time(text: bytes) -> float:
    """Of a line; 0 where it begins in another manner."""
    with contextlib.suppress(ValueError):
        return float(found[1]) if (found := TIME.match(text)) else 0.0
    return 0.0


def merged(*logs: Iterable[Any]) -> Iterator[Any]:
    """Several logs as one, by the numbers that their lines begin with."""
    return heapq.merge(*logs, key=itemgetter(0))


def _blocks(path: Path) -> list[FileBlock]:
    try:
        return blocks(path)
    except FileNotFoundError:  # it went first, where room was needed
        return []


def is_session(directory: Path) -> bool:
    return (directory / TIMELINE).is_file()
