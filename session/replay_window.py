"""What is read again to be at a time of a recorded session: the evidence of the last seconds.

Not all of it: of sockets the last snapshots of each target, of packets so many.
"""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from collectors.events import Event
from collectors.frozen import frozen
from collectors.recording.log_lines import Numbered, PacketPlace
from collectors.recording.session_reader import SessionReader
from session.store import Store

MOST_PACKETS = 20_000
SNAPSHOTS = 4  # of sockets, of a target: rates need two, accept queues three
SOCKETS = re.compile(rb'(\d+) \{"_":"SocketColumns","at":([0-9.e+-]+),"target":"([^"\\]*)"')


@frozen
class SocketText:
    """A snapshot of sockets as it was written: most are passed over."""

    at: float
    target: str
    text: bytes


Item = Event | PacketPlace | SocketText


class Window:
    """Evidence of one target where `only` is given, else of all."""

    def __init__(self, reader: SessionReader, only: str = "") -> None:
        self._reader = reader
        self._only = only
        self._items: list[Item] = []

    def items(self, texts: Iterable[bytes]) -> Iterator[tuple[int, Item]]:
        """Lines of evidence, each as little read as it needs."""
        return self._reader.items(texts, self._item)

    def _item(self, text: bytes) -> tuple[int, Item] | None:
        if (found := SOCKETS.match(text)) is not None:
            with contextlib.suppress(ValueError):  # a hostile file: it is read in full
                return int(found[1]), SocketText(float(found[2]), found[3].decode(), text)
        return self._reader.parsed(text)

    def put_until(self, at: float, items: Iterable[tuple[float, Item]]) -> float:
        """The number of the first that is later."""
        number = 0.0
        for number, item in items:
            if item.at > at:
                return number
            if not self._only or item.target == self._only:
                self._items.append(item)
        return number + 0.25  # before what somebody adds after the last

    def apply_to(self, store: Store) -> None:
        wanted = self._wanted()
        for number, item in enumerate(self._items):
            if number not in wanted:
                continue
            if isinstance(item, PacketPlace):
                self._packets(store, item)
            elif (event := self._event(item)) is not None:
                store.apply(event)

    def _wanted(self) -> set[int]:
        """The places of items that are not passed over: the newest."""
        wanted = set[int]()
        snapshots: dict[str, int] = defaultdict(int)
        packets = 0
        for number in reversed(range(len(self._items))):
            item = self._items[number]
            if isinstance(item, SocketText):
                snapshots[item.target] += 1
                if snapshots[item.target] > SNAPSHOTS:
                    continue
            elif isinstance(item, PacketPlace):
                packets += item.packets
                if packets > MOST_PACKETS:
                    continue
            wanted.add(number)
        return wanted

    def _event(self, item: Event | SocketText) -> Event | None:
        if isinstance(item, Event):
            return item
        found: Numbered | None = self._reader.parsed(item.text)
        return found[1] if found is not None and isinstance(found[1], Event) else None

    def _packets(self, store: Store, place: PacketPlace) -> None:
        data, reader = store.target(place.target), self._reader.packets
        if not data.packets:  # the first of this capture that is read
            data.packets_seen = reader.before(place)
            data.packets_from = place.at if data.packets_seen else 0.0
        store.apply(reader.batch(place))
