"""A server that has a Service's address and its own is said once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis.paths import PathDirection, PathRow, Segments
from diagnosis.rules import findings
from diagnosis.snapshot import Conversation, Snapshot
from tests.support.snapshots import POD, node

SERVICE, FIRST, SECOND = "10.96.0.7", "10.244.1.3", "10.244.1.4"
SYNS = PathDirection(Segments(syn=9), Segments(syn=9))
FAILING: dict[str, dict[str, object]] = {
    "resets": {"server_resets": 9},
    "slow_server": {"slow": 9, "slowest_ms": 1_600.0},
    "refused": {"refused": 9, "answered": 0},
}


def talk(server: str, port: int, rule: str) -> Conversation:
    seen = Conversation(
        "TCP", POD.ip, server, port, flows=10, answered=10, segments=400, rtt_ms=0.2
    )
    return replace(seen, **FAILING[rule])  # type: ignore[arg-type]


def said(rule: str, *endpoints: str, translated: bool = True) -> list[tuple[str, int]]:
    """By a capture alone: the Service's address fails, and these of its endpoints."""
    talks = [talk(SERVICE, 80, rule), *(talk(end, 8080, rule) for end in endpoints)]
    rows = [
        PathRow("TCP", POD.ip, SERVICE, 80, end, 8080, POD.ip, to_server=SYNS)
        for end in (FIRST, SECOND)
    ]
    view = node(conversations=tuple(talks), paths=tuple(rows) if translated else ())
    view = replace(view, kind="pcap", values={})
    found = findings(Snapshot(100.0, (view,)))
    return sorted((one.where, len(one.consequences)) for one in found if one.rule == rule)


@pytest.mark.parametrize("rule", FAILING)
def test_one_endpoint_is_the_place_and_several_are_listed_under_what_is_asked(rule: str) -> None:
    assert said(rule, FIRST) == [(f"{FIRST}:8080", 1)]
    assert said(rule, FIRST, SECOND) == [(f"{SERVICE}:80", 2)]


@pytest.mark.parametrize("rule", FAILING)
def test_addresses_of_which_nothing_says_that_they_belong_together(rule: str) -> None:
    wanted = [(f"{FIRST}:8080", 0), (f"{SERVICE}:80", 0)]
    assert said(rule, FIRST, translated=False) == wanted
    assert said(rule, "10.244.9.9") == [("10.244.9.9:8080", 0), (f"{SERVICE}:80", 0)]
