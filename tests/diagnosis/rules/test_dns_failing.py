"""A DNS server that answers with failures, and a name that is broken."""

from __future__ import annotations

import pytest

from collectors.events import ServiceRow
from diagnosis.lookups import DnsSummary
from tests.support.snapshots import found, pod


def severity(asked: int, **codes: int) -> str:
    lookups = DnsSummary(15.0, asked, sum(codes.values()), codes=codes)
    finding = found(pod(lookups=lookups)).get("dns_failing")
    return finding.severity if finding else ""


def test_a_share_of_failures() -> None:
    assert severity(100, NOERROR=60, SERVFAIL=40) == "critical"
    assert severity(500, NOERROR=490, REFUSED=10) == "warning"


@pytest.mark.alike
def test_one_broken_name_that_a_resolver_asks_for_again() -> None:
    """A search domain, A and AAAA, and once more: four questions."""
    assert severity(12, NOERROR=8, SERVFAIL=4) == ""


@pytest.mark.alike
def test_names_that_do_not_exist_are_no_failures() -> None:
    assert severity(100, NOERROR=20, NXDOMAIN=80) == ""


def test_a_few_of_many() -> None:
    assert severity(2_000, NOERROR=1_990, SERVFAIL=10) == ""


def test_hardly_any_questions() -> None:
    assert severity(7, SERVFAIL=7) == ""


def test_a_server_without_edns_is_asked_again_without_it() -> None:
    assert severity(100, NOERROR=50, FORMERR=50) == ""
    assert severity(100, NOERROR=10, FORMERR=90) == "critical"


def test_a_server_outside_is_not_the_cluster_s() -> None:
    for server, command in (("203.0.113.53", "dig @203.0.113.53"), ("10.96.0.10", "kubectl logs")):
        lookups = DnsSummary(15.0, 99, 99, codes={"SERVFAIL": 40}, servers=(server,))
        service = ServiceRow("kube-system", "kube-dns", ("10.96.0.10",), (), "ClusterIP")
        finding = found(pod(lookups=lookups), services=(service,))["dns_failing"]
        assert finding.fix.startswith(command)
