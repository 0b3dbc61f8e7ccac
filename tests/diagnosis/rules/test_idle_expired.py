"""Idle connections that are forgotten on the path, and connections that are lost for other
reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from collectors.events import SliceRow
from collectors.findings import Finding
from diagnosis.idle_requests import IdleConnections, IdleRequest
from diagnosis.paths import Retransmissions, Segments
from diagnosis.rules import findings
from diagnosis.rules._idle_expiries import TIMEOUT
from tests.support import path_snapshots
from tests.support.path_snapshots import answers, direction
from tests.support.snapshots import API, POD, found, node, pod, talk

Requests = Iterable[tuple[float, float, str]]
SHORT = [(101.0 + n, 1.0, "answered") for n in range(40)]
AFTER = [
    (100.0, 7.0, "reset"),
    (101.0, 7.1, "silent"),
    (110.0, 7.0, "reset"),
    (111.0, 7.0, "reset"),
]


def idle(
    rows: Requests, settings: Mapping[str, int] | None = None, **objects: Any
) -> dict[str, Finding]:
    requests = sorted((IdleRequest(*row) for row in rows), key=lambda one: one.at)  # type: ignore[arg-type]
    seen = IdleConnections(POD.ip, API.ip, 8080, tuple(requests))
    return found(
        pod(conversations=(talk(server_resets=4),), idle=(seen,)),
        node({f"sysctl {name}": value for name, value in (settings or {}).items()}),
        **objects,
    )


def test_the_node_that_forgets_is_named() -> None:
    findings = idle([*AFTER, *SHORT], {TIMEOUT: 4})
    finding = findings["idle_expired"]
    assert "n1 forgets connections that are idle for 4 s" in finding.title
    assert "gets no answer or is reset (shop/web → shop/api-1:8080)" in finding.title
    assert (finding.where, finding.confidence) == ("n1", "likely")
    assert "resets" not in findings


def test_where_no_node_does_it_it_is_something_on_the_path() -> None:
    finding = idle([*AFTER, *SHORT], {TIMEOUT: 86_400})["idle_expired"]
    assert "A NAT, firewall or load balancer on the path forgets" in finding.title
    assert "idle for 7.0 s or less" in finding.title
    assert finding.confidence == "possible"


def test_requests_after_shorter_pauses_that_fail_as_well_are_something_else() -> None:
    assert "idle_expired" not in idle([(100.0 + n, 1.0 + n, "reset") for n in range(9)])


@pytest.mark.alike
def test_a_server_that_ended_once_is_silent() -> None:
    """Every connection that was open is reset, whenever it is used next."""
    rows = [(100.0 + n, 5.0 + n, "reset") for n in range(9)]
    assert "idle_expired" not in idle([*rows, *SHORT], {TIMEOUT: 86_400})


@pytest.mark.alike
def test_healthy_connections_that_are_idle_for_long_are_silent() -> None:
    """Of many after such pauses two or three fail, by chance; a short timeout of conntrack that
    hurts nobody."""
    well = [(100.0 + n, 7.5, "answered") for n in range(40)]
    assert "idle_expired" not in idle([*AFTER, *SHORT, *well], {TIMEOUT: 4})
    assert "idle_expired" not in idle([*well, *SHORT], {TIMEOUT: 4})
    assert "idle_expired" not in idle([*AFTER[:2], *SHORT], {TIMEOUT: 4})


def test_pods_that_were_replaced_one_after_another() -> None:
    """A rollout ends idle connections as often as pods end; a node that forgets does so anyhow."""
    row = SliceRow("shop", "api-a", "api", (API.ip,), ())
    for changed, is_silent in ((105.0, True), (80.0, False), (0.0, False)):
        slices = (replace(row, changed=changed),)
        on_the_path = idle([*AFTER, *SHORT], {TIMEOUT: 86_400}, slices=slices)
        assert ("idle_expired" not in on_the_path) is is_silent
        assert "idle_expired" in idle([*AFTER, *SHORT], {TIMEOUT: 4}, slices=slices)
    other = (replace(row, ready=("10.2.0.77",), changed=105.0),)
    assert "idle_expired" in idle([*AFTER, *SHORT], {TIMEOUT: 86_400}, slices=other)


@pytest.mark.parametrize(
    ("left", "rules"),
    [(answers(100, 60), ["idle_expired"]), (answers(60, 60), ["idle_expired", "packet_loss"])],
    ids=["late answers", "SYN-ACKs as well"],
)
def test_late_answers_that_the_node_drops_follow_from_it(left: Segments, rules: list[str]) -> None:
    """As of long polls, which are longer than it remembers."""
    again = Retransmissions(timeout=40, syn=40)
    other = replace(path_snapshots.WELL, asked="10.96.0.99", endpoint=path_snapshots.SECOND)
    lossy = replace(other, to_client=direction(answers(100, 100), left, again))
    requests = tuple(
        IdleRequest(at, pause, end)  # type: ignore[arg-type]
        for at, pause, end in sorted([*AFTER, *SHORT])
    )
    seen = IdleConnections(path_snapshots.CLIENT, path_snapshots.SERVICE, 80, requests)
    view = path_snapshots.node(lossy, idle=(seen,))
    view = replace(view, values={f"sysctl {TIMEOUT}": 4})
    assert sorted(one.rule for one in findings(path_snapshots.snapshot(view))) == rules
