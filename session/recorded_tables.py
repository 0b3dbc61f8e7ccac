"""Tables of a recorded session (routes and links, conntrack, rules), of which the latest holds
until the next: where each is, so that few of them are read."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from operator import itemgetter

from collectors.events import Event
from collectors.recording.blocks import FileBlock
from collectors.recording.session_reader import SessionReader

LINE = re.compile(rb'(\d+) \{"_":"(\w+)","at":[0-9.e+-]+,"target":"([^"\\]*)"')
Key = tuple[bytes, bytes]  # kind, target
NUMBER = itemgetter(0)


class RecordedTables:
    def __init__(self, reader: SessionReader) -> None:
        self._reader = reader
        self._blocks = reader.state_blocks
        self._places: dict[Key, list[tuple[int, FileBlock]]] = {}
        for block in self._blocks:
            for text in reader.texts([block]):
                if (found := LINE.match(text)) is not None:
                    places = self._places.setdefault((found[2], found[3]), [])
                    places.append((int(found[1]), block))

    def latest(self, before: float) -> Iterator[Event]:
        """Of each kind and target the last with a smaller number."""
        wanted: dict[FileBlock, set[int]] = {}
        for places in self._places.values():
            index = bisect_left(places, before, key=NUMBER)
            if index:
                number, block = places[index - 1]
                wanted.setdefault(block, set()).add(number)
        for block, numbers in wanted.items():
            yield from self._read(block, numbers)

    def _read(self, block: FileBlock, numbers: set[int]) -> Iterator[Event]:
        for text in self._reader.texts([block]):
            number = text.partition(b" ")[0]
            if number.isdigit() and int(number) in numbers:
                line = self._reader.parsed(text)
                if line is not None and isinstance(line[1], Event):
                    yield line[1]

    def events_from(self, number: float) -> Iterator[tuple[int, Event]]:
        """All with that number or a larger one."""
        after = bisect_left(self._blocks, number, key=lambda block: block.number)
        for text in self._reader.texts(self._blocks[max(0, after - 1) :]):
            line = self._reader.parsed(text)
            if line is not None and line[0] >= number and isinstance(line[1], Event):
                yield line[0], line[1]
