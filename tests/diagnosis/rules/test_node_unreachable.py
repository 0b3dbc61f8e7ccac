"""A node of whose pods none answers, by the capture of another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import LinkRow, NetworkState, PodRow, SettingsRow
from diagnosis import rules
from diagnosis.paths import PathDirection, PathRow, Retransmissions, Segments
from diagnosis.reachability.blind_spots import BlindSpot, BlindSpots
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
ONE = Retransmissions(syn=1)
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
    assert first.startswith(
        "18 connections of shop/web to pods of n2 (shop/api, shop/search) without"
    )
    assert "9 connections elsewhere were made" in first
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
        (
            row(API.ip, to_server=LATELY),
            "What n1 sends to pods of n2 comes to n2, and no answer leaves it",
        ),
        (  # nothing of one of two spans of 5 s
            row(API.ip, to_server=LATELY, to_client=replace(SENT, latest_left=(0, 3))),
            "No pod of n2 answers n1: lost on the path there or back, or n2 is down",
        ),
        (
            row(POD.ip, client=API.ip),
            "Nothing that pods of n1 and of n2 send each other comes there",
        ),
        (  # with an address of n1
            row(API.ip, client=NODE.address, to_server=LATELY, to_client=SENT),
            "What pods of n2 answer never comes to n1",
        ),
    ],
)
def test_the_other_capture_says_where(there: PathRow, title: str) -> None:
    lost = [replace(one, sent_as=NODE.address) for one in LOST]
    views = seen_at("n1", *lost, WORKS), seen_at("n2", there)
    (finding,) = evaluate(service_snapshot(*views, pods=PODS))
    assert finding.title == title
    assert "packets came from pods of n1 lately" in finding.evidence[1].text


def test_a_capture_that_lost_packets_is_not_asked() -> None:
    views = seen_at("n1", *LOST, WORKS), seen_at("n2", row(API.ip), capture_loss=9.0)
    found = rules.findings(service_snapshot(*views, pods=PODS))
    (finding,) = [one for one in found if one.rule == "node_unreachable"]
    assert finding.title.startswith("No pod of n2 answers n1")
    assert "n2 lost 9.0 % of its packets" in finding.evidence[-1].text


def host(**more: Any) -> PathRow:
    """A connection of n2's kubelet to n1's, say."""
    base = {"client": OTHER.address, "asked_port": 10250, "one_sided": True, **more}
    return row(NODE.address, unanswered=0, **base)


@pytest.mark.parametrize("ready", [True, False])
def test_the_node_itself_is_reached(ready: bool) -> None:
    nodes = (NODE, replace(OTHER, ready=ready))
    (finding,) = evaluate(moment(*LOST, WORKS, host(to_server=LATELY), nodes=nodes))
    assert "n2 itself is reached" in finding.title and "is down" not in finding.title
    assert any("4 packets came from n2 itself in 10 s" in one.text for one in finding.evidence)


def test_one_direction_by_one_capture() -> None:
    """Its pods open connections, and the answers to that do not come there."""
    came = PathDirection(entered=SYNS, retransmitted=Retransmissions(syn=7), latest_entered=4)
    back = PathDirection(left=Segments(syn_ack=9), latest_left=(4, 4))
    theirs = row(POD.ip, client=API.ip, unanswered=0, to_server=came, to_client=back)
    (finding,) = evaluate(moment(*LOST, WORKS, theirs))
    assert finding.title == "What n1 sends to pods of n2 never comes there"
    assert "only SYNs, retransmitted, came from any pod of n2" in finding.evidence[0].text


THIRD = replace(OTHER, name="n3", address="192.168.0.3", pod_cidrs=())
THIRDS = tuple(
    replace(one, name=f"{one.name}-3", uid=f"{one.uid}-3", ip=address, node="n3")
    for one, address in ((API, "10.3.0.5"), (OTHER_POD, "10.3.0.66"))
)
LOST_AS_WELL = tuple(row(one.ip) for one in THIRDS)


def of_three(*paths: PathRow, **more: Any) -> Snapshot:
    return moment(*paths, **{"pods": (*PODS, *THIRDS), "nodes": (NODE, OTHER, THIRD), **more})


def test_no_pod_of_any_other_node() -> None:
    (finding,) = evaluate(of_three(*LOST, *LOST_AS_WELL, WORKS))
    assert finding.where == "n1"
    assert finding.title == (
        "No pod of any other node answers n1 (n2, n3): n1 is cut off from their pods"
    )


def test_two_of_three_are_gone() -> None:
    fourth = replace(NEAR, name="near-4", uid="u4", ip="10.4.0.5", node="n4")
    more = {"pods": (*PODS, *THIRDS, fourth), "nodes": (NODE, OTHER, THIRD, NODE)}
    paths = (*LOST, *LOST_AS_WELL, WORKS, row(fourth.ip, unanswered=0, completed=3))
    (finding,) = evaluate(of_three(*paths, **more))
    assert finding.title.startswith("No pod of n2, n3 answers n1: lost on the path there or back")
    down = (NODE, replace(OTHER, ready=False), THIRD)
    first, second = evaluate(of_three(*paths, **{**more, "nodes": down}))
    assert (first.where, second.where) == ("n1 → n2", "n1 → n3")
    assert first.title == "No pod of n2 answers: the node is not ready"
    assert second.title.startswith("No pod of n3 answers n1: lost on the path")


def test_several_nodes_that_ask() -> None:
    other = replace(POD, name="web-3", uid="u93", ip="10.3.0.9", node="n3")
    theirs = [replace(one, client=other.ip) for one in (*LOST, WORKS)]
    views = seen_at("n1", *LOST, WORKS), seen_at("n3", *theirs)
    nodes = (NODE, OTHER, THIRD)
    (finding,) = evaluate(service_snapshot(*views, pods=(*PODS, other), nodes=nodes))
    assert (finding.where, len(finding.evidence)) == ("n2", 4)
    assert finding.title.startswith("No pod of n2 answers n1, n3: lost on the path")


def test_a_node_that_was_removed_with_its_machine() -> None:
    (finding,) = evaluate(moment(*LOST, WORKS, nodes=(NODE,)))
    assert finding.title == "No pod of n2 answers: the cluster has no such node any more"
    assert "no node of the cluster is called n2" in finding.evidence[1].text


@pytest.mark.alike
def test_nodes_that_were_not_listed() -> None:
    blind = BlindSpots((BlindSpot("nodes", "forbidden"),))
    assert not evaluate(moment(*LOST, WORKS, nodes=(NODE,), blind=blind))
    assert not evaluate(moment(*LOST, WORKS, nodes=()))


def ending(*names: str) -> tuple[PodRow, ...]:
    return tuple(replace(one, phase="Terminating") if one.name in names else one for one in PODS)


@pytest.mark.alike
def test_a_drain() -> None:
    """Pods that end are asked for a moment by clients that know of it late."""
    assert not evaluate(moment(*LOST, WORKS, pods=ending("api-1", "search-1")))
    assert not evaluate(moment(*LOST, WORKS, pods=ending("api-1")))
    down = (NODE, replace(OTHER, ready=False))  # the cluster has them end, as nobody is there
    assert evaluate(moment(*LOST, WORKS, pods=ending("api-1", "search-1"), nodes=down))


@pytest.mark.alike
def test_a_filter_of_the_node_beside_one_workload() -> None:
    """An exporter's port on the host's network, which a firewall closes."""
    links = (LinkRow("eth0", "", 1500, "UP", (f"{OTHER.address}/24",)),)
    setup = NetworkState(100.0, "node/n2", links)
    views = seen_at("n1", LOST[0], row(OTHER.address), WORKS), seen_at("n2", network=setup)
    assert not evaluate(service_snapshot(*views, pods=PODS))


@pytest.mark.alike
def test_a_client_that_gets_no_answer_from_anywhere() -> None:
    """Another one's works: what is wrong is this client's own."""
    works = replace(WORKS, client=NEAR.ip)
    assert not evaluate(moment(*LOST, works))
    others = [replace(one, client=NEAR.ip) for one in LOST]
    assert evaluate(moment(*LOST, *others, works))


@pytest.mark.parametrize(
    "paths",
    [
        (*(replace(one, rejected=2) for one in LOST), WORKS),  # ICMP says more
        (  # most are sent once
            *(replace(one, to_server=replace(SENT, retransmitted=ONE)) for one in LOST),
            WORKS,
        ),
        (LOST[0], WORKS),  # one workload: its program, its policy
        LOST,  # nobody answers: the capture sees one direction, or this node is cut off
        (replace(LOST[0], to_client=LATELY), LOST[1], WORKS),  # something comes
        (*LOST, replace(row(API.ip, unanswered=0), to_client=LATELY), WORKS),
        (row(API.ip, unanswered=1), row(OTHER_POD.ip, unanswered=1), WORKS),
        (*map(once, LOST), WORKS),  # nobody retransmits: answers come, and are not captured
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
    for more in ({"capture_lag": 9.0}, {"paths_complete": False}):
        late = seen_at("n1", *LOST, WORKS, **more)
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
