"""A session on disk: a directory (0700) of compressed logs, with the packets beside them.

`timeline.zst` has what is rare and said (findings, marks, writes, states, objects), `figures.zst`
figures over time, `states.zst` tables of which the latest holds until the next, `evidence-N.zst`
what comes every second, and `*.pcap.zst` the packets. A line is an event; its number orders the
lines of all files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from collectors.events import (
    ConntrackTable,
    CounterSample,
    Event,
    FilterRules,
    NetworkState,
    PacketBatch,
    RuleTables,
    SocketSnapshot,
)
from collectors.recording.blocks import BlockWriter
from collectors.recording.event_log import start_event
from collectors.recording.figure_rows import FigureRows
from collectors.recording.log_lines import PacketPlace, line
from collectors.recording.pcap_segments import PcapSegments

TIMELINE, FIGURES, STATES = "timeline.zst", "figures.zst", "states.zst"
EVIDENCE = "evidence-{:04}.zst"
EVIDENCE_FILES = "evidence-*.zst"
EVERY_SECOND = (CounterSample, SocketSnapshot, PacketBatch, FilterRules)
SELDOM = (ConntrackTable, NetworkState, RuleTables)
BLOCK_S = 60.0  # of evidence, and of what is said: what a replay reads again; longer packs better
LONG_BLOCK_S = 300.0
SEGMENT = 64 << 20
LEVEL = 9  # lines repeat themselves


class LineFile:
    """A file of lines that is being written, a block for so many seconds."""

    def __init__(self, path: Path, block_s: float) -> None:
        self.writer = BlockWriter(path, LEVEL)
        self._block_s = block_s
        self._began = 0.0

    def add(self, number: int, item: Event | PacketPlace) -> None:
        writer = self.writer
        if not writer.is_open or writer.is_full or abs(item.at - self._began) >= self._block_s:
            writer.begin(item.at, number)
            self._began = item.at
        writer.write(line(number, item))


class SessionWriter:
    """Writes the events of a session into a new directory that exists. Blocking; what `write` was
    given is on disk when it returns. After an OSError (a full disk) it can be tried again: events
    of that call are lost."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.count = 0  # of events, and the number of the next
        self._packets = PcapSegments(directory)
        self._timeline = LineFile(directory / TIMELINE, BLOCK_S)
        self._figures = LineFile(directory / FIGURES, LONG_BLOCK_S)
        self._states = LineFile(directory / STATES, LONG_BLOCK_S)
        self._evidence: LineFile | None = None
        self._segments = 0

    @property
    def size(self) -> int:
        """Bytes of the files that are open."""
        return self._packets.size + sum(one.writer.size for one in self._files())

    def write(self, batch: Iterable[Event]) -> None:
        try:
            for event in batch:
                if not self.count:
                    self._add(start_event(event.at))
                self._add(event)
            self._packets.flush()
            for file in self._files():
                file.writer.flush()
        except OSError:
            self._packets.abandon()
            raise

    def _add(self, event: Event) -> None:
        number, self.count = self.count, self.count + 1
        if isinstance(event, PacketBatch):
            self._open_evidence().add(number, self._packets.put(event))
        elif isinstance(event, EVERY_SECOND):
            self._open_evidence().add(number, event)
        elif isinstance(event, SELDOM):
            self._states.add(number, event)
        elif isinstance(event, FigureRows):
            self._figures.add(number, event)
        else:
            self._timeline.add(number, event)

    def _open_evidence(self) -> LineFile:
        if self._evidence is None or self._evidence.writer.size > SEGMENT:
            if self._evidence is not None:
                self._evidence.writer.close()
            self._segments += 1
            name = EVIDENCE.format(self._segments)
            self._evidence = LineFile(self.directory / name, BLOCK_S)
        return self._evidence

    def _files(self) -> list[LineFile]:
        always = [self._timeline, self._figures, self._states]
        return [*always, self._evidence] if self._evidence else always

    def close(self) -> None:
        for end in (self._packets.close, *(file.writer.close for file in self._files())):
            with contextlib.suppress(OSError):
                end()
