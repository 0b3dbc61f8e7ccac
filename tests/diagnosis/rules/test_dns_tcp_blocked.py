"""Truncated answers whose TCP is dropped are one finding; truncation that works is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ServicePort, ServiceRow, SliceRow
from collectors.findings import Finding
from diagnosis import rules
from diagnosis.lookups import DnsSummary
from diagnosis.paths import PathDirection, PathRow, Retransmissions, Segments
from diagnosis.snapshot import Conversation, Snapshot
from tests.support.snapshots import API, POD, found, node

DNS = ServiceRow(
    "kube-system",
    "kube-dns",
    ("10.96.0.10",),
    ("53/UDP", "53/TCP"),
    "ClusterIP",
    targets=(ServicePort("dns", 53, "UDP", "53"), ServicePort("dns-tcp", 53, "TCP", "53")),
)
SLICE = SliceRow("kube-system", "kube-dns-1", "kube-dns", (API.ip,), ())
LOOKUPS = DnsSummary(15.0, asked=40, answered=40, truncated=38, servers=("10.96.0.10",))


def over_tcp(**more: Any) -> Conversation:
    return Conversation("TCP", POD.ip, "10.96.0.10", 53, **{"flows": 12, **more})


def said(*talks: Conversation, lookups: DnsSummary = LOOKUPS) -> dict[str, Finding]:
    view = node(conversations=talks, lookups=lookups)
    return found(view, services=(DNS,), slices=(SLICE,))


def test_truncated_answers_and_silent_tcp_are_one_finding() -> None:
    findings = said(over_tcp(unanswered=12))
    one = findings["dns_tcp_blocked"]
    assert one.where == "svc/kube-system/kube-dns:53" and "gets no answer" in one.title
    assert "38 of 40 answers have TC set" in one.evidence[0].text
    assert "12 of 12 connections to TCP port 53 fail, of shop/web" in one.evidence[1].text
    assert "dns_truncated" not in findings and "unanswered" not in findings
    assert len(one.consequences) == 2


def test_a_server_that_refuses_tcp_is_said_so() -> None:
    one = said(over_tcp(refused=12))["dns_tcp_blocked"]
    assert "is refused" in one.title and one.confidence == "certain"


def test_a_filter_that_rejects_is_not_the_server() -> None:
    one = said(over_tcp(refused=12, rejected=12, rejected_by="192.168.0.2"))["dns_tcp_blocked"]
    assert "is rejected by node/n2 (ICMP)" in one.title and "# on node/n2" in one.fix
    one = said(over_tcp(refused=12, rejected=12, rejected_by="10.96.0.10"))["dns_tcp_blocked"]
    assert "is rejected by a filter on the path" in one.title  # a node answers with what was asked


def test_the_endpoint_behind_the_service_is_no_second_finding() -> None:
    behind = replace(over_tcp(unanswered=12), server=API.ip)
    asked = replace(LOOKUPS, servers=("10.96.0.10", API.ip))
    one = said(over_tcp(unanswered=12), behind, lookups=asked)["dns_tcp_blocked"]
    assert one.where == "svc/kube-system/kube-dns:53"


@pytest.mark.alike
def test_truncation_that_is_answered_over_tcp_is_no_fault() -> None:
    findings = said(over_tcp(answered=12))
    assert "dns_tcp_blocked" not in findings and "dns_truncated" in findings


def lost(port: int = 53) -> PathRow:
    """SYNs that are answered in the end, so that no connection fails."""
    again = PathDirection(
        entered=Segments(syn=40), left=Segments(syn=20), retransmitted=Retransmissions(syn=20)
    )
    return PathRow(
        "TCP", POD.ip, "10.96.0.10", port, API.ip, port, POD.ip, connections=20, completed=20,
        retried=20, to_server=again,
    )  # fmt: skip


def test_what_is_left_of_it_is_lost_syns() -> None:
    whole = said(over_tcp(unanswered=12))["dns_tcp_blocked"]
    views = node(paths=(lost(),)), node(paths=(lost(), lost(80)))
    for view, count in zip(views, (0, 1), strict=True):
        moment = Snapshot(100.0, (view,), (POD, API), services=(DNS,), slices=(SLICE,))
        assert [one.rule for one in rules.findings(moment)] == ["packet_loss"]
        assert len(rules.findings(moment, [whole])) == count


def test_a_share_that_fails_by_loss_is_not_a_filter() -> None:
    assert "dns_tcp_blocked" not in said(over_tcp(answered=9, unanswered=3))


def test_silent_tcp_without_truncation_is_another_thing() -> None:
    few = replace(LOOKUPS, truncated=0)
    findings = said(over_tcp(unanswered=12), lookups=few)
    assert "dns_tcp_blocked" not in findings and "unanswered" in findings
