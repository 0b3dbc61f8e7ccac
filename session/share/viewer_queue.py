"""What one viewer has still to be sent: bounded, whatever the viewer does. One that is too slow
loses events, which are counted, and is sent the state again once it reads on."""

from __future__ import annotations

import asyncio
from collections import deque

from collectors.events import Event
from collectors.stream import Losses

MOST = 8 << 20  # bytes that wait for a viewer
AT_ONCE = 256 << 10  # bytes of one write
CAUSE = f"its console did not read: more than {MOST >> 20} MiB waited for it"


class ViewerQueue:
    """`needs_state`: nothing is put until the state was begun."""

    def __init__(self) -> None:
        self.needs_state = True
        self.lost = 0
        self.losses = Losses()
        self.filled = asyncio.Event()
        self._begins_at = 0  # the number of the first event that the state does not hold
        self._events: deque[tuple[Event, bytes]] = deque()
        self._size = 0
        self._said: dict[str, bytes] = {}
        self._has_fallen_behind = False

    def begin(self, number: int) -> None:
        """The state is gathered: events from that number on follow it."""
        self.needs_state = self._has_fallen_behind = False
        self._begins_at = number

    def put(self, number: int, event: Event, data: bytes) -> None:
        if self.needs_state:
            if self._has_fallen_behind:
                self._lose(event)
        elif number >= self._begins_at:
            self._put(event, data)

    def _put(self, event: Event, data: bytes) -> None:
        if self._size + len(data) > MOST:
            self.fall_behind()
            self._lose(event)
            return
        self._events.append((event, data))
        self._size += len(data)
        self.filled.set()

    def fall_behind(self, before: int = 0) -> None:
        """All that waits is lost, and so many that did not come so far."""
        self.lost += before
        for event, _ in self._events:
            self._lose(event)
        self._events.clear()
        self._size = 0
        self.needs_state = self._has_fallen_behind = True
        self.filled.set()

    def _lose(self, event: Event) -> None:
        self.lost += 1
        self.losses.add(event)

    def say(self, kind: str, data: bytes) -> None:
        """A message of which only the latest of its kind matters."""
        self._said[kind] = data
        self.filled.set()

    @property
    def waits(self) -> int:
        """Bytes that wait."""
        return self._size + sum(map(len, self._said.values()))

    def next_piece(self) -> bytes:
        """The next bytes to write; none where nothing waits."""
        pieces = list(self._said.values())
        self._said.clear()
        size = 0
        while self._events and size < AT_ONCE:
            _, data = self._events.popleft()
            self._size -= len(data)
            size += len(data)
            pieces.append(data)
        if not self._events:
            self.filled.clear()
        return b"".join(pieces)
