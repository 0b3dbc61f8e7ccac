"""DNS over TCP (RFC 7766): the messages of a direction, put together from its segments. A message
may span segments, even within its two length bytes, and a segment may hold several."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.capture.header_rows import Row

MASK, AHEAD = 0xFFFFFFFF, 0x7FFFFFFF
LEAST = 12  # bytes of a DNS header
MOST_BUFFERED = 65_537  # one message with its length


def payload(row: Row, data: bytes) -> bytes:
    """What was captured of a TCP segment's payload."""
    offset = row[10]
    if len(data) <= offset + 12:
        return b""
    start = offset + (data[offset + 12] >> 4) * 4
    return data[start : start + row[9]]


class DnsStream:
    """One direction. Data that is missing, or was cut by the snap length, starts over at the next
    segment: its messages are lost, those that follow are not."""

    __slots__ = ("_buffer", "_next")

    def __init__(self) -> None:
        self._buffer = b""
        self._next: int | None = None

    def add(self, row: Row, data: bytes) -> Iterator[bytes]:
        """The messages that this segment completes."""
        body, seq = payload(row, data), row[5]
        if self._next is not None:
            seen_before = (self._next - seq) & MASK
            if 0 < seen_before <= AHEAD:  # a retransmission, perhaps with new data behind it
                body, seq = body[seen_before:], self._next
                if not body:
                    return
            elif seq != self._next:
                self._buffer = b""
        self._next = (row[5] + row[9]) & MASK
        whole = len(payload(row, data)) == row[9]
        self._buffer = (self._buffer + body)[:MOST_BUFFERED]
        yield from self._messages()
        if not whole:
            self._buffer, self._next = b"", None

    def _messages(self) -> Iterator[bytes]:
        while len(self._buffer) >= 2:
            size = int.from_bytes(self._buffer[:2], "big")
            if size < LEAST:  # not DNS, or the middle of a message: nothing can be trusted
                self._buffer = b""
                return
            if len(self._buffer) < 2 + size:
                return
            message, self._buffer = self._buffer[2 : 2 + size], self._buffer[2 + size :]
            yield message
