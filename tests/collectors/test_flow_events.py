"""The events of a connection, in the implementation that is loaded."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from collectors.capture.flow_event import ACK_SENT, DATA_SENT, KINDS, RETRANSMITTED, RST_SENT
from collectors.capture.header_row import HeaderRow
from collectors.capture.header_values import TCP
from collectors.capture.tcp import TcpFlow

MAX_EVENTS = 400


def flow() -> TcpFlow:
    return TcpFlow(1, HeaderRow(TCP, b"\x0a\0\0\1", b"\x0a\0\0\2"))


def test_alike_ones_in_a_row_are_one() -> None:
    found = flow()
    for at, by_client, kind, size in (
        (5, True, DATA_SENT, 100),
        (7, True, DATA_SENT, 50),
        (8, False, DATA_SENT, 1),
        (9, False, ACK_SENT, 0),
        (11, False, ACK_SENT, 0),
    ):
        found.note(at, by_client, kind, size)
    assert [(e.at, e.until, e.by_client, e.kind, e.count, e.size) for e in found.events] == [
        (5, 7, True, "data", 2, 150),
        (8, 8, False, "data", 1, 1),
        (9, 11, False, "ACK", 2, 0),
    ]


def test_errors_are_alike_where_they_say_the_same() -> None:
    found = flow()
    for at, text in enumerate(("a", "a", "", "", "b", "a")):
        found.note_error(at, text)
    assert [(e.kind, e.note, e.count, e.until) for e in found.events] == [
        ("ICMP", "a", 2, 1),
        ("ICMP", "", 2, 3),
        ("ICMP", "b", 1, 4),
        ("ICMP", "a", 1, 5),
    ]


def test_there_are_never_too_many() -> None:
    """What is like the last is counted all the same."""
    found = flow()
    for at in range(2 * MAX_EVENTS):
        found.note(at, True, at % 2, 1)
    found.note_error(1, "not kept")
    found.note(9_999, True, 1, 1)
    assert found.event_count == len(found.events) == MAX_EVENTS
    assert (found.events[-1].kind, found.events[-1].count) == (KINDS[1], MAX_EVENTS // 2 + 2)


def test_nothing_that_is_done_to_what_was_given_is_kept() -> None:
    found = flow()
    found.note(1, True, DATA_SENT, 1)
    found.events.clear()
    assert len(found.events) == 1


def test_those_of_some_kinds_are_counted_by_period() -> None:
    """As by their objects, whenever they came: a clock may be set back."""
    chance, found = random.Random(21), flow()
    for _ in range(390):
        at, kind = chance.randrange(-40, 90), chance.randrange(len(KINDS) - 1)
        found.note(at, chance.random() < 0.5, kind, 1)
    found.note_error(44, "unreachable")
    for kinds in (0, 1 << RETRANSMITTED | 1 << RST_SENT, (1 << len(KINDS)) - 1):
        wanted: Counter[tuple[int, int, bool]] = Counter()
        for event in found.events:
            if kinds >> KINDS.index(event.kind) & 1:
                wanted[event.at // 7, KINDS.index(event.kind), event.by_client] += event.count
        assert found.counted_events(kinds, 7) == wanted
    assert not flow().counted_events(1, 7)
    with pytest.raises(ZeroDivisionError):
        found.counted_events(1, 0)
