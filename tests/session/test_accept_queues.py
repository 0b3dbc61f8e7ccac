"""An accept queue that is never emptied, beside queues that are."""

from __future__ import annotations

import pytest

from collectors.sockets.rows import SocketRow
from diagnosis.accept_queues import AcceptQueue
from session.accept_queues import AcceptQueues
from session.target_data import TargetData


def listener(waiting: int, port: int = 8082, limit: int = 511) -> SocketRow:
    return SocketRow("tcp", "LISTEN", "*", port, "*", 0, recv_q=waiting, send_q=limit)


def after(*moments: tuple[int, ...], limit: int = 511) -> list[AcceptQueue]:
    queues = AcceptQueues()
    for number, waiting in enumerate(moments):
        queues.add(100.0 + 3 * number, [listener(count, limit=limit) for count in waiting])
    return list(queues.stalled())


def test_one_of_two_listeners_hangs() -> None:
    (queue,) = after((0, 2), (5, 0), (0, 9), (12, 0))
    assert queue == AcceptQueue(8082, 2, 1, waiting=12, before=2, limit=511, seconds=9.0)


def test_a_queue_that_is_full_and_stays_so() -> None:
    (queue,) = after((6,), (6,), (6,), limit=5)
    assert (queue.waiting, queue.before, queue.emptied) == (6, 6, 0)


@pytest.mark.parametrize(
    "moments",
    [
        ((0,), (7,), (0,), (9,)),  # bursts that are accepted
        ((9,), (7,), (5,), (3,)),  # it catches up
        ((4,), (4,), (4,)),  # a few that wait, and nobody comes
        ((0,), (0,), (0,), (9,)),  # one moment
        ((2,), (5,)),  # not looked at for long enough
    ],
)
def test_queues_of_programs_that_accept(moments: tuple[tuple[int, ...], ...]) -> None:
    assert after(*moments) == []


def test_what_was_not_watched_is_not_said_to_have_grown() -> None:
    """A gap: the queue may have been emptied in between."""
    data = TargetData("pod/shop/web-1")
    for at, waiting in ((100.0, 2), (103.0, 5), (160.0, 9)):
        if at == 160.0:
            data.begin_gap(104.0)
        data.accept_queues.add(at, [listener(waiting)])
    assert list(data.accept_queues.stalled()) == []
