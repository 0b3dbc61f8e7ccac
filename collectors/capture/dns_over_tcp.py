"""DNS over TCP (RFC 7766): the messages of a direction, put together from its segments. A message
may span segments, even within its two length bytes, and a segment may hold several."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.capture.direction import Direction
from collectors.capture.header_row import HeaderRow
from collectors.capture.header_values import AHEAD, MASK

MAX_STREAMS = 1_000
LEAST = 12  # bytes of a DNS header
MOST_EARLY, MOST_EARLY_BYTES = 16, 1 << 18  # segments that wait for one before them


class DnsStreams:
    """Those of a flow table, by the direction; of too many the oldest is forgotten."""

    def __init__(self) -> None:
        self._known: dict[Direction, DnsStream] = {}

    def messages(self, own: Direction, row: HeaderRow) -> Iterator[bytes]:
        """Those that a segment of `own` completes."""
        stream = self._known.get(own)
        if stream is None:
            if len(self._known) >= MAX_STREAMS:
                del self._known[next(iter(self._known))]
            start = None if own.start < 0 else own.start + 1 & MASK
            stream = self._known[own] = DnsStream(start)
        return stream.add(row)

    def forget(self, own: Direction) -> None:
        self._known.pop(own, None)


def payload(row: HeaderRow) -> bytes:
    """What was captured of a TCP segment's payload."""
    offset = row.offset
    if row.end <= offset + 12:
        return b""
    start = offset + (row.data[offset + 12] >> 4) * 4
    return row.data[start : min(start + row.length, row.end)]


class DnsStream:
    """One direction. Segments that come early wait for those before them; where data is missing, or
    was cut by the snap length, it starts over: messages there are lost, those that follow are
    not."""

    __slots__ = ("_buffer", "_early", "_next")

    def __init__(self, start: int | None = None) -> None:
        """`start` is the sequence number of the first byte, where it is known."""
        self._buffer = b""
        self._next = start  # the sequence number that continues the buffer
        self._early: dict[int, tuple[int, bytes]] = {}  # by sequence number: size, what is unread

    def add(self, row: HeaderRow) -> Iterator[bytes]:
        """The messages that this segment completes."""
        body, seq = payload(row), row.sequence
        is_cut = len(body) < row.length  # by the snap length
        if self._next is None or MOST_EARLY_BYTES < (seq - self._next) & MASK <= AHEAD:
            self._buffer, self._next, self._early = b"", seq, {}
        if 0 < (seq - self._next) & MASK <= AHEAD:
            yield from self._wait(seq, body)
        else:
            yield from self._append(body[(self._next - seq) & MASK :])
        while self._next in self._early:
            size, body = self._early.pop(self._next)
            self._next = (self._next + size - len(body)) & MASK
            yield from self._append(body)
        if is_cut:
            self._buffer, self._next, self._early = b"", None, {}

    def _append(self, body: bytes) -> Iterator[bytes]:
        assert self._next is not None
        self._next = (self._next + len(body)) & MASK
        messages, self._buffer = split(self._buffer + body)
        yield from messages

    def _wait(self, seq: int, body: bytes) -> Iterator[bytes]:
        """A segment before which something is missing: whole messages in it are read at once."""
        assert self._next is not None
        if seq in self._early:
            return
        messages, rest = split(body)
        self._early[seq] = len(body), body if rest or not messages else b""
        if not rest:
            yield from messages
        if len(self._early) > MOST_EARLY:  # what is missing was not captured
            expected, self._buffer = self._next, b""
            self._next = min(self._early, key=lambda at: (at - expected) & MASK)


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole messages, and what is left of `data`: the beginning of another, or nothing where it
    cannot be one."""
    messages: list[bytes] = []
    while len(data) >= 2:
        size = int.from_bytes(data[:2], "big")
        if size < LEAST:  # not DNS, or the middle of a message
            return messages, b""
        if len(data) < 2 + size:
            break
        messages.append(data[2 : 2 + size])
        data = data[2 + size :]
    return messages, data
