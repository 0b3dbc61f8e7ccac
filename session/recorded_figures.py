"""The figures of a recorded session: the histories of its targets as they were at any time, from
the pieces that were recorded beside the events."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from collectors.frozen import frozen
from collectors.recording.blocks import FileBlock
from collectors.recording.figure_rows import FigureRows
from collectors.recording.session_reader import SessionReader
from session.history import FINE_ROWS, MINUTE, NAN, History, Table, time_of_mean

UNPACKED = 600  # pieces: those of an hour of a pod and its node
Key = tuple[str, bool]  # target, of peers


@frozen
class Piece:
    """Rows that were recorded together: their columns, NaN where nothing is known; `known` is 0,
    or NaN in a gap."""

    times: array[float]
    known: array[float]
    columns: dict[str, array[float]]


@frozen
class PiecePlace:
    """From when to when a piece is, and in which block; what counters had moved, and how many
    packets were captured, at its end."""

    block: FileBlock
    first: float
    last: float
    moved: dict[str, int]
    packets: int


@dataclass(slots=True)
class Minutes:
    """The means by the minute of one key, as they are added up piece by piece."""

    sums: dict[float, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    rows: dict[float, int] = field(default_factory=lambda: defaultdict(int))
    first: dict[float, float] = field(default_factory=dict)  # row of each

    def add(self, piece: Piece) -> None:
        for minute, begin, end in _minutes(piece.times):
            known = [row for row in range(begin, end) if piece.known[row] == 0]
            self.rows[minute] += len(known)
            self.first.setdefault(minute, piece.times[begin])
            sums = self.sums[minute]
            for name, column in piece.columns.items():
                values = map(column.__getitem__, known)
                if total := sum(value for value in values if value == value):
                    sums[name] = sums.get(name, 0.0) + total

    def means(self) -> Table:
        table = Table(max(History.COARSE_ROWS, len(self.rows)))
        for minute, sums in self.sums.items():
            rows = self.rows[minute]
            means = {name: total / max(1, rows) for name, total in sums.items()}
            table.append(time_of_mean(minute, self.first[minute]), means, gap=not rows)
        return table


def _minutes(times: Sequence[float]) -> Iterator[tuple[float, int, int]]:
    """(minute, its first row, the row after its last)."""
    begin = 0
    while begin < len(times):
        minute = times[begin] - times[begin] % MINUTE
        end = max(begin + 1, bisect_left(times, minute + MINUTE, begin))  # a clock may go back
        yield minute, begin, end
        begin = end


class RecordedFigures:
    """Blocking. Pieces are unpacked when they are asked for, and some are kept so."""

    def __init__(self, reader: SessionReader) -> None:
        self._reader = reader
        self._places: dict[Key, list[PiecePlace]] = defaultdict(list)
        self._minutes: dict[Key, Minutes] = defaultdict(Minutes)
        self._means: dict[Key, Table] = {}
        self._unpacked: OrderedDict[tuple[Key, float], Piece] = OrderedDict()
        for block in reader.figure_blocks:
            for rows in reader.figures(block):
                self._index(block, rows)

    def _index(self, block: FileBlock, rows: FigureRows) -> None:
        if not rows.times:
            return
        key, piece = (rows.target, rows.of_peers), piece_of(rows)
        self._places[key].append(
            PiecePlace(block, rows.times[0], rows.times[-1], rows.moved, rows.packets)
        )
        self._minutes[key].add(piece)
        self._keep(key, piece)

    def targets(self, at: float) -> set[str]:
        """Those that had figures by a time."""
        places = self._places.items()
        return {target for (target, _), known in places if known and known[0].first <= at}

    def known_until(self, target: str, at: float) -> float:
        """The time of the last row before `at`; 0 where there is none."""
        before = [place for place in self._places[target, False] if place.first <= at]
        return min(at, before[-1].last) if before else 0.0

    def whole_until(self, target: str, at: float) -> PiecePlace | None:
        """The last piece that ends before: what had moved by its end is known."""
        places = self._places[target, False]
        index = bisect_right(places, at, key=lambda place: place.last) - 1
        return places[index] if index >= 0 else None

    def history(self, key: Key, at: float) -> History:
        """As it was: 30 minutes of rows, a day by the minute."""
        fine = joined_pieces(self._last_pieces(key, at), at)
        until = fine.times[-1] if fine.times else 0.0
        made = History.of(fine, self._coarse(key, until - until % MINUTE))
        made.known_until = until
        return made

    def _last_pieces(self, key: Key, at: float) -> list[Piece]:
        places = self._places[key]
        end = bisect_right(places, at, key=lambda place: place.first)
        found: list[Piece] = []
        rows = 0
        for place in reversed(places[:end]):
            piece = self._piece_at(key, place)
            found.append(piece)
            rows += len(piece.times)
            if rows >= FINE_ROWS:
                break
        return found[::-1]

    def _piece_at(self, key: Key, place: PiecePlace) -> Piece:
        kept = (key, place.last)
        if kept not in self._unpacked:
            for rows in self._reader.figures(place.block):
                if rows.times:
                    self._keep((rows.target, rows.of_peers), piece_of(rows))
        self._unpacked.move_to_end(kept)
        return self._unpacked[kept]

    def _keep(self, key: Key, piece: Piece) -> None:
        self._unpacked[key, piece.times[-1]] = piece
        if len(self._unpacked) > UNPACKED:
            self._unpacked.popitem(last=False)

    def _coarse(self, key: Key, at: float) -> Table:
        """Of the minutes that were over at a time."""
        if key not in self._means:
            self._means[key] = self._minutes[key].means()
        means = self._means[key]
        end = bisect_left(means.times, at)
        columns = {name: column[:end] for name, column in means.columns.items()}
        moved = {name: column for name, column in columns.items() if any(column)}
        return Table(History.COARSE_ROWS, means.times[:end], means.known[:end], moved)


def piece_of(rows: FigureRows) -> Piece:
    known = array("d", bytes(8 * len(rows.times)))
    for gap in rows.gaps:
        known[gap] = NAN
    return Piece(array("d", rows.times), known, dict(_columns(rows.columns)))


def _columns(
    columns: Mapping[str, Sequence[float | None]],
) -> Iterator[tuple[str, array[float]]]:
    for name, values in columns.items():
        try:
            yield name, array("d", values)  # type: ignore[arg-type]
        except TypeError:  # a value that is not known
            yield name, array("d", [NAN if value is None else value for value in values])


def joined_pieces(pieces: Sequence[Piece], at: float) -> Table:
    """The rows of pieces that follow each other, up to a time; a figure that is not in a piece did
    not move meanwhile."""
    table = Table(FINE_ROWS)
    for piece in pieces:
        table.times += piece.times
        table.known += piece.known
    begin = 0
    for piece in pieces:
        end = begin + len(piece.times)
        for name, values in piece.columns.items():
            if (column := table.columns.get(name)) is None:
                column = table.columns[name] = table.known[:]
            column[begin:end] = values
        begin = end
    end = bisect_right(table.times, at)
    for column in (table.times, table.known, *table.columns.values()):
        del column[end:]
    return table
