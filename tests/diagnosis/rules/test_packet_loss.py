"""Loss by shares: the place, the kinds and the bound; what looks alike is silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from collectors.events import NodeRow, PodRow
from collectors.findings import Finding
from diagnosis.lookups import DnsSummary
from diagnosis.paths import PathDirection, PathRow, Period, Retransmissions, Segments
from diagnosis.rules import findings
from diagnosis.snapshot import Conversation, Snapshot, TargetView
from tests.support.path_snapshots import (
    CLIENT,
    FIRST,
    LOST,
    NODES,
    PODS,
    SECOND,
    SERVICE,
    SLICE,
    WELL,
    WELL_TOO,
    answers,
    data,
    direction,
    node,
    pod,
    snapshot,
)
from tests.support.rules import finder

evaluate = finder("packet_loss")
SECOND_NS = 1_000_000_000
AGAIN = Retransmissions(syn=60, timeout=70)


def one(*views: TargetView, **more: object) -> Finding:
    (finding,) = evaluate(snapshot(*views, **more))
    return finding


def lossy(row: PathRow, **more: object) -> PathRow:
    """30 % of what goes to it does not leave the node."""
    there = direction(data(140, 140), data(100, 97), AGAIN)
    return replace(row, to_server=there, **more)  # type: ignore[arg-type]


def test_the_share_its_bound_and_the_counts_are_said() -> None:
    finding = one(node(lossy(WELL), lossy(WELL_TOO)))
    assert finding.title.startswith("n1 drops 30 % (bound 26 to 34 %) of what goes to svc/shop/api")
    assert (finding.subject.name, finding.severity, finding.confidence) == (
        "n1",
        "critical",
        "certain",
    )
    texts = [fact.text for fact in finding.evidence]
    assert "there: SYN 280 in, 200 out; data 280 in, 194 out." in texts[1]
    assert "Back: SYN-ACK 200 in, 200 out" in texts[1]
    assert texts[2].startswith("retransmitted: 120 SYNs, 140 segments after a timeout, 0 fast")


KINDS = [
    (data(140, 100), data(100, 100), "of the SYNs to svc/shop/api:80"),
    (data(100, 140), data(100, 100), "of the data segments under 1,000 bytes to svc/shop/api:80"),
    (data(100, 100, 90), data(100, 100, 45), "of the segments of 1,000 bytes and more to svc"),
]


@pytest.mark.parametrize(("entered", "left", "what"), KINDS)
def test_the_kind_that_is_lost_is_named(entered: Segments, left: Segments, what: str) -> None:
    row = replace(WELL, to_server=direction(entered, left, AGAIN))
    assert what in one(node(row, WELL_TOO)).title


def test_answers_of_one_endpoint() -> None:
    back = direction(answers(160, 160), answers(100, 100), Retransmissions(timeout=100))
    finding = one(node(replace(WELL, to_client=back), WELL_TOO))
    assert "of the answers of svc/shop/api:80 at shop/api-1 (10.244.1.3:8080)" in finding.title


def test_flows_that_began_before_the_capture_are_no_server_of_their_own() -> None:
    row = replace(WELL, to_server=direction(data(140, 140), data(100, 97), AGAIN))
    early = replace(row, asked=FIRST, asked_port=8080)
    finding = one(node(row, early))
    assert "svc/shop/api:80" in finding.title and "api-1:8080" not in finding.title


def test_two_addresses_that_are_translated_to_each_other_are_both_named() -> None:
    """As where pods get each other's addresses while a conntrack entry of before remains."""
    row = replace(WELL, to_server=direction(data(140, 140), data(100, 97), AGAIN))
    there = replace(row, asked=FIRST, asked_port=8080, endpoint=SECOND)
    back = replace(row, asked=SECOND, asked_port=8080, endpoint=FIRST)
    title = one(node(there, back), services=(), slices=()).title
    assert "api-1:8080" in title and "api-2:8080" in title


def test_where_one_endpoint_only_is_reached_it_is_said() -> None:
    row = replace(WELL, to_server=direction(data(200, 100), data(100, 100), AGAIN))
    finding = one(node(row), services=(), slices=())
    assert any("all SYNs that leave go to 10.244.1.3" in fact.text for fact in finding.evidence)


def test_resets_that_no_server_sent() -> None:
    there = direction(data(100, 100), data(100, 0))
    back = direction(answers(100, 0), answers(100, 0, rst=90))
    row = replace(WELL, answered=0, silent=10, to_server=there, to_client=back)
    assert "n1 resets connections to svc/shop/api:80" in one(node(row)).title


def crossing(view_of: str, left: Segments, entered: Segments) -> tuple[TargetView, TargetView]:
    """A pod of n1 asks one of n2: what left n1, what came to n2."""
    there = direction(left, again=AGAIN)
    near = replace(
        WELL, asked="10.244.2.9", endpoint="10.244.2.9", asked_port=8080, to_server=there
    )
    far = replace(near, to_server=direction(entered, again=Retransmissions()))
    return node(near, name="n1"), node(far, name="n2")


def test_between_two_nodes() -> None:
    views = crossing("n1", data(140, 140), data(100, 100))
    finding = one(*views, pods=(*PODS, pod("far", "10.244.2.9", "n2")))
    assert "is lost between n1 and n2" in finding.title
    assert (finding.subject.name, finding.subject.detail) == ("n1", "→ n2")


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("more", [{"capture_loss": 2.0}, {"capture_lag": 5.0}])
def test_a_capture_that_lags_is_not_compared(which: int, more: dict[str, float]) -> None:
    views = list(crossing("n1", data(140, 140), data(100, 100)))
    views[which] = replace(views[which], **more)  # type: ignore[arg-type]
    pods = (*PODS, pod("far", "10.244.2.9", "n2"))
    assert not any("between" in f.title for f in evaluate(snapshot(*views, pods=pods)))


def test_connections_to_a_service_and_to_its_pod_itself_are_one_at_the_next_node() -> None:
    """Retransmitted FINs for connections that the client forgot long ago are to the pod by
    what the client's node knows of them; all else is to the Service."""
    near, far = crossing("n1", data(100, 100), data(100, 100))
    (to_pod,) = far.paths
    to_service = replace(to_pod, asked=SERVICE, asked_port=80)
    fins = direction(answers(0, 0), again=Retransmissions(timeout=160))
    orphans = replace(to_pod, connections=9, to_server=direction(data(0, 0)), to_client=fins)
    answered = replace(to_pod, to_client=direction(answers(100, 100)))
    pods = (*PODS, pod("far", "10.244.2.9", "n2"))
    slices = (replace(SLICE, ready=("10.244.2.9",), changed=-60.0),)
    views = replace(near, paths=(to_service, orphans)), replace(far, paths=(answered, orphans))
    assert evaluate(snapshot(*views, pods=pods, slices=slices)) == []
    again = Retransmissions(timeout=40)
    lossy = replace(to_service, to_client=direction(answers(100, 60), again=again))
    finding = one(replace(near, paths=(lossy, orphans)), views[1], pods=pods, slices=slices)
    assert "svc/shop/api" in finding.title and "between n2 and n1" in finding.title


def test_behind_the_last_node_that_is_open() -> None:
    near, _ = crossing("n1", data(140, 140), data(100, 100))
    finding = one(near, pods=(*PODS, pod("far", "10.244.2.9", "n2")))
    assert "lost behind it, or its answer" in finding.title and finding.confidence == "possible"


@pytest.mark.alike
def test_a_service_without_endpoints_in_a_capture_alone() -> None:
    """The kernel sends few ICMP errors a second: most of what it rejects looks dropped."""
    before = replace(WELL, connections=3, completed=3, to_server=direction(data(3, 3)))
    rejecting = replace(LOST, rejected=6, icmp="port unreachable", icmp_from="10.244.1.1")
    assert evaluate(Snapshot(0.0, (node(before, LOST),)))
    assert not evaluate(Snapshot(0.0, (node(before, rejecting),)))
    assert evaluate(snapshot(node(before, rejecting))), "its endpoints are known and ready"
    assert evaluate(Snapshot(0.0, (node(WELL, rejecting),))), "most of it is opened"


def test_few_errors_are_not_of_all_that_is_lost() -> None:
    again = direction(data(160, 100), data(100, 100), Retransmissions(syn=60))
    row = replace(WELL, to_server=again, unanswered=40, rejected=2, icmp="ICMP x net unreachable")
    (finding,) = evaluate(Snapshot(0.0, (node(row),)))
    assert "n1 drops or rejects" in finding.title
    assert finding.title.endswith("(ICMP x net unreachable: no route leads there)")


def test_what_goes_to_an_address_that_no_pod_has_is_lost_nowhere() -> None:
    near, _ = crossing("n1", data(140, 140), data(100, 100))
    rows = tuple(replace(row, asked="10.244.2.9", endpoint="10.244.2.9") for row in near.paths)
    ranges = (
        NodeRow("n2", "10.200.0.2", "z", True, "linux", "amd64", pod_cidrs=("10.244.2.0/24",)),
    )
    gone = replace(near, paths=rows)
    assert evaluate(snapshot(gone, nodes=ranges)) == []
    assert evaluate(snapshot(gone, nodes=ranges, pods=(*PODS, pod("far", "10.244.2.9", "n2"))))


def test_in_a_pod_whose_accept_queue_overflows() -> None:
    row = replace(WELL, to_server=direction(data(140, 140), again=AGAIN))
    overflows = {"TcpExtListenOverflows": 60, "TcpExtListenDrops": 60}
    view = replace(node(), key="pod/shop/api-1", kind="pod", pod=PODS[1], deltas=overflows)
    (finding,) = findings(snapshot(node(row), view))
    assert finding.rule == "listen_queue" and "hands it to the pod" in finding.consequences[0]


def test_in_the_pod() -> None:
    row = replace(WELL, to_server=direction(data(140, 140), again=AGAIN))
    finding = one(node(row))
    assert finding.subject.name == "api-1" and "hands it to the pod" in finding.title


def test_holes_in_what_comes_from_a_pod() -> None:
    again = Retransmissions(fast=12, gaps=14)
    row = replace(WELL, to_client=direction(answers(100, 0, 200), again=again))
    finding = one(node(row))
    assert finding.subject.name == "api-1"
    assert "of the answers of svc/shop/api:80 at shop/api-1" in finding.title
    assert finding.title.startswith("at least 7 % of") and "lost in the pod" in finding.title


HEALTHY: list[Snapshot] = [
    # holes that nobody fills are the capture's own
    snapshot(
        node(
            replace(WELL, to_client=direction(answers(100, 0, 200), again=Retransmissions(gaps=14)))
        )
    ),
    snapshot(node(WELL, WELL_TOO)),
    # the capture lost packets: nobody retransmits
    snapshot(node(replace(WELL, to_server=direction(data(140, 140), data(100, 97))))),
    # ... or says so
    snapshot(node(lossy(WELL), capture_loss=20.0)),
    # an end is the node itself
    snapshot(node(replace(lossy(WELL), one_sided=True))),
    # a few packets on their path as the window ended
    snapshot(
        node(
            replace(
                WELL,
                to_server=direction(data(104, 100), data(100, 100), Retransmissions(syn=4)),
            )
        )
    ),
    # offloads join ten segments to one, the bytes are all there
    snapshot(
        node(
            replace(
                WELL,
                to_client=direction(
                    Segments(syn_ack=100, large=1_000, bytes=1_400_000),
                    Segments(syn_ack=100, large=100, bytes=1_400_000),
                    AGAIN,
                ),
            )
        )
    ),
    # of the node itself, by the rules of its own input
    snapshot(node(replace(LOST, asked="10.200.0.1"))),
    # the reverse-path filter has a rule of its own, and counts them
    snapshot(node(lossy(WELL), deltas={"TcpExtIPReversePathFilter": 80})),
    # one endpoint of two is black-holed: another rule
    snapshot(node(WELL, LOST)),
]


@pytest.mark.parametrize("known", HEALTHY)
@pytest.mark.alike
def test_what_looks_alike_is_silent(known: Snapshot) -> None:
    assert evaluate(known) == []


def test_a_service_whose_only_endpoint_comes_and_goes_rejects_what_looks_lost() -> None:
    """The kernel sends few ICMP errors a second."""
    known = snapshot(node(lossy(WELL)))
    one_end = replace(SLICE, ready=(FIRST,))
    for row in (replace(SLICE, ready=()), replace(one_end, changed=known.at - 5.0)):
        assert evaluate(replace(known, slices=(row,))) == []
    assert len(evaluate(replace(known, slices=(replace(one_end, changed=known.at - 60.0),)))) == 1
    assert len(evaluate(replace(known, slices=(replace(SLICE, changed=known.at - 5.0),)))) == 1


def test_a_pods_own_capture_has_no_other_side() -> None:
    view = replace(node(lossy(WELL)), kind="pod", key="pod/shop/web")
    assert evaluate(snapshot(view)) == [] and CLIENT and FIRST and SERVICE


def with_lookups(view: TargetView, unanswered: int) -> list[str]:
    lookups = DnsSummary(15.0, 100, 0, unanswered)
    return sorted(one.rule for one in findings(snapshot(replace(view, lookups=lookups))))


def test_dns_questions_that_a_lossy_node_drops_follow_from_it() -> None:
    """A question and its answer pass two nodes each: more has another cause."""
    assert with_lookups(node(lossy(WELL), lossy(WELL_TOO)), 60) == ["packet_loss"]
    mild = replace(WELL, to_server=direction(data(1_000, 1_000), data(950, 950), AGAIN))
    assert with_lookups(node(mild), 15) == ["packet_loss"]
    assert with_lookups(node(mild), 60) == ["dns_unanswered", "packet_loss"]


def test_what_two_nodes_drop_alike_is_said_once() -> None:
    """A policy that every node enforces, without the objects that say so."""
    rows = lossy(WELL), lossy(WELL_TOO)
    (finding,) = findings(Snapshot(0.0, (node(*rows, name="n2"), node(*rows))))
    assert finding.title.startswith("n1 and n2 drop 30 % (bound 27 to 32 %) of what goes to ")
    assert (finding.where, len(finding.consequences)) == ("n1", 1)
    assert {fact.scope for fact in finding.evidence} == {"whole node n1", "whole node n2"}


@pytest.mark.alike
def test_what_two_nodes_drop_of_different_servers_is_two_things() -> None:
    other = replace(lossy(WELL), asked="10.96.0.9", endpoint="10.244.2.9")
    known = findings(Snapshot(0.0, (node(lossy(WELL)), node(other, name="n2"))))
    assert [one.where for one in known] == ["n1", "n2"]
    assert evaluate(Snapshot(0.0, (node(WELL), node(WELL, name="n2")))) == []


DROPPED_THERE = replace(LOST, asked=SECOND, asked_port=8080)  # never left
OF_THAT_POD = replace(
    WELL, client=SECOND, asked="10.244.2.9", endpoint="10.244.2.9", sent_as=SECOND
)
SILENT = replace(
    LOST,
    endpoint=SECOND,
    endpoint_port=8080,
    stuck=0,
    to_server=direction(data(100, 0), again=Retransmissions(syn=60)),
)


def test_the_node_that_drops_is_said_and_not_the_one_before_it() -> None:
    """By captures alone: SYNs go out to an endpoint by n1 and nothing answers; n2, where that
    address sends from, has them come in and not go out."""
    views = node(WELL, SILENT), node(DROPPED_THERE, OF_THAT_POD, name="n2")
    (finding,) = findings(Snapshot(0.0, views))
    assert finding.title.startswith("n2 drops all of what goes to 10.244.1.4:8080")
    assert (finding.where, len(finding.consequences)) == ("n2", 1)
    assert "1 of 2 endpoints" in finding.consequences[0]


@pytest.mark.alike
def test_what_only_comes_in_may_be_for_the_node_itself() -> None:
    assert evaluate(Snapshot(0.0, (node(DROPPED_THERE, name="n2"),))) == []


def test_a_part_of_a_service_is_a_server_of_its_own_for_other_clients() -> None:
    from_elsewhere = replace(lossy(WELL), client="10.244.2.7", asked=FIRST, asked_port=8080)
    finding = one(node(lossy(WELL), from_elsewhere))
    assert "svc/shop/api:80" in finding.title and "api-1:8080" in finding.title


def test_syns_alone_that_get_no_answer_are_said_to_be_that() -> None:
    """As where the accept queue of a pod is full; with retransmitted data it is loss."""
    again = Retransmissions(syn=60)
    near, _ = crossing("n1", data(140, 140), data(100, 100))
    there = direction(data(160, 100), again=again)
    both = Period(1, 9 * SECOND_NS)
    mixed = {"retried": 40, "to_server": there, "failing": both, "answering": both}
    rows = tuple(replace(row, **mixed) for row in near.paths)  # type: ignore[arg-type]
    far = {"pods": (*PODS, pod("far", "10.244.2.9", "n2"))}
    title = one(replace(near, paths=rows), **far).title
    assert "of the SYNs to shop/far:8080" in title and "a full accept queue, or a filter" in title
    here = replace(WELL, **mixed)  # type: ignore[arg-type]
    assert "gets no answer, and no data is lost: a full" in one(node(here)).title
    assert "accept queue" not in one(near, **far).title
    before = Period(1, 2 * SECOND_NS)  # nothing passed for a time: a route, not a queue
    rows = tuple(replace(row, failing=before) for row in rows)
    assert "accept queue" not in one(replace(near, paths=rows), **far).title


@pytest.mark.alike
def test_a_few_connections_that_go_on_trying_are_no_share_of_loss() -> None:
    again = direction(data(106, 100), again=Retransmissions(syn=6))
    near, _ = crossing("n1", data(140, 140), data(100, 100))
    far = (*PODS, pod("far", "10.244.2.9", "n2"))
    for retried, count in ((3, 0), (6, 1)):
        rows = tuple(replace(row, retried=retried, to_server=again) for row in near.paths)
        assert len(evaluate(snapshot(replace(near, paths=rows), pods=far))) == count


def test_what_leaves_the_cluster_with_a_pod_s_own_address() -> None:
    outside = "203.0.113.9"
    sent = direction(data(90, 0), again=Retransmissions(syn=60))
    ends = {"asked": outside, "asked_port": 443, "endpoint": outside, "endpoint_port": 443}
    known = {"to_server": sent, "sent_as": CLIENT, "retried": 30} | ends
    row = replace(SILENT, **known)  # type: ignore[arg-type]
    finding = one(node(row))
    assert finding.title.startswith(f"Nothing answers what goes to {outside}:443, which leaves n1")
    assert any(
        "with the pods' own addresses (10.244.1.6)" in fact.text for fact in finding.evidence
    )
    masqueraded = one(node(replace(row, sent_as=NODES[0].address)))
    assert not any("own addresses" in fact.text for fact in masqueraded.evidence)


def test_large_segments_that_two_nodes_drop_are_one_mtu_or_filter() -> None:
    lost = direction(answers(100, 100, 90), answers(100, 100, 45), AGAIN)
    row = replace(WELL, to_client=lost)
    other = replace(row, asked="10.96.0.9", endpoint="10.244.2.9")
    (finding,) = findings(Snapshot(0.0, (node(row), node(other, name="n2"))))
    assert finding.title.startswith("n1 and n2 drop 50 %")
    assert "the segments of 1,000 bytes and more from 10.96.0.9:80" in finding.title


def forgotten(by: int) -> tuple[PathRow, PathRow]:
    """Requests that a node translates again, to the endpoint that never had the connection, which
    resets them: they leave, and the RST comes in, with other addresses."""
    there = direction(data(100, 100), data(100, 100 - by))
    back = direction(answers(100, 100), answers(100, 100, rst=by))
    asked = replace(WELL, to_server=there, to_client=back)
    stray = replace(
        WELL,
        asked=SECOND,
        asked_port=8080,
        endpoint=SECOND,
        connections=by,
        completed=0,
        answered=0,
        silent=by,
        one_sided=True,
        to_server=PathDirection(left=data(0, by)),
        to_client=PathDirection(entered=Segments(rst=by)),
    )
    return asked, stray


@pytest.mark.alike
def test_what_is_translated_again_is_neither_dropped_nor_reset_by_the_node() -> None:
    asked, stray = forgotten(20)
    assert evaluate(snapshot(node(asked, WELL_TOO, stray))) == []
    assert "n1 resets connections" in one(node(asked, WELL_TOO)).title


@pytest.mark.alike
def test_connections_that_were_open_before_the_capture_are_not_lost_by_the_node() -> None:
    """Their legs have no SYN to be joined by: the one to the Service only comes in and goes out at
    the client, and the other is not added to the connections that are known whole."""
    asked = replace(
        WELL,
        endpoint=SERVICE,
        endpoint_port=80,
        one_sided=True,
        completed=0,
        to_server=PathDirection(entered=data(0, 10, 13)),
        to_client=PathDirection(left=answers(0, 10, 13)),
    )
    other = replace(
        WELL,
        asked=FIRST,
        asked_port=8080,
        one_sided=True,
        completed=0,
        to_server=PathDirection(left=data(0, 10, 13)),
        to_client=PathDirection(entered=answers(0, 10, 13)),
    )
    again = direction(data(100, 100, 100), again=Retransmissions(syn=20))
    known = replace(WELL, to_server=again, to_client=direction(answers(100, 100, 100)))
    assert evaluate(snapshot(node(known, WELL_TOO, asked, other))) == []


@pytest.mark.alike
def test_probes_of_a_closed_window_are_not_lost_behind_the_node() -> None:
    again = Retransmissions(timeout=40)
    row = replace(WELL, to_server=direction(data(100, 900), again=again))
    talk = Conversation("TCP", CLIENT, SERVICE, 80, flows=9, answered=9, server_zero_windows=12)
    view = node(row)
    assert evaluate(Snapshot(0.0, (view,)))
    assert evaluate(Snapshot(0.0, (replace(view, conversations=(talk,)),))) == []


@pytest.mark.alike
def test_connections_of_a_pod_that_was_deleted_end_with_it() -> None:
    """With its server, as of one that is restored; not of a pod that is there, or opens others."""
    nodes = (replace(NODES[0], pod_cidrs=("10.244.1.0/24",)), NODES[1])

    def said(syns: int, pods: Sequence[PodRow]) -> list[Finding]:
        again = Retransmissions(timeout=40, syn=syns)
        lost = replace(
            WELL,
            asked="10.96.0.88",
            endpoint="10.96.0.88",
            endpoint_port=80,
            connections=10,
            completed=0,
            requests=0,
            answered=0,
            to_server=direction(data(syns, 40), again=again),
            to_client=direction(answers(0, 0)),
        )
        return evaluate(snapshot(node(lost), pods=tuple(pods), nodes=nodes))

    assert said(0, PODS[1:]) == []
    assert said(40, PODS[1:]) and said(0, PODS)
