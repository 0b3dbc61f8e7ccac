"""DNS answers that are late, and what only looks so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import ServicePort, ServiceRow
from diagnosis.lookups import DnsSummary
from tests.support.snapshots import POD, found, pod

LATE = DnsSummary(15.0, 100, 100, codes={"NOERROR": 100}, median_ms=400.0)
DNS = ServiceRow(
    "shop",
    "dns",
    ("10.96.0.10",),
    ("53/UDP",),
    "ClusterIP",
    POD.labels,
    (ServicePort("dns", 53, "UDP", "53"),),
)


def test_a_median_of_many_answers() -> None:
    finding = found(pod(lookups=LATE))["dns_slow"]
    assert (finding.severity, "400 ms" in finding.title) == ("warning", True)
    slower = found(pod(lookups=replace(LATE, median_ms=1_500.0)))["dns_slow"]
    assert slower.severity == "critical"


@pytest.mark.alike
def test_one_late_answer_is_no_median() -> None:
    """Of ten questions of which one was answered nothing can be said of how late answers are."""
    assert "dns_slow" not in found(pod(lookups=replace(LATE, asked=10, answered=1)))


def test_answers_within_milliseconds() -> None:
    assert "dns_slow" not in found(pod(lookups=replace(LATE, median_ms=4.0)))
    assert "dns_slow" not in found(pod(lookups=replace(LATE, median_ms=None, answered=0)))


def test_few_questions() -> None:
    assert "dns_slow" not in found(pod(lookups=replace(LATE, asked=7, answered=7)))


@pytest.mark.alike
def test_a_dns_server_asks_its_upstream_which_is_far() -> None:
    assert "dns_slow" not in found(pod(lookups=LATE), services=(DNS,))
    assert "dns_slow" in found(pod(lookups=LATE), services=(replace(DNS, selector=(("a", "b"),)),))


def test_a_server_outside_is_not_the_cluster_s() -> None:
    for server, command in (("203.0.113.53", "dig @203.0.113.53"), ("10.96.0.10", "kubectl top")):
        view = pod(lookups=replace(LATE, servers=(server,)))
        service = replace(DNS, selector=(("a", "b"),))
        assert found(view, services=(service,))["dns_slow"].fix.startswith(command)


def test_a_share_of_answers_after_a_second() -> None:
    some = replace(LATE, median_ms=0.6, tardy=14)
    finding = found(pod(lookups=some))["dns_slow"]
    assert finding.severity == "warning" and finding.title.startswith("14 % (bound 9 to 22 %)")
    assert "14 of them came after 1 s or later" in [one.text for one in finding.evidence]


@pytest.mark.alike
def test_a_few_names_whose_servers_are_far() -> None:
    assert "dns_slow" not in found(pod(lookups=replace(LATE, median_ms=0.6, tardy=4)))
    assert "dns_slow" not in found(pod(lookups=replace(LATE, median_ms=0.6, tardy=8)))
