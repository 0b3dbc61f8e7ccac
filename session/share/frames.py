"""Messages on the socket of a shared session: four bytes of length, a byte that says what it is,
and the rest. An event is a line of a recording's log, with its number; all else is a JSON object
whose `say` names it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import orjson

PROTOCOL = 2  # of the messages; both ends must have the same
EVENT, SAID = b"E", b"J"
LEFT, SHARED_NO_LONGER = "left", "ended"  # how a session is over, in its last message
MOST_OF_VIEWER = 4_096  # bytes of a message to the driver
MOST_OF_DRIVER = 64 << 20  # bytes of a message to a viewer: a list of all pods is one
_LENGTH = struct.Struct("!I")


class FrameError(ValueError):
    """What came is not a message of this protocol: a clause, without a full stop."""


def frame(kind: bytes, payload: bytes) -> bytes:
    return _LENGTH.pack(len(kind) + len(payload)) + kind + payload


def saying(say: str, **fields: object) -> bytes:
    return frame(SAID, orjson.dumps({"say": say, **fields}))


class MessageReader:
    """Bytes as they come, as whole messages (kind and rest). No more is kept than one message."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole by now. FrameError where one is too long or empty."""
        self._bytes += data
        found = []
        while (size := self._size()) is not None and len(self._bytes) >= _LENGTH.size + size:
            found.append(bytes(self._bytes[_LENGTH.size : _LENGTH.size + size]))
            del self._bytes[: _LENGTH.size + size]
        return found

    def _size(self) -> int | None:
        """Of the message that comes next; None where even that is not known."""
        if len(self._bytes) < _LENGTH.size:
            return None
        size: int = _LENGTH.unpack_from(self._bytes)[0]
        if not 0 < size <= self._most:
            raise FrameError(f"a message of {size:,} bytes: from 1 to {self._most:,} are allowed")
        return size


def said(body: bytes) -> Mapping[str, Any]:
    """A message that is not an event. FrameError where it is none."""
    try:
        value = orjson.loads(body[1:]) if body[:1] == SAID else None
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict) or not isinstance(value.get("say"), str):
        raise FrameError("a message that is none of this protocol")
    return value
