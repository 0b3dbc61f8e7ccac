"""An endpoint that answers no UDP beside others that do, and UDP that nobody answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ConntrackGroup, PodRow, ServicePort, ServiceRow, SliceRow
from collectors.findings import Finding
from diagnosis.lookups import DnsSummary
from diagnosis.paths import PathRow
from diagnosis.snapshot import Conversation
from tests.support.policy_snapshots import policy
from tests.support.snapshots import API, NEAR, POD, conntrack_table, found, node

TIME = ServicePort("time", 123, "UDP", "1123")
SERVICE = ServiceRow("shop", "time", ("10.96.0.7",), ("123/UDP",), "ClusterIP", API.labels, (TIME,))
SLICE = SliceRow("shop", "time-a", "time", (API.ip, NEAR.ip), ())
ASKED = PathRow("UDP", POD.ip, "10.96.0.7", 123, API.ip, 1123, POD.ip)
WELL = replace(ASKED, endpoint=NEAR.ip, connections=12, completed=12, answered=12, requests=12)
SILENT = replace(ASKED, connections=9, unanswered=9, requests=9)
REFUSED = replace(SILENT, unanswered=0, rejected=9, icmp="ICMP port unreachable", icmp_from=API.ip)
ENTRY = ConntrackGroup(5, "udp", "", POD.ip, "10.96.0.7", 123, API.ip, 1123, False, False)
REPLIED = replace(ENTRY, reply_source=NEAR.ip, replied=True)


def finding(
    *rows: PathRow, entries: tuple[ConntrackGroup, ...] = (), **more: Any
) -> Finding | None:
    view = node(paths=rows, conntrack=conntrack_table(entries), **more.pop("view", {}))
    known = {"services": (SERVICE,), "slices": (SLICE,), **more}
    return found(view, **known).get("udp_endpoint")


def test_an_endpoint_that_answers_nothing() -> None:
    said = finding(WELL, SILENT)
    assert said and said.where == "svc/shop/time:123 → 10.2.0.5"
    assert said.title == (
        "shop/api-1 (10.2.0.5:1123), 1 of 2 endpoints of svc/shop/time:123 over UDP: nothing "
        "answers, while others do"
    )
    assert said.evidence[0].text == (
        "of shop/web, through n1: shop/api-2 (10.1.0.6): 12 answered, 0 not, "
        "shop/api-1 (10.2.0.5): 0 answered, 9 not"
    )


def test_an_endpoint_on_which_nothing_listens() -> None:
    said = finding(WELL, REFUSED)
    assert said and said.confidence == "certain" and "ICMP port unreachable" in said.title
    assert "exec api-1 -- ss -lnu" in said.fix and "10.2.0.5:1123" in said.fix


def test_by_conntrack_where_nothing_is_captured() -> None:
    said = finding(entries=(ENTRY, REPLIED))
    assert said and said.evidence[0].source == "conntrack -L"
    assert finding(entries=(replace(ENTRY, count=2), REPLIED)) is None


def test_what_was_captured_is_newer_than_what_conntrack_remembers() -> None:
    well = replace(WELL, endpoint=API.ip)
    assert finding(WELL, well, entries=(ENTRY, REPLIED)) is None


def test_dns_without_an_answer_is_listed_under_it() -> None:
    dns = replace(SERVICE, name="kube-dns", targets=(ServicePort("dns", 53, "UDP", "53"),))
    rows = [replace(row, asked_port=53, endpoint_port=53) for row in (WELL, SILENT)]
    talk = Conversation("UDP", POD.ip, "10.96.0.7", 53, flows=21, answered=12, unanswered=9)
    lookups = DnsSummary(15.0, 30, 18, unanswered=12, servers=("10.96.0.7",))
    view = node(paths=tuple(rows), conversations=(talk,), lookups=lookups)
    said = found(view, services=(dns,), slices=(replace(SLICE, service="kube-dns"),))
    assert "dns_unanswered" not in said
    assert any("DNS queries" in one for one in said["udp_endpoint"].consequences)


# --- what looks alike and is healthy


@pytest.mark.alike
def test_udp_that_nobody_answers() -> None:
    """syslog, statsd."""
    one_direction = replace(WELL, completed=0, answered=0, unanswered=12)
    assert finding(one_direction, SILENT) is None
    assert finding(entries=(ENTRY, replace(REPLIED, replied=False))) is None


@pytest.mark.alike
def test_another_workload_sends_what_is_never_answered() -> None:
    other = PodRow("shop", "agent-1", "u9", "n1", "10.1.0.9", "Running", "1/1", 0, 0.0)
    silent = replace(SILENT, client=other.ip)
    assert finding(WELL, silent, pods=(POD, API, NEAR, other)) is None


def test_some_answers_are_lost_at_both() -> None:
    lossy = replace(SILENT, connections=20, completed=11, unanswered=9)
    assert finding(WELL, lossy) is None
    assert finding(replace(WELL, completed=9, unanswered=9), SILENT) is None


def test_few_conversations() -> None:
    assert finding(WELL, replace(SILENT, connections=2, unanswered=2)) is None
    assert finding(replace(WELL, completed=2), SILENT) is None


def test_a_service_of_one_endpoint() -> None:
    assert finding(WELL, SILENT, slices=(replace(SLICE, ready=(API.ip,)),)) is None


def test_an_endpoint_in_no_slice_is_another_finding() -> None:
    slices = (replace(SLICE, ready=(NEAR.ip, "10.2.0.77")),)
    assert finding(WELL, SILENT, slices=slices) is None


def test_a_policy_that_denies_it() -> None:
    denied = policy("egress", {"podSelector": {"matchLabels": {"app": "web"}}, "egress": []})
    spec = replace(denied, spec='{"podSelector":{},"policyTypes":["Egress"]}')
    assert finding(WELL, SILENT, policies=(spec,)) is None


def test_tcp_on_the_same_port() -> None:
    rows = [replace(row, protocol="TCP") for row in (WELL, SILENT)]
    assert finding(*rows) is None


def test_an_endpoint_that_goes_has_conversations_of_before() -> None:
    slices = (replace(SLICE, ready=(NEAR.ip,), not_ready=(API.ip,)),)
    assert finding(SILENT, WELL) is not None
    assert finding(SILENT, WELL, slices=slices) is None
