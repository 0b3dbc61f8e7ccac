"""UDP ports on which nothing listens; errors that mean nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.findings import Finding
from diagnosis import rules
from diagnosis.paths import PathRow
from diagnosis.snapshot import Conversation, Snapshot
from tests.support.path_snapshots import CLIENT, FIRST, SERVICE, WELL, node, snapshot
from tests.support.rules import finder

evaluate = finder("udp_refused")
SYSLOG = Conversation(
    "UDP",
    CLIENT,
    FIRST,
    514,
    flows=1,
    udp_errors=9,
    rejected_by=FIRST,
    unreachable=f"ICMP {FIRST} udp port 514 unreachable",
)
ASKED = replace(
    SYSLOG,
    server=SERVICE,
    rejected_by=SERVICE,
    unreachable=f"ICMP {SERVICE} udp port 514 unreachable",
)
ROW = PathRow("UDP", CLIENT, SERVICE, 514, FIRST, 5140, CLIENT, connections=1, rejected=1)


def said(*talks: Conversation, paths: tuple[PathRow, ...] = (), **more: Any) -> list[Finding]:
    return evaluate(snapshot(replace(node(*paths), conversations=talks), **more))


def test_nothing_listens() -> None:
    (finding,) = said(SYSLOG)
    assert finding.where == "shop/api-1:514" and finding.severity == "warning"
    assert finding.title.startswith("What is sent to shop/api-1:514 is answered by ICMP port")
    assert "9 ICMP errors (ICMP 10.244.1.3 udp port 514" in finding.evidence[0].text
    assert "sent by shop/web" in finding.evidence[0].text and "sport = 514" in finding.fix


def test_at_an_endpoint_of_a_service() -> None:
    (finding,) = said(ASKED, paths=(ROW,))
    assert "svc/shop/api:514, at shop/api-1 (10.244.1.3:5140) is answered" in finding.title
    assert "sport = 5140" in finding.fix


def test_the_service_and_its_endpoint_are_one_finding() -> None:
    own = replace(SYSLOG, port=5140)
    view = replace(node(ROW), conversations=(ASKED, own))
    found = rules.findings(snapshot(view))
    assert [one.rule for one in found] == ["udp_refused"] and len(found[0].consequences) == 1


def test_a_rule_on_the_path() -> None:
    (finding,) = said(replace(SYSLOG, rejected_by="10.200.0.2"))
    assert finding.title.endswith("is rejected on the path, by node/n2: a rule does it")
    assert "# on node/n2: the rule" in finding.fix


def test_a_flood_to_a_closed_port_is_one_finding() -> None:
    flood = replace(SYSLOG, server="10.200.0.1", rejected_by="10.200.0.1")
    view = replace(node(), conversations=(flood,), deltas={"UdpNoPorts": 90_000}, seconds=10.0)
    (finding,) = rules.findings(snapshot(view))
    assert finding.rule == "udp_flood" and len(finding.consequences) == 1


ALIKE = [
    replace(SYSLOG, udp_errors=2),  # a datagram or two
    replace(SYSLOG, answered=1),  # a client that has gone before the last answer
    replace(SYSLOG, server="127.0.0.1"),  # an agent that is not there
    replace(SYSLOG, port=53),  # dns_unanswered
    replace(SYSLOG, unreachable=f"ICMP {FIRST} udp port 514 host unreachable"),  # no path
]


@pytest.mark.parametrize("talk", ALIKE)
@pytest.mark.alike
def test_what_looks_alike(talk: Conversation) -> None:
    assert said(talk) == []


@pytest.mark.alike
def test_scanners_and_services_without_endpoints() -> None:
    scans = [replace(SYSLOG, port=33_434 + n, udp_errors=3) for n in range(5)]
    assert said(*scans) == []
    assert said(ASKED, slices=()) == []


def test_by_captures_alone() -> None:
    view = replace(node(WELL), conversations=(SYSLOG,))
    (finding,) = evaluate(Snapshot(0.0, (view,)))
    assert finding.title.startswith(f"What is sent to {FIRST}:514 is answered")
