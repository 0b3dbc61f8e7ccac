"""Servers that accept connections and answer nothing; those that need not answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.findings import Finding
from diagnosis.paths import PathDirection, PathRow, Period, Retransmissions
from diagnosis.rules import findings
from diagnosis.snapshot import Snapshot
from tests.support.path_snapshots import (
    PODS,
    SECOND,
    WELL,
    answers,
    data,
    direction,
    node,
    snapshot,
)
from tests.support.rules import finder

evaluate = finder("never_answered")
SECOND_NS = 1_000_000_000
STOPPED = replace(
    WELL,
    answered=0,
    silent=60,
    abandoned=40,
    failing=Period(SECOND_NS, 9 * SECOND_NS),
    to_client=PathDirection(),
)


def said(*rows: PathRow) -> list[Finding]:
    return evaluate(snapshot(node(*rows)))


def test_all_endpoints_accept_and_none_answers() -> None:
    (finding,) = said(STOPPED, replace(STOPPED, endpoint=SECOND))
    assert finding.where == "svc/shop/api:80" and finding.confidence == "likely"
    assert "answers no request, at shop/api-1, shop/api-2" in finding.title
    assert "80 were given up, and the server did not close them" in finding.evidence[0].text


def test_as_the_clients_pod_sees_it() -> None:
    row = replace(STOPPED, endpoint="", one_sided=True)
    view = replace(node(row), key="pod/shop/web", kind="pod", pod=PODS[0])
    (finding,) = evaluate(snapshot(view))
    assert finding.where == "svc/shop/api:80"


def test_clients_that_wait_for_longer_than_the_capture() -> None:
    (finding,) = said(replace(STOPPED, abandoned=0))
    assert finding.confidence == "possible"


def test_clients_that_wait_for_a_greeting() -> None:
    mute = replace(STOPPED, requests=0, silent=0, abandoned=0, ungreeted=100)
    (finding,) = said(mute)
    assert "accepts connections and sends no greeting on all of them" in finding.title
    some = replace(WELL, ungreeted=30, failing=Period(SECOND_NS, 9 * SECOND_NS))
    (finding,) = said(some)
    assert "sends no greeting on 30 % (bound 22 to 40 %) of them" in finding.title
    assert not said(replace(some, ungreeted=4)) and not said(replace(some, failing=Period()))


ALIKE = [
    replace(STOPPED, answered=1),  # others are answered: a share, or slow
    replace(STOPPED, silent=4, abandoned=4),
    replace(STOPPED, failing=Period(SECOND_NS, 2 * SECOND_NS)),  # all at one moment
    replace(STOPPED, abandoned=0, completed=12, silent=12),  # long polls, logs
    replace(STOPPED, abandoned=0, completed=0, silent=90),  # ... opened long ago
    replace(STOPPED, reset_by_server=5),  # another rule
    WELL,
]


@pytest.mark.parametrize("row", ALIKE)
@pytest.mark.alike
def test_what_looks_alike_is_silent(row: PathRow) -> None:
    assert said(row) == []


@pytest.mark.alike
def test_new_connections_that_a_full_conntrack_table_drops() -> None:
    full = {"conntrack_count": 100, "conntrack_max": 100, "x": 1}
    assert evaluate(snapshot(replace(node(STOPPED), values=full))) == []


@pytest.mark.alike
def test_requests_that_a_node_drops_are_retransmitted() -> None:
    again = Retransmissions(timeout=90)
    row = replace(STOPPED, to_server=direction(data(100, 190), data(100, 0), again))
    (finding,) = findings(Snapshot(0.0, (node(row),)))
    assert finding.rule == "packet_loss" and said(row) == []


FULL = replace(
    STOPPED,
    connections=100,
    completed=6,
    requests=6,
    silent=6,
    abandoned=6,
    unanswered=80,
    retried=80,
    to_server=direction(data(340, 6), again=Retransmissions(syn=260)),
    to_client=direction(answers(6, 0)),
)


def test_a_full_accept_queue_is_the_same_cause() -> None:
    (finding,) = findings(Snapshot(0.0, (node(FULL),)))
    assert finding.rule == "never_answered" and "its accept queue is full" in finding.title
    assert [text.partition(":")[0] for text in finding.consequences] == ["n1 and behind it"]


@pytest.mark.alike
def test_syns_that_are_lost_while_requests_are_answered_fill_no_queue() -> None:
    row = replace(FULL, completed=20, requests=20, answered=20, silent=0, abandoned=0)
    assert [one.rule for one in findings(Snapshot(0.0, (node(row),)))] == ["packet_loss"]
