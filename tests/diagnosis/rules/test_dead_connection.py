"""Connections that are open to a pod that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ConntrackGroup, ConntrackTable
from collectors.sockets.rows import SocketRow
from diagnosis import rules
from diagnosis.reachability.blind_spots import BlindSpot, BlindSpots
from diagnosis.rules import dead_connection
from diagnosis.snapshot import Conversation, Snapshot, TargetView
from tests.support.rules import finder
from tests.support.service_snapshots import SLICE, WEB, seen_at, service_snapshot
from tests.support.snapshots import API, NEAR, NODE, OTHER, POD, pod

evaluate = finder("dead_connection")
GONE = "10.2.0.66"
ENTRY = ConntrackGroup(
    6, "tcp", "ESTABLISHED", POD.ip, "10.96.0.7", 80, GONE, 8080, assured=True, replied=True
)
STUCK = SocketRow("tcp", "ESTAB", POD.ip, 40_001, "10.96.0.7", 80, backoff=5, unacked=1)


def host(entry: ConntrackGroup = ENTRY, at: float = 100.0) -> TargetView:
    table = ConntrackTable(at, "node/n1", 6, (entry,))
    return replace(seen_at("n1"), conntrack=table)


def opened(*sockets: SocketRow) -> TargetView:
    return pod(sockets=sockets)


def test_an_entry_of_a_living_pod_to_an_endpoint_that_is_gone() -> None:
    (finding,) = evaluate(service_snapshot(host()))
    assert (finding.where, finding.severity) == ("svc/shop/api:80", "warning")
    assert "6 connections of shop/web are open to 10.2.0.66, which no pod has" in finding.title
    assert "conntrack -D -p tcp --orig-dst 10.96.0.7 --reply-src 10.2.0.66" in finding.fix


def test_the_clients_sockets_make_it_certain() -> None:
    (finding,) = evaluate(service_snapshot(host(), opened(STUCK, STUCK)))
    assert (finding.severity, finding.confidence) == ("critical", "certain")
    assert finding.title.startswith("2 connections")
    fresh = (replace(SLICE, changed=95.0),)  # four timeouts in a row are older
    assert len(evaluate(service_snapshot(host(), opened(STUCK), slices=fresh))) == 1


def test_without_a_service() -> None:
    (finding,) = evaluate(service_snapshot(opened(replace_peer(GONE))))
    assert (finding.where, finding.confidence) == ("10.2.0.66:80", "certain")
    assert "conntrack" not in finding.fix


def replace_peer(peer: str, **more: Any) -> SocketRow:
    return STUCK._replace(peer=peer, **more)


@pytest.mark.parametrize(
    "entry",
    [
        replace(ENTRY, reply_source=API.ip),  # an endpoint
        replace(ENTRY, reply_source=POD.ip),  # another pod has the address
        replace(ENTRY, reply_source="203.0.113.5"),  # a manual endpoint outside, changed since
        replace(ENTRY, state="TIME_WAIT"),
        replace(ENTRY, state="FIN_WAIT"),
        replace(ENTRY, source="10.1.0.77"),  # the client is gone as well: nobody waits
        replace(ENTRY, protocol="udp", state=""),
        replace(ENTRY, replied=False),
        replace(ENTRY, destination="203.0.113.5"),
    ],
)
@pytest.mark.alike
def test_entries_that_are_healthy_or_nobodys(entry: ConntrackGroup) -> None:
    assert not evaluate(service_snapshot(host(entry)))


@pytest.mark.alike
def test_a_rollout_of_a_moment_ago() -> None:
    """The table was read before the endpoint left, or just after."""
    for changed in (95.0, 110.0):
        assert not evaluate(service_snapshot(host(), slices=(replace(SLICE, changed=changed),)))
    terminating = replace(NEAR, ip=GONE, phase="Terminating")
    assert not evaluate(service_snapshot(host(), pods=(POD, API, terminating)))


def test_sockets_that_wait_for_something_else() -> None:
    """A peer that is there, or outside; one timeout; nothing sent; a SYN."""
    for row in (
        replace_peer(API.ip),
        replace_peer("203.0.113.5"),
        replace_peer(GONE, backoff=2),
        replace_peer(GONE, unacked=0),
        STUCK._replace(peer=GONE, state="SYN-SENT"),
        STUCK,  # through the Service, and no node is open that knows the endpoint
    ):
        assert not evaluate(service_snapshot(opened(row)))


def test_what_is_retransmitted_there_is_listed_under_it() -> None:
    again = Conversation("TCP", POD.ip, GONE, 8080, flows=6, unanswered=6)
    moment: Snapshot = service_snapshot(
        replace(host(), conversations=(again,)), nodes=(NODE, OTHER), services=(WEB,)
    )
    assert {one.rule for one in rules.findings(moment)} >= {"dead_connection"}


def test_a_pod_of_a_namespace_that_may_not_be_listed() -> None:
    stuck = opened(replace_peer(GONE))
    assert evaluate(service_snapshot(stuck))
    spot = BlindSpot("pods", "refused", frozenset(("shop",)))
    assert not evaluate(service_snapshot(stuck, blind=BlindSpots((spot,))))


def test_sockets_of_a_busy_pod_are_gone_through_once() -> None:
    """Whatever number of other ends they have."""
    passes = []

    class Counted(tuple[SocketRow, ...]):
        def __iter__(self) -> Iterator[SocketRow]:
            passes.append(1)
            return super().__iter__()

    rows = Counted(replace_peer(f"10.2.{one // 250}.{one % 250}") for one in range(1_000))
    snapshot = service_snapshot(host(), replace(opened(), sockets=rows))
    found = dead_connection.evaluate(snapshot)
    assert len(list(found)) > 200 and len(passes) <= 2
