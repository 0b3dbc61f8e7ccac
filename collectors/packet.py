"""One captured frame."""

from __future__ import annotations

from typing import NamedTuple


class Packet(NamedTuple):
    """A captured frame: `ns` since the epoch, `data` as far as the snap length, `length` on the
    wire. A named tuple: hundreds of thousands are made a second."""

    ns: int
    data: bytes
    length: int

    @property
    def time(self) -> float:
        """Seconds since the epoch, to show: not exact to the nanosecond."""
        return self.ns / 1e9
