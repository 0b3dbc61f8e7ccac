"""The list of a capture's packets: lines are made when they are read, of the batches in which
packets came. A busy node sends 200,000 a second, and a screen shows 50 of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from collectors.events import Packet
from collectors.frozen import frozen

LEAST = 256  # packets: smaller batches are joined
OfFlow = tuple[int, int]  # analysis flags, number of the flow


@frozen
class PacketLine:
    """A packet of a capture; `flags` are the analysis flags of its flow's table, `flow` the number
    of its flow, 0 for none."""

    capture: int
    linktype: int
    packet: Packet
    flags: int = 0
    flow: int = 0


@frozen
class GapLine:
    """A place in the list of packets where some are missing: the capture's stream broke off
    here."""

    at: float
    text: str


class Batch(NamedTuple):
    """Packets of one capture that came after each other, and what the flow table said of each. It
    grows at its end while it is the last and small."""

    capture: int
    linktype: int
    packets: list[Packet]
    flows: list[OfFlow]

    def line(self, place: int) -> PacketLine:
        return PacketLine(self.capture, self.linktype, self.packets[place], *self.flows[place])


class PacketLines(Sequence[PacketLine | GapLine]):
    """A part of it holds no copy of the lines, and stays as it is while the whole goes on."""

    def __init__(self) -> None:
        self._pieces: list[Batch | GapLine] = []
        self._starts: list[int] = []  # of each the number of its first line
        self._first = self._end = 0  # numbers of lines
        self._own = False  # whether the last piece may grow

    def __len__(self) -> int:
        return self._end - self._first

    def add(
        self, capture: int, linktype: int, packets: Sequence[Packet], flows: Sequence[OfFlow]
    ) -> None:
        """What came of a capture, and for each packet what the flow table says."""
        last = self._pieces[-1] if self._own else None
        kind = (capture, linktype)
        if isinstance(last, Batch) and last[:2] == kind and len(last.packets) < LEAST:
            last.flows.extend(flows)
            last.packets.extend(packets)
        elif packets:
            self._append(Batch(capture, linktype, list(packets), list(flows)))
        self._end += len(packets)

    def add_gap(self, gap: GapLine) -> None:
        self._append(gap)
        self._end += 1

    def _append(self, piece: Batch | GapLine) -> None:
        self._pieces.append(piece)
        self._starts.append(self._end)
        self._own = True

    @overload
    def __getitem__(self, place: int) -> PacketLine | GapLine: ...

    @overload
    def __getitem__(self, place: slice) -> PacketLines: ...

    def __getitem__(self, place: int | slice) -> PacketLine | GapLine | PacketLines:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            if step != 1:
                raise ValueError("a part of the list goes forward, line by line")
            return self._part(self._first + start, self._first + max(start, stop))
        number = self._first + place + (len(self) if place < 0 else 0)
        if not self._first <= number < self._end:
            raise IndexError(place)
        at = bisect_right(self._starts, number) - 1
        piece = self._pieces[at]
        return piece.line(number - self._starts[at]) if isinstance(piece, Batch) else piece

    def _part(self, first: int, end: int) -> PacketLines:
        begin = max(0, bisect_right(self._starts, first) - 1)
        until = bisect_right(self._starts, end - 1)
        part = PacketLines()
        part._pieces, part._starts = self._pieces[begin:until], self._starts[begin:until]
        part._first, part._end = first, end
        return part

    def __iter__(self) -> Iterator[PacketLine | GapLine]:
        """Without what comes meanwhile."""
        pieces, starts = self._pieces[:], self._starts[:]
        for piece, start, end in zip(pieces, starts, [*starts[1:], self._end], strict=False):
            if isinstance(piece, Batch):
                yield from map(piece.line, range(max(0, self._first - start), end - start))
            else:
                yield piece
