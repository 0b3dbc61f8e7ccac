"""Shares of packets that are lost, with a bound of how well they are known."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from collectors.frozen import frozen
from diagnosis.paths import PathDirection, Segments

Z = 1.96  # 95 %: Wilson, Journal of the American Statistical Association 22 (1927)
LEAST_LOST = 5  # packets: fewer may be those on their path as the window ended
LEAST_PERCENT = 1.0  # that a share is certainly more than
FULL_SIZE_TEXT = "segments of 1,000 bytes and more"


@frozen
class LossShare:
    """`lost` of `total` packets."""

    lost: int
    total: int

    @property
    def percent(self) -> float:
        return 100 * self.lost / self.total if self.total else 0.0

    @property
    def low(self) -> float:
        """Percent, as `high`: Wilson's interval."""
        return self._bounds()[0]

    @property
    def high(self) -> float:
        return self._bounds()[1]

    def _bounds(self) -> tuple[float, float]:
        if not self.total:
            return 0.0, 100.0
        share, n = self.lost / self.total, self.total
        center = share + Z * Z / (2 * n)
        spread = Z * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
        scale = 100 / (1 + Z * Z / n)
        return max(0.0, (center - spread) * scale), min(100.0, (center + spread) * scale)

    @property
    def is_loss(self) -> bool:
        return self.lost >= LEAST_LOST and self.low >= LEAST_PERCENT

    @property
    def text(self) -> str:
        if self.lost == self.total:
            return "all"
        return f"{self.percent:.0f} % (bound {self.low:.0f} to {self.high:.0f} %)"

    def __add__(self, other: LossShare) -> LossShare:
        return LossShare(self.lost + other.lost, self.total + other.total)


@frozen
class KindShare:
    """Of one kind of packet: `name` in the plural."""

    name: str
    share: LossShare


def kind_shares(before: Segments, after: Segments, *, to_server: bool) -> Iterator[KindShare]:
    """What of each kind was seen before a place and not behind it. ACKs alone are left out: their
    loss harms nobody."""
    if to_server:
        yield KindShare("SYNs", _lost(before.syn, after.syn))
    else:
        yield KindShare("SYN-ACKs", _lost(before.syn_ack, after.syn_ack))
    yield from _data_shares(before, after)


def _lost(before: int, after: int) -> LossShare:
    return LossShare(max(0, before - after), before)


def _data_shares(before: Segments, after: Segments) -> Iterator[KindShare]:
    """Offloads join segments and split them: where the counts do not fit the bytes, all data is
    one kind, by its bytes."""
    lost_bytes = max(0, before.bytes - after.bytes)
    small, large = _lost(before.small, after.small), _lost(before.large, after.large)
    is_split = after.small > before.small or after.large > before.large
    is_joined = 1_000 * large.lost + small.lost > lost_bytes
    if is_split or is_joined:
        total = before.small + before.large
        lost = round(total * lost_bytes / before.bytes) if before.bytes else 0
        yield KindShare("data segments", LossShare(lost, total))
    else:
        yield KindShare("data segments under 1,000 bytes", small)
        yield KindShare(FULL_SIZE_TEXT, large)


def counts_text(direction: PathDirection, *, to_server: bool) -> str:
    """What came in and went out, as evidence."""
    entered, left = direction.entered, direction.left
    name = "SYN" if to_server else "SYN-ACK"
    opening = (entered.syn, left.syn) if to_server else (entered.syn_ack, left.syn_ack)
    data = entered.small + entered.large, left.small + left.large
    parts = [f"{name} {opening[0]:,} in, {opening[1]:,} out"]
    parts.append(f"data {data[0]:,} in, {data[1]:,} out")
    if entered.large or left.large:
        parts.append(f"of it 1,000 bytes and more {entered.large:,} in, {left.large:,} out")
    return "; ".join(parts)
