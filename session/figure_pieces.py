"""Figures as they are worked out, in pieces for the recorder: a replay has its graphs at once."""

from __future__ import annotations

from bisect import bisect_right

from collectors.recording.figure_rows import FigureRows
from session.history import History, Table, value_or_none
from session.store import Store
from session.target_data import TargetData


class FigurePieces:
    """What has come to the histories since it was asked for last. On the event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._given: dict[tuple[str, bool], float] = {}

    def new(self) -> list[FigureRows]:
        made = []
        for data in self._store.targets.values():
            for of_peers, history in ((False, data.history), (True, data.peer_history)):
                if (piece := self._piece(data, history, of_peers)) is not None:
                    made.append(piece)
        return made

    def _piece(self, data: TargetData, history: History, of_peers: bool) -> FigureRows | None:
        table, key = history.fine, (data.key, of_peers)
        first = bisect_right(table.times, self._given.get(key, 0.0))
        if first == len(table.times):
            return None
        self._given[key] = last = table.times[-1]
        return FigureRows(
            last,
            data.key,
            of_peers=of_peers,
            times=tuple(table.times[first:]),
            columns=_columns(table, first),
            gaps=tuple(row for row, known in enumerate(table.known[first:]) if known != known),
            moved={} if of_peers else dict(data.moved),
            packets=data.packets_seen,
        )


def _columns(table: Table, first: int) -> dict[str, tuple[float | None, ...]]:
    """Of figures that moved."""
    new = ((name, column[first:]) for name, column in table.columns.items())
    return {name: tuple(map(value_or_none, values)) for name, values in new if any(values)}
