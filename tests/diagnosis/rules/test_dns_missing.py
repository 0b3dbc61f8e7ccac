"""Names that do not exist, and what is NXDOMAIN in every cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import ServiceRow
from collectors.findings import Finding
from diagnosis import rules
from diagnosis.lookups import AbsentName, DnsSummary
from diagnosis.snapshot import Snapshot
from tests.support.rules import finder
from tests.support.snapshots import POD, found, node, pod

NAME = "bakend.shop.svc.cluster.local"
ASKED = AbsentName(POD.ip, NAME, 12)
evaluate = finder("dns_missing")


def lookups(*absent: AbsentName) -> DnsSummary:
    return DnsSummary(15.0, 60, 60, codes={"NXDOMAIN": 60}, absent=absent)


def test_a_name_that_no_search_domain_has() -> None:
    finding = found(pod(lookups=lookups(ASKED)))["dns_missing"]
    assert f"asks for {NAME}: the name does not exist (NXDOMAIN)" in finding.title
    assert finding.severity == "info" and f"{NAME} 12 times" in finding.evidence[0].text
    assert f"getent hosts {NAME}" in finding.fix


def test_a_name_from_the_wire_is_no_command() -> None:
    finding = found(pod(lookups=lookups(replace(ASKED, name="a;reboot.b"))))["dns_missing"]
    assert "getent hosts 'a;reboot.b'" in finding.fix and "-e 'a;reboot'" in finding.fix


def test_a_node_and_its_pod_see_one_name_once() -> None:
    views = node(lookups=lookups(ASKED)), pod(lookups=lookups(replace(ASKED, times=6)))
    (finding,) = evaluate(Snapshot(100.0, views, pods=(POD,)))
    assert "12 times" in finding.evidence[0].text and "and 1 more" not in finding.title


@pytest.mark.alike
def test_a_name_that_is_asked_for_a_few_times() -> None:
    """By a program that starts, or by hand."""
    assert not evaluate(Snapshot(100.0, (pod(lookups=lookups(replace(ASKED, times=4))),)))


@pytest.mark.alike
def test_a_service_s_name_at_a_resolver_that_does_not_know_the_cluster() -> None:
    """`host_dns` says it, of a node; of a pod the answer is worth a line."""
    service = ServiceRow("shop", "backend", ("10.96.0.9",), (), "ClusterIP")
    name = "backend.shop.svc.cluster.local"
    for client, count in (("10.0.77.11", 0), (POD.ip, 1)):
        asked = node(lookups=lookups(AbsentName(client, name, 12)))
        known = Snapshot(100.0, (asked,), pods=(POD,), services=(service,))
        assert len(evaluate(known)) == count


def crashing() -> list[Finding]:
    failed = replace(POD, phase="CrashLoopBackOff", restarts=4)
    asked = replace(lookups(ASKED), missing={POD.ip: (NAME,)})
    view = replace(pod(lookups=asked), pod=failed)
    return rules.findings(Snapshot(100.0, (view,), pods=(failed,)))


def test_a_pod_that_restarts_for_want_of_the_name_is_one_finding() -> None:
    (finding,) = [one for one in crashing() if one.rule in ("crash_loop", "dns_missing")]
    assert finding.rule == "crash_loop" and "does not exist" in finding.consequences[0]
