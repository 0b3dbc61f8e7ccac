"""Some endpoints of a Service fail, and how; what looks alike and is healthy is silent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis.paths import PathDirection, PathRow, Period, Retransmissions, Segments
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

evaluate = finder("endpoint_failing")

NOTHING = PathDirection()
UNANSWERED = replace(
    WELL_TOO,
    completed=0,
    requests=0,
    answered=0,
    unanswered=80,
    to_server=direction(data(200, 0), again=Retransmissions(syn=100)),
    to_client=NOTHING,
)
SILENT = replace(WELL_TOO, answered=0, silent=90, to_client=direction(answers(100, 0)))
REJECTED = replace(LOST, unanswered=0, rejected=40, icmp="ICMP admin prohibited", icmp_from=SERVICE)
RESET = replace(
    LOST,
    unanswered=0,
    refused=40,
    to_client=direction(Segments(), Segments(rst=100)),
)
CASES = [
    ([WELL, LOST], f"n1 drops what goes to shop/api-2 ({SECOND}:8080), 1 of 2 endpoints"),
    ([WELL, UNANSWERED], "SYNs go out to it by n1 and nothing answers"),
    ([WELL, SILENT], "it accepts connections and never answers a request"),
    ([WELL, REJECTED], "connections are rejected by n1 (ICMP admin prohibited: a rule"),
    ([WELL, RESET], "n1 resets connections to shop/api-2"),
]

SECOND_NS = 1_000_000_000
BEFORE, SINCE = Period(100 * SECOND_NS, 104 * SECOND_NS), Period(104 * SECOND_NS, 110 * SECOND_NS)
STOPPED_SINCE = replace(SILENT, answered=40, silent=50, answering=BEFORE, failing=SINCE)
GONE_SINCE = replace(
    UNANSWERED,
    completed=40,
    answered=40,
    requests=40,
    unanswered=50,
    to_client=direction(answers(40, 40)),
    answering=BEFORE,
    failing=SINCE,
)
CASES += [
    ([WELL, STOPPED_SINCE], "it accepts connections and never answers a request"),
    ([WELL, GONE_SINCE], "SYNs go out to it by n1 and nothing answers"),
]


@pytest.mark.parametrize(("rows", "title"), CASES)
def test_service_and_endpoint_are_named(rows: list[PathRow], title: str) -> None:
    (finding,) = evaluate(snapshot(node(*rows)))
    assert title in finding.title and "svc/shop/api:80" in finding.title
    assert finding.subject.kind == "service" and finding.severity == "critical"
    assert all(one.text for one in finding.evidence)


def test_syns_that_never_left_are_the_services_and_no_other_endpoints() -> None:
    """Those of a connection that was opened with another endpoint in the end, too."""
    retried = replace(WELL, to_server=direction(data(170, 100), data(100, 100)))
    (finding,) = evaluate(snapshot(node(retried, LOST)))
    texts = [one.text for one in finding.evidence]
    assert texts[0].startswith("170 of 270 SYNs to svc/shop/api:80 never left: 63 %")
    assert texts[1].endswith("100 of 100 requests answered; 100 SYNs left for it")
    assert not any("170 in" in text for text in texts)


def test_a_few_errors_are_all_that_say_that_it_is_rejected() -> None:
    """The kernel sends about one a second."""
    some = replace(UNANSWERED, to_server=LOST.to_server, rejected=5)
    (finding,) = evaluate(snapshot(node(WELL, some)))
    assert "are rejected by n1" in finding.title


@pytest.mark.parametrize(
    ("error", "words", "fix"),
    [
        ("ICMP x tcp port 80 net unreachable", "no route leads there", "ip route get"),
        ("ICMP x tcp port 80 admin prohibited unreachable", "a rule or a route", "nft list"),
    ],
)
def test_one_error_says_why_nothing_leaves(error: str, words: str, fix: str) -> None:
    row = replace(LOST, rejected=1, icmp=error, icmp_from=SERVICE)
    (finding,) = evaluate(snapshot(node(WELL, row)))
    assert "1 of 2 endpoints of svc/shop/api:80: connections are rejected" in finding.title
    assert words in finding.title and fix in finding.fix and finding.confidence == "likely"


def test_resets_of_a_bridge_have_the_endpoints_address() -> None:
    stray = replace(
        WELL,
        asked=SECOND,
        asked_port=8080,
        endpoint=SECOND,
        one_sided=True,
        to_server=NOTHING,
        to_client=direction(Segments(), Segments(rst=50)),
    )
    for known in (SLICE,), ():
        (finding,) = evaluate(snapshot(node(WELL, LOST, stray), slices=known))
        assert "n1 resets connections to shop/api-2" in finding.title


HEALTHY = [
    [WELL, WELL_TOO],
    [WELL],  # session affinity: one client, one endpoint
    [WELL, replace(SILENT, answered=50, silent=40)],  # slow, not dead
    # it was slow for a time, and answers beside what it does not
    [WELL, replace(STOPPED_SINCE, answering=Period(100 * SECOND_NS, 110 * SECOND_NS))],
    # retransmitted requests are lost, and the endpoint has none to answer
    [WELL, replace(SILENT, to_server=direction(data(100, 100), again=Retransmissions(timeout=90)))],
    [UNANSWERED, replace(UNANSWERED, endpoint=FIRST)],  # all alike: no matter of endpoints
    [WELL, replace(UNANSWERED, unanswered=2, connections=2)],  # a pod that starts
    [WELL, replace(WELL_TOO, endpoint="10.244.1.99")],  # it was just removed, and still answers
    [WELL, replace(UNANSWERED, endpoint="10.244.1.99")],  # in no slice: stale_rule
    [  # loss that hits all: nearly every SYN reaches either in the end
        replace(WELL, to_server=direction(data(140, 100), data(100, 100))),
        replace(WELL_TOO, to_server=direction(data(140, 100), data(100, 100))),
        replace(LOST, connections=3, unanswered=1, to_server=direction(data(4, 0), Segments())),
    ],
    [  # loss of SYNs with affinity: as many are lost as of one endpoint of ten
        replace(WELL, to_server=direction(data(112, 100), data(100, 100))),
        replace(LOST, connections=2, unanswered=1, to_server=direction(data(2, 0), Segments())),
    ],
]


@pytest.mark.parametrize("rows", HEALTHY)
@pytest.mark.alike
def test_what_looks_alike_is_silent(rows: list[PathRow]) -> None:
    assert evaluate(snapshot(node(*rows))) == []


def test_a_service_with_one_endpoint_has_no_others() -> None:
    single = replace(SLICE, ready=(FIRST,))
    assert evaluate(snapshot(node(LOST), slices=(single,))) == []


def test_an_endpoint_that_left_a_moment_ago() -> None:
    """A rollout: nodes learn of it a little later. After that they should not send there."""
    at = replace(snapshot(node(WELL, UNANSWERED)), at=1_000.0)
    left = replace(SLICE, ready=(FIRST,), not_ready=(SECOND,))
    assert not evaluate(replace(at, slices=(replace(left, changed=990.0),)))
    assert evaluate(replace(at, slices=(replace(left, changed=900.0),)))
    assert evaluate(replace(at, slices=(replace(SLICE, changed=990.0),)))  # it is ready


def test_long_polls_of_clients_that_ask_nobody_else() -> None:
    """They wait for events at one endpoint; others ask the second one, and are answered."""
    waits = replace(SILENT, client="10.244.1.77", sent_as="10.244.1.77")
    assert not evaluate(snapshot(node(WELL, waits)))
    assert evaluate(snapshot(node(WELL, SILENT, waits)))
    replicas = tuple(
        replace(pod(f"web-{n}", ip), workload="Deployment/web")
        for n, ip in enumerate((CLIENT, "10.244.1.77"))
    )
    assert evaluate(snapshot(node(WELL, waits), pods=(*PODS[1:], *replicas)))


RESET_FOR_IT = replace(
    LOST,
    endpoint=SERVICE,
    endpoint_port=80,
    unanswered=0,
    stuck=0,
    refused=100,
    one_sided=True,
    to_client=PathDirection(left=Segments(rst=100)),
)


def test_a_rule_that_resets_with_the_address_that_was_asked() -> None:
    """The RSTs are translated back: they look like those of a closed port of the node itself."""
    (finding,) = evaluate(snapshot(node(WELL, RESET_FOR_IT)))
    assert "n1 resets connections to shop/api-2 (10.244.1.4:8080), 1 of 2" in finding.title


@pytest.mark.alike
def test_an_endpoint_on_the_node_s_own_network_where_nothing_listens() -> None:
    slices = (replace(SLICE, ready=(FIRST, NODES[0].address)),)
    assert list(evaluate(snapshot(node(WELL, RESET_FOR_IT), slices=slices))) == []
