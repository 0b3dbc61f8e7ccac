"""A share of a Service's connections fails, seen from a client's pod alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import ConntrackGroup, ConntrackTable
from collectors.objects import ContainerPort
from diagnosis.paths import PathDirection, PathRow, Period, Retransmissions
from diagnosis.reachability.blind_spots import BlindSpot, BlindSpots
from diagnosis.rules import findings
from diagnosis.snapshot import Conversation, Snapshot, TargetView
from tests.support.one_interface import LAST_15_S, ONE_SIDED, SECOND_NS, captured, retransmitting
from tests.support.path_snapshots import (
    CLIENT,
    FIRST,
    LOST,
    OTHER,
    PODS,
    SECOND,
    SERVICE,
    SLICE,
    WELL,
    answers,
    data,
    direction,
    node,
    snapshot,
)
from tests.support.rules import finder

evaluate = finder("service_failing")

SYNS = replace(
    ONE_SIDED,
    unanswered=20,
    retried=58,
    connections=120,
    to_server=direction(data(200, 100), again=Retransmissions(syn=80)),
)
SILENT = replace(ONE_SIDED, answered=50, silent=48)
REJECTED = replace(ONE_SIDED, connections=100, completed=52, answered=52, requests=52, rejected=48)
RESET = replace(ONE_SIDED, answered=50, reset_by_server=48)
ALL_FAIL_NOW = Period(109 * SECOND_NS, 115 * SECOND_NS)


def pod_view(*rows: PathRow) -> TargetView:
    return replace(
        node(*rows), key="pod/shop/web", kind="pod", scope="this pod", pod=PODS[0], node="n1"
    )


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (SYNS, "of first SYNs to svc/shop/api:80 get no answer, and nothing else is lost"),
        (SILENT, "of requests to svc/shop/api:80 are accepted and get no answer"),
        (REJECTED, "of connections to svc/shop/api:80 are rejected"),
        (RESET, "of requests to svc/shop/api:80 are reset"),
    ],
)
def test_some_of_its_endpoints(row: PathRow, what: str) -> None:
    (finding,) = evaluate(snapshot(pod_view(row)))
    assert what in finding.title and "by the share 1 of 2" in finding.title
    assert finding.confidence == "possible"


def test_conntrack_of_the_node_names_the_endpoint() -> None:
    def entries(count: int, endpoint: str, replied: bool) -> ConntrackGroup:
        return ConntrackGroup(
            count,
            "tcp",
            "SYN_SENT",
            CLIENT,
            SERVICE,
            port=80,
            reply_source=endpoint,
            reply_port=8080,
            assured=replied,
            replied=replied,
        )

    groups = (entries(30, FIRST, True), entries(20, SECOND, False))
    host = replace(node(), conntrack=ConntrackTable(0.0, "node/n1", 50, groups))
    (finding,) = evaluate(snapshot(pod_view(SYNS), host))
    assert "shop/api-2 (10.244.1.4), 1 of 2 endpoints, fails" in finding.title


HEALTHY = [
    ONE_SIDED,
    replace(SYNS, to_server=direction(data(200, 100), again=Retransmissions(timeout=30))),  # loss
    replace(SYNS, retried=110),  # 90 %: no number of two endpoints
    replace(SILENT, silent=2),
    replace(SILENT, answered=5),  # nearly nothing is answered: no share
    replace(ONE_SIDED, to_client=direction(answers(97, 100)), retried=3),  # SYNs on their path
    # first all did well, now all fail
    replace(REJECTED, failing=ALL_FAIL_NOW, answering=Period(100 * SECOND_NS, 110 * SECOND_NS)),
    # all failed until a while ago
    replace(SILENT, failing=Period(100 * SECOND_NS, 108 * SECOND_NS), answering=LAST_15_S),
]


@pytest.mark.parametrize("row", HEALTHY)
@pytest.mark.alike
def test_what_looks_alike_is_silent(row: PathRow) -> None:
    assert evaluate(snapshot(pod_view(row))) == []


def test_a_nodes_capture_sees_more_and_explains_it() -> None:
    talk = Conversation("TCP", CLIENT, SERVICE, 80, flows=120, answered=100, unanswered=20)
    view = replace(pod_view(SYNS), conversations=(talk,))
    (finding,) = findings(snapshot(view, node(WELL, LOST)))
    assert finding.rule == "endpoint_failing"
    assert [text.partition(":")[0] for text in finding.consequences] == ["svc/shop/api"] * 2


def test_an_endpoint_that_refuses_explains_the_share() -> None:
    """A capture of the node sees it; a share that fails otherwise has another cause."""
    refusing = Conversation("TCP", CLIENT, FIRST, 8080, flows=60, answered=12, refused=48)
    host = replace(node(WELL), conversations=(refusing,))
    slices = (replace(SLICE, ports=(ContainerPort("", 8080, "TCP"),)),)
    (finding,) = findings(snapshot(pod_view(REJECTED), host, slices=slices))
    assert finding.rule == "refused"
    assert [text.partition(":")[0] for text in finding.consequences] == ["svc/shop/api"]
    assert sorted(one.rule for one in findings(snapshot(pod_view(SILENT), host))) == [
        "refused",
        "service_failing",
    ]


# --- UDP

DATAGRAMS = replace(
    ONE_SIDED,
    protocol="UDP",
    connections=60,
    completed=31,
    answered=31,
    requests=60,
    unanswered=29,
    to_server=PathDirection(),
    to_client=PathDirection(),
)


def test_a_share_of_datagrams_gets_no_answer() -> None:
    (finding,) = evaluate(snapshot(pod_view(DATAGRAMS)))
    assert "what is sent to svc/shop/api:80 over UDP gets no answer" in finding.title
    assert "by the share 1 of 2" in finding.title
    assert not any("SYN" in one.text for one in finding.evidence)


def test_udp_that_nobody_answers_and_dns() -> None:
    """UDP of one direction has no answers beside; DNS has rules of its own."""
    one_direction = replace(DATAGRAMS, completed=0, answered=0, unanswered=60, answering=Period())
    dns = replace(DATAGRAMS, asked_port=53)
    assert not evaluate(snapshot(pod_view(one_direction))) and not evaluate(snapshot(pod_view(dns)))


@pytest.mark.parametrize(
    ("row", "counts"),
    [
        (
            SYNS,
            "58 of 120 first SYNs without an answer; 100 of 120 connections opened, 100 of 100 "
            "requests answered",
        ),
        (
            SILENT,
            "48 of 98 requests without an answer; 100 of 100 connections opened, 2 more requests "
            "wait, or ended otherwise",
        ),
        (
            REJECTED,
            "48 of 100 connections rejected or refused; 52 of 52 requests answered",
        ),
        (
            RESET,
            "48 of 98 requests reset; 100 of 100 connections opened, 2 more requests wait, or "
            "ended otherwise",
        ),
    ],
)
def test_each_count_says_of_what_and_requests_have_one_total(row: PathRow, counts: str) -> None:
    (finding,) = evaluate(snapshot(pod_view(row)))
    first, *others = (one.text for one in finding.evidence)
    assert first == counts
    assert ("SYNs retransmitted: 80" in others) is (row is SYNS), "0 is no evidence"


def test_an_endpoint_that_is_seen_to_reset_is_what_the_share_follows_from() -> None:
    """By the node's capture beside the pod's: it is the workload that the reader is led to."""
    at_end = Conversation("TCP", CLIENT, SECOND, 8080, flows=50, answered=50, server_resets=48)
    host = replace(node(), conversations=(at_end,))
    slices = (replace(SLICE, ports=(ContainerPort("", 8080, "TCP"),)),)
    said = findings(snapshot(pod_view(RESET), host, slices=slices))
    assert [one.rule for one in said] == ["resets"]
    assert "some of its endpoints fail" in said[0].consequences[0]


SOME_SYNS = replace(retransmitting(Retransmissions(syn=60)), retried=48)
GIVEN_UP = replace(retransmitting(), answered=60, silent=40, abandoned=30)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (
            SOME_SYNS,
            "of first SYNs to 10.96.0.7:80 get no answer, and nothing else is lost: a filter",
        ),
        (
            replace(SOME_SYNS, rejected=2, icmp="ICMP x net unreachable", icmp_from="10.96.0.7"),
            "nothing else is lost: some are rejected by ICMP errors (ICMP x net unreachable: no",
        ),
        (GIVEN_UP, "of requests to 10.96.0.7:80 are accepted and get no answer: some of the"),
    ],
)
def test_captures_alone_know_no_service_and_say_the_share(row: PathRow, what: str) -> None:
    (finding,) = findings(captured(row))
    assert finding.rule == "service_failing" and what in finding.title


def test_a_few_per_cent_of_requests_that_clients_give_up_are_a_warning() -> None:
    (finding,) = evaluate(captured(replace(GIVEN_UP, answered=180, silent=15, abandoned=15)))
    assert finding.title.startswith("8 % (bound 5 to 12 %) of requests to 10.96.0.7:80 are acc")
    assert finding.severity == "warning"
    (more,) = evaluate(captured(GIVEN_UP))
    assert more.severity == "critical"
    assert not evaluate(captured(replace(GIVEN_UP, answered=180, silent=15, abandoned=9)))
    assert not evaluate(captured(replace(GIVEN_UP, answered=180, silent=15, abandoned=0)))


def test_an_endpoint_that_leaves_some_requests_unanswered_is_named() -> None:
    """By the node that translates; what that of the endpoint sees follows from it."""
    both = replace(WELL, failing=LAST_15_S, answering=LAST_15_S)
    hangs = replace(both, endpoint=SECOND, answered=70, silent=30, abandoned=30)
    there = replace(hangs, asked=SECOND, asked_port=8080)
    views = node(both, hangs), node(there, name="n2")
    (finding,) = findings(Snapshot(0.0, views))
    assert (finding.where, finding.severity) == (f"{SECOND}:8080", "critical")
    assert len(finding.consequences) == 1
    (seen,) = evaluate(Snapshot(0.0, views[:1]))
    assert f"all of them at {SECOND}" in [one.text for one in seen.evidence]


def test_a_node_s_capture_alone_sees_a_share_of_requests_that_its_program_never_answers() -> None:
    row = replace(
        WELL, answered=60, silent=40, abandoned=30, failing=LAST_15_S, answering=LAST_15_S
    )
    (finding,) = evaluate(Snapshot(0.0, (node(row),)))
    assert "of requests to" in finding.title


@pytest.mark.parametrize(
    "row",
    [
        retransmitting(),
        replace(SOME_SYNS, retried=4),
        replace(SOME_SYNS, retried=97),  # all of them: another rule
        replace(SOME_SYNS, failing=Period(100 * SECOND_NS, 101 * SECOND_NS)),  # for a moment
        replace(GIVEN_UP, abandoned=0),  # its clients go on waiting: long polls beside requests
        replace(GIVEN_UP, abandoned=3),
    ],
)
@pytest.mark.alike
def test_what_looks_alike_in_a_capture_alone_is_silent(row: PathRow) -> None:
    assert findings(captured(row)) == []


def talked(row: PathRow) -> TargetView:
    talk = Conversation("TCP", row.client, row.asked, row.asked_port, flows=120, segments=600)
    return replace(pod_view(row), conversations=(talk,))


ONE_ENDPOINT = {"slices": (replace(SLICE, ready=(FIRST,)),)}
NOT_LISTED = {"slices": (), "blind": BlindSpots((BlindSpot("endpointslices", "refused"),))}
OF_A_POD = replace(SYNS, asked=OTHER, endpoint=OTHER)
OUTSIDE = replace(SYNS, asked="192.0.2.77", endpoint="192.0.2.77")


@pytest.mark.parametrize(
    ("row", "known", "what"),
    [
        (SYNS, ONE_ENDPOINT, "svc/shop/api:80 get no answer, and nothing else is lost: a filter t"),
        (SYNS, NOT_LISTED, "svc/shop/api:80 get no answer, and nothing else is lost: a filter, a"),
        (replace(SILENT, abandoned=40), NOT_LISTED, "of requests to svc/shop/api:80 are accepted"),
        (OF_A_POD, {}, "first SYNs to 10.244.2.9:80 get no answer"),
        (OUTSIDE, {}, "first SYNs to 192.0.2.77:80 get no answer, and nothing else is lost: a fi"),
    ],
)
def test_a_share_where_several_endpoints_are_not_known(
    row: PathRow, known: dict[str, object], what: str
) -> None:
    (finding,) = evaluate(snapshot(talked(row), **known))
    assert what in finding.title and finding.confidence == "possible"


EARLIER = Period(100 * SECOND_NS, 110 * SECOND_NS)
LOSSY = direction(data(200, 100), again=Retransmissions(syn=80, timeout=60))


@pytest.mark.parametrize(
    ("row", "known"),
    [
        (replace(SYNS, to_server=LOSSY), ONE_ENDPOINT),
        (replace(OUTSIDE, retried=8), {}),
        (replace(OUTSIDE, failing=ALL_FAIL_NOW, answering=EARLIER), {}),  # all at once
        (replace(SILENT, abandoned=40), ONE_ENDPOINT),  # long polls, perhaps
        (replace(OF_A_POD, client=FIRST, asked=CLIENT, endpoint=CLIENT), {}),  # what others ask it
        (replace(OUTSIDE, asked_port=53, endpoint_port=53), {}),
    ],
)
@pytest.mark.alike
def test_what_looks_like_a_share_of_one_address_is_silent(
    row: PathRow, known: dict[str, object]
) -> None:
    assert evaluate(snapshot(talked(row), **known)) == []
