"""Servers that close connections without an answer; those that close as they should."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.findings import Finding
from diagnosis import rules
from diagnosis.paths import PathDirection, PathRow, Period
from diagnosis.snapshot import Conversation, Snapshot
from tests.support.path_snapshots import (
    CLIENT,
    FIRST,
    OTHER,
    PODS,
    SECOND,
    SERVICE,
    WELL,
    WELL_TOO,
    node,
    snapshot,
)
from tests.support.rules import finder

evaluate = finder("closed_unanswered")
SECOND_NS = 1_000_000_000
DURING = Period(SECOND_NS, 9 * SECOND_NS)
CLOSED = replace(WELL, answered=0, closed=100, failing=DURING, to_client=PathDirection())
SOME = replace(WELL, answered=60, closed=40, failing=DURING, answering=DURING)
DIRECT = replace(CLOSED, asked=SECOND, asked_port=8080, endpoint=SECOND)


def said(*rows: PathRow) -> list[Finding]:
    return evaluate(snapshot(node(*rows)))


def test_a_share_of_a_servers_connections() -> None:
    (finding,) = said(SOME)
    assert (finding.where, finding.severity) == ("svc/shop/api:80", "warning")
    assert finding.title == (
        "svc/shop/api:80 closes 40 % (bound 31 to 50 %) of the connections without an answer to "
        "the request, at shop/api-1"
    )
    assert "40 closed by the server's FIN without an answer, 60 answered" in (
        finding.evidence[0].text
    )


def test_all_of_them() -> None:
    (finding,) = said(CLOSED)
    assert "closes all of the connections" in finding.title
    assert (finding.severity, finding.confidence) == ("warning", "possible")
    assert "a protocol in which it does not speak looks the same" in finding.evidence[0].text


def test_before_anybody_sends_anything() -> None:
    """All of them, and beside others that are answered."""
    (finding,) = said(replace(CLOSED, requests=0, closed=0, hung_up=100))
    assert finding.title.startswith("svc/shop/api:80 closes all of the connections as soon as they")
    assert finding.confidence == "likely"
    (finding,) = said(replace(SOME, requests=60, closed=0, hung_up=40))
    assert "closes 40 % (bound 31 to 50 %) of the connections as soon as" in finding.title
    assert "40 connections closed before anybody sent anything" in finding.evidence[0].text


def test_those_of_one_client() -> None:
    (finding,) = said(replace(CLOSED, client=OTHER), WELL)
    assert finding.title.startswith(f"svc/shop/api:80 closes connections of {OTHER} without")
    assert finding.title.endswith("and answers others, at shop/api-1")


def test_one_of_several_endpoints_is_one_finding() -> None:
    """By the node that translates, and by that of the endpoint."""
    views = node(WELL, replace(CLOSED, endpoint=SECOND)), node(DIRECT, name="n2")
    (finding,) = rules.findings(snapshot(*views))
    assert finding.rule == "endpoint_failing" and finding.where.endswith(f"→ {SECOND}")
    assert "1 of 2 endpoints of svc/shop/api:80: it closes connections without" in finding.title
    assert [text.partition(":")[0] for text in finding.consequences] == [
        "svc/shop/api",
        "shop/api-2",
    ]


def test_all_endpoints_are_one_finding() -> None:
    views = (
        node(CLOSED, replace(CLOSED, endpoint=SECOND)),
        node(DIRECT, replace(DIRECT, asked=FIRST, endpoint=FIRST), name="n2"),
    )
    (finding,) = rules.findings(snapshot(*views))
    assert (finding.rule, finding.where) == ("closed_unanswered", "svc/shop/api:80")
    assert len(finding.consequences) == 2


def test_without_objects() -> None:
    (finding,) = evaluate(Snapshot(0.0, (node(SOME),)))
    assert finding.title.startswith(f"{SERVICE}:80 closes 40 %")


ALIKE = [
    replace(SOME, closed=4),
    replace(SOME, answered=900, closed=40),  # a few of many
    replace(SOME, failing=Period(SECOND_NS, 2 * SECOND_NS)),  # all at one moment
    # only the client speaks, and the server closes after a pause
    replace(CLOSED, silent=100),
    replace(CLOSED, closed=20, requests=100),  # ... or the client closes
    replace(CLOSED, closed=0, requests=0),  # probes
    replace(SOME, asked=CLIENT, endpoint=CLIENT),  # a command without output, say
    WELL_TOO,
]


@pytest.mark.parametrize("row", ALIKE)
@pytest.mark.alike
def test_what_looks_alike(row: PathRow) -> None:
    assert said(row) == []


@pytest.mark.alike
def test_a_pod_that_ends() -> None:
    pods = [replace(one, phase="Terminating") for one in PODS if one.ip == FIRST]
    assert evaluate(snapshot(node(SOME), pods=(*PODS, *pods))) == []


def test_a_server_that_resets_others_is_one_finding() -> None:
    """What it has not read when it closes is answered by a RST."""
    talks = Conversation("TCP", CLIENT, SERVICE, 80, flows=100, answered=100, server_resets=30)
    (finding,) = rules.findings(snapshot(node(SOME, conversations=(talks,))))
    assert finding.rule == "resets" and len(finding.consequences) == 1
