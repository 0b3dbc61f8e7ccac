"""A recorded session that any time of it can be gone to: what is rare is in memory, the rest is
read from the blocks around that time.

The state at a time is that after playing up to it, except that packets and flows begin at most
WINDOW_S and a block before: to read more would need longer than a key may.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from operator import itemgetter

from collectors.events import Event, FindingEvent, Mark, RecordingEnd
from collectors.frozen import frozen
from collectors.recording.event_log import as_notice, left_out
from collectors.recording.log_lines import PacketPlace
from collectors.recording.session_reader import SessionReader, merged
from session.packet_lines import PacketLines
from session.recorded_figures import RecordedFigures
from session.recorded_inventory import RecordedInventory
from session.recorded_tables import RecordedTables
from session.recorded_targets import recorded_tabs
from session.replay_window import Item, Window
from session.store import Store
from session.targets import OpenTab

WINDOW_S = 35.0  # figures are recorded every 30 s
NUMBER = itemgetter(0)
NEVER = (float("inf"), None)
Rare = tuple[float, Event]  # a mark that is set while it is played has a number between two others


@frozen
class StateAt:
    """What a store holds at a time, and the number of the first event after it."""

    store: Store
    next: float


class SessionArchive:
    """Blocking: used in a thread. `again`: rules of today look at it, so that what was found when
    it was recorded is a notice."""

    def __init__(self, reader: SessionReader, again: bool = False) -> None:
        self.reader = reader
        self._adding = threading.Lock()
        self._timeline: list[Rare] = list(reader.timeline())
        self._inventory = RecordedInventory(self._timeline)
        self._tables = RecordedTables(reader)
        self._figures = RecordedFigures(reader)
        self._end_if_torn()
        self.finding_times = sorted(_appeared(event for _, event in self._timeline))
        if again:
            self._timeline = [(number, _again(event)) for number, event in self._timeline]

    def _end_if_torn(self) -> None:
        """Where the log broke off; one that is still written has no end."""
        times = [event.at for _, event in self._timeline]
        last = self.reader.last_evidence()
        self.began = min((*times, *(block.at for block in self.reader.evidence[:1])), default=0.0)
        self.ended = max((*times, last.at), default=0.0)
        is_over = any(isinstance(event, RecordingEnd) for _, event in self._timeline[-1:])
        if not is_over and not self.reader.is_running and self._timeline:
            number = max(self._timeline[-1][0], last.number) + 1
            self._timeline.append((number, RecordingEnd(self.ended, "", clean=False)))

    @property
    def mark_times(self) -> list[float]:
        return [event.at for _, event in self._timeline if isinstance(event, Mark)]

    def tabs(self) -> list[OpenTab]:
        """What was open, at any time of it."""
        return recorded_tabs(event for _, event in self._timeline)

    def add(self, event: Event) -> None:
        """What somebody says while it is played, at its time."""
        with self._adding:
            rare = (one for one in self._timeline if one[1].at > event.at)
            often = self._often_after(event.at)
            end = self._timeline[-1][0] + 1 if self._timeline else NEVER[0]  # its log may be gone
            number = min(next(rare, NEVER)[0], next(often, NEVER)[0], end)
            insort(self._timeline, (number - 0.5, event), key=NUMBER)

    def put_findings(self, found: Iterable[Rare]) -> None:
        """What rules of today found in it, each with its place: it is replayed as if it had been
        recorded. Nobody reads it meanwhile."""
        with self._adding:
            self._timeline = sorted([*self._timeline, *found], key=NUMBER)
            self.finding_times = sorted(_appeared(event for _, event in self._timeline))

    def _often_after(self, at: float) -> Iterator[tuple[float, Item]]:
        texts = self.reader.evidence_texts(max(0, self.reader.block_at(at)))
        return (one for one in Window(self.reader).items(texts) if one[1].at > at)

    def left_out(self) -> str:
        """What could not be read so far, for a person; '' where all could be."""
        skipped = self.reader.skipped.copy()
        if self.reader.packets.missing:
            skipped["packets"] = self.reader.packets.missing
        return left_out(skipped)

    # --- playing

    def events_from(self, number: float) -> Iterator[Event]:
        """All from a number on, in order."""
        return map(itemgetter(1), self.numbered_from(number))

    def numbered_from(self, number: float) -> Iterator[Rare]:
        """The same, with their numbers."""
        for place, item in self._items(self._block_of(number), number):
            packets = self.reader.packets
            yield place, packets.batch(item) if isinstance(item, PacketPlace) else item

    def _block_of(self, number: float) -> int:
        blocks = self.reader.evidence
        return max(0, bisect_right(blocks, number, key=lambda block: block.number) - 1)

    def _items(self, block: int, number: float) -> Iterator[tuple[float, Event | PacketPlace]]:
        rare = self._timeline[bisect_left(self._timeline, number, key=NUMBER) :]
        often = (one for one in self.reader.evidence_from(block) if one[0] >= number)
        return merged(rare, self._tables.events_from(number), often)

    # --- going to a time

    def state_at(self, at: float, ahead: bool = False) -> StateAt:
        """What was known at a time; `ahead`: and what had begun by that time, as it was found
        later."""
        store, blocks = Store(), self.reader.evidence
        block = max(0, self.reader.block_at(at - WINDOW_S))
        first = self._first_after(at)  # of a session that has lost its first evidence
        if blocks:
            first = min(first, blocks[block].number)
        before = self._timeline[: bisect_left(self._timeline, first, key=NUMBER)]
        self._inventory.restore(store, before, at)
        self._restore_figures(store, at)
        self._restore_silent(store, at, block)
        window = Window(self.reader)
        after = self._fill(window, at, block, first)
        window.apply_to(store)
        for event in self._tables.latest(after):
            store.apply(event)
        store.latest = max(store.latest, min(at, self.ended))
        if ahead:
            self._show_ahead(store, at, after)
        return StateAt(store, after)

    def _show_ahead(self, store: Store, at: float, after: float) -> None:
        later = self._timeline[bisect_left(self._timeline, after, key=NUMBER) :]
        for _, event in later:
            if isinstance(event, FindingEvent) and _is_ahead(event, at):
                store.findings.show_ahead(event)

    def _first_after(self, at: float) -> float:
        """The number of the first that is not evidence."""
        return next((number for number, event in self._timeline if event.at > at), NEVER[0])

    def _fill(self, window: Window, at: float, block: int, first: float) -> float:
        """The number of the first event after `at`."""
        rare = self._timeline[bisect_left(self._timeline, first, key=NUMBER) :]
        texts = self.reader.evidence_texts(block)
        return window.put_until(at, merged(rare, window.items(texts)))

    def _restore_figures(self, store: Store, at: float) -> None:
        for key in {*store.targets, *self._figures.targets(at)}:
            data = store.target(key)
            data.packets = PacketLines()
            data.history = self._figures.history((key, False), at)
            data.peer_history = self._figures.history((key, True), at)
            if (piece := self._figures.whole_until(key, at)) is not None:
                data.moved, data.moved_until = dict(piece.moved), piece.last
                data.packets_seen = piece.packets

    def _restore_silent(self, store: Store, at: float, block: int) -> None:
        """What was seen last of targets that had nothing to say for longer than the window."""
        begins = self.reader.evidence[block].at if self.reader.evidence else 0.0
        for key in self._figures.targets(at):
            last = self._figures.known_until(key, at)
            if last < begins:
                window = Window(self.reader, key)
                first = max(0, self.reader.block_at(last))
                texts = self.reader.evidence_texts(first, first + 2)
                window.put_until(at, window.items(texts))
                window.apply_to(store)
                if store.target(key).phase == "gap":
                    store.target(key).begin_gap(0.0)


def _appeared(events: Iterable[Event]) -> Iterator[float]:
    """When something began that is more than advice: it was found some seconds later."""
    for event in events:
        if isinstance(event, FindingEvent) and _is_new_trouble(event):
            yield event.since or event.at


def _is_ahead(event: FindingEvent, at: float) -> bool:
    """Whether it had begun at a time, and was not found yet."""
    return event.change == "appeared" and event.since <= at < event.at


def _is_new_trouble(event: FindingEvent) -> bool:
    return event.change == "appeared" and event.finding.severity != "info"


def _again(event: Event) -> Event:
    return as_notice(event) if isinstance(event, FindingEvent) else event
