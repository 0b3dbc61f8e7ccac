"""A node of whose pods none answers, by the capture of another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import SettingsRow
from diagnosis import rules
from diagnosis.paths import PathDirection, PathRow, Retransmissions, Segments
from diagnosis.snapshot import Conversation, Snapshot
from tests.diagnosis.rules.test_stale_vtep import OLD, SECOND, near, view as routed
from tests.support.rules import finder
from tests.support.service_snapshots import OTHER_POD, path, seen_at, service_snapshot
from tests.support.snapshots import API, NEAR, NODE, OTHER, POD

evaluate = finder("node_unreachable")
SYNS = Segments(syn=9)
SENT = PathDirection(
    entered=SYNS, left=SYNS, latest_left=(4, 3), retransmitted=Retransmissions(syn=6)
)
CAME = PathDirection(entered=SYNS)
LATELY = PathDirection(entered=SYNS, latest_entered=4)
PODS = (POD, API, NEAR, OTHER_POD)


def row(server: str, **more: Any) -> PathRow:
    base = {"asked": server, "asked_port": 8080, "unanswered": 9, "to_server": SENT, **more}
    return path(server, **base)


LOST = (row(API.ip), row(OTHER_POD.ip))
WORKS = row(NEAR.ip, unanswered=0, completed=9)


def once(one: PathRow) -> PathRow:
    return replace(one, to_server=replace(SENT, retransmitted=Retransmissions()))


def dropped(one: PathRow) -> PathRow:
    return replace(one, to_server=replace(SENT, left=Segments(), latest_left=(0, 0)))


def before(one: PathRow) -> PathRow:
    return replace(one, to_server=replace(SENT, latest_left=(0, 0)), to_client=CAME)


def moment(*paths: PathRow, **more: Any) -> Snapshot:
    return service_snapshot(seen_at("n1", *paths), **{"pods": PODS, **more})


def test_no_pod_answers_and_where_is_not_known() -> None:
    (finding,) = evaluate(moment(*LOST, WORKS))
    assert finding.where == "n1 → n2"
    assert finding.title.startswith("No pod of n2 answers n1: lost on the path there or back")
    first, second = (one.text for one in finding.evidence)
    assert first.startswith("18 connections to pods of n2 (shop/api, shop/search) without")
    assert "9 connections to other pods were made" in first
    assert second == "n2 is not open: what comes there is not known"
    assert "podwire node/n2" in finding.fix and "ping -c 3 192.168.0.2" in finding.fix


def test_a_node_that_is_not_ready() -> None:
    down = replace(OTHER, ready=False)
    (finding,) = evaluate(moment(*LOST, WORKS, nodes=(NODE, down)))
    assert finding.title == "No pod of n2 answers: the node is not ready"


def test_they_answered_before() -> None:
    first = replace(LOST[0], completed=5, to_client=CAME)
    assert evaluate(moment(first, LOST[1], WORKS))


@pytest.mark.parametrize(
    ("there", "title"),
    [
        (row(API.ip, to_server=PathDirection()), "What n1 sends to pods of n2 never comes there"),
        (
            row(API.ip, to_server=LATELY, to_client=SENT),
            "What pods of n2 answer never comes to n1",
        ),
        (row(API.ip, to_server=LATELY), "What comes to n2 for its pods is not answered"),
    ],
)
def test_the_other_capture_says_where(there: PathRow, title: str) -> None:
    views = seen_at("n1", *LOST, WORKS), seen_at("n2", there)
    (finding,) = evaluate(service_snapshot(*views, pods=PODS))
    assert finding.title == title
    assert "packets came from pods of n1 lately" in finding.evidence[1].text


def test_a_capture_that_lost_packets_is_not_asked() -> None:
    views = seen_at("n1", *LOST, WORKS), seen_at("n2", row(API.ip), capture_loss=9.0)
    found = rules.findings(service_snapshot(*views, pods=PODS))
    (finding,) = [one for one in found if one.rule == "node_unreachable"]
    assert finding.title.startswith("No pod of n2 answers n1")
    assert "n2 lost 9.0 % of its packets" in finding.evidence[-1].text


@pytest.mark.parametrize(
    "paths",
    [
        (LOST[0], WORKS),  # one workload: its program, its policy
        LOST,  # nobody answers: the capture sees one direction, or this node is cut off
        (replace(LOST[0], to_client=LATELY), LOST[1], WORKS),  # something comes
        (*LOST, replace(row(API.ip, unanswered=0), to_client=LATELY), WORKS),
        (row(API.ip, unanswered=1), row(OTHER_POD.ip, unanswered=1), WORKS),
        (*map(once, LOST), WORKS),  # nobody sends again: answers come, and are not captured
        (*map(dropped, LOST), WORKS),  # this node drops them itself
        (*map(before, LOST), WORKS),  # nobody has asked since
    ],
)
@pytest.mark.alike
def test_what_looks_alike(paths: tuple[PathRow, ...]) -> None:
    assert not evaluate(moment(*paths))


@pytest.mark.alike
def test_ebpf_and_a_capture_that_lags() -> None:
    cilium = (SettingsRow("cilium", "x", (("mtu", "0"),)),)
    assert not evaluate(moment(*LOST, WORKS, settings=cilium))
    late = seen_at("n1", *LOST, WORKS, capture_lag=9.0)
    assert not evaluate(service_snapshot(late, pods=PODS))


def talk(server: str) -> Conversation:
    return Conversation("TCP", POD.ip, server, 8080, flows=9, unanswered=9)


def test_each_endpoint_is_listed_under_it() -> None:
    view = seen_at("n1", *LOST, WORKS, conversations=tuple(map(talk, (API.ip, OTHER_POD.ip))))
    (finding,) = rules.findings(service_snapshot(view, pods=PODS))
    assert finding.rule == "node_unreachable"
    assert len(finding.consequences) >= 2


def test_a_table_that_is_wrong_is_why() -> None:
    stale = routed("n1", 1, "02:77:c0:a8:00:01", *near(OLD))
    view = replace(
        stale, paths=(*LOST, WORKS), conversations=tuple(map(talk, (API.ip, OTHER_POD.ip)))
    )
    (finding,) = rules.findings(service_snapshot(view, SECOND, pods=PODS))
    assert finding.rule == "stale_vtep"
