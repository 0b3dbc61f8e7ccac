"""How accept queues of listen sockets went in the last seconds: one that is never emptied while
connections come is seen in several snapshots only."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from collectors.sockets.rows import SocketRow, queue_is_full
from diagnosis.accept_queues import AcceptQueue

LEAST_SNAPSHOTS, LEAST_S = 3, 6.0
KEPT = 12  # snapshots
Port = tuple[str, int]  # local address, port
Listeners = dict[Port, list[SocketRow]]


class AcceptQueues:
    """Of one target. A port may have several listeners (SO_REUSEPORT), which ss does not
    distinguish: their queues are compared by size."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Listeners]] = deque(maxlen=KEPT)

    def add(self, at: float, rows: Iterable[SocketRow]) -> None:
        self._seen.append((at, _by_port(filter(_listens, rows))))

    def clear(self) -> None:
        self._seen.clear()

    def stalled(self) -> Iterator[AcceptQueue]:
        """Ports of which the longest queue was never shorter than before, and is longer now or as
        long as it can be, through LEAST_S and more."""
        if len(self._seen) < LEAST_SNAPSHOTS:
            return
        for port, rows in self._seen[-1][1].items():
            longest = max(rows, key=lambda row: row.recv_q)
            if longest.recv_q and (queue := self._stalled(port, rows, longest)) is not None:
                yield queue

    def _stalled(self, port: Port, rows: list[SocketRow], longest: SocketRow) -> AcceptQueue | None:
        before, seconds = self._growth(port, longest.recv_q)
        if seconds < LEAST_S or not (queue_is_full(longest) or longest.recv_q > before):
            return None
        return AcceptQueue(
            port=port[1],
            listeners=len(rows),
            emptied=sum(row.recv_q == 0 for row in rows),
            waiting=longest.recv_q,
            before=before,
            limit=longest.send_q,
            seconds=seconds,
        )

    def _growth(self, port: Port, waiting: int) -> tuple[int, float]:
        """How long the queue was when it began to grow, and for how many seconds it has."""
        now = since = self._seen[-1][0]
        for at, found in reversed(self._seen):
            before = _longest(found.get(port, ()))
            if not 0 < before <= waiting:
                break
            since, waiting = at, before
        return waiting, now - since


def _listens(row: SocketRow) -> bool:
    return row.protocol == "tcp" and row.state == "LISTEN"


def _by_port(rows: Iterable[SocketRow]) -> Listeners:
    found: Listeners = defaultdict(list)
    for row in rows:
        found[row.local, row.local_port].append(row)
    return found


def _longest(rows: Iterable[SocketRow]) -> int:
    return max((row.recv_q for row in rows), default=0)
