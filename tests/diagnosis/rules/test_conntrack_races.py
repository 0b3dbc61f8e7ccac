"""Races into conntrack: those that lose packets, those that the kernel resolves, and full tables."""

from __future__ import annotations

import pytest

from diagnosis.lookups import DnsSummary
from tests.support.snapshots import found, node, pod

FAILED = {"conntrack_insert_failed": 9, "conntrack_drop": 9}


def test_packets_are_lost_and_dns_is_five_seconds_late() -> None:
    late = pod(lookups=DnsSummary(15.0, 9, 9, late=4))
    finding = found(node({}, FAILED), late)["conntrack_races"]
    assert finding.severity == "warning" and finding.confidence == "likely"
    assert "4 DNS answers came a resolver's timeout" in finding.evidence[-1].text


@pytest.mark.alike
def test_what_the_kernel_resolves_costs_nothing() -> None:
    assert found(node({}, {"conntrack_clash_resolve": 40}))["conntrack_races"].severity == "info"
    assert "conntrack_races" not in found(node({}, {"conntrack_clash_resolve": 9}))


def test_a_full_table_explains_what_is_not_inserted() -> None:
    full = {"conntrack_count": 250_000}
    assert "conntrack_races" not in found(node(full, FAILED))


def test_a_table_whose_size_is_not_known() -> None:
    assert "conntrack_races" not in found(node({"conntrack_max": 0}, FAILED))


def test_one_in_a_while_and_those_of_long_ago() -> None:
    assert "conntrack_races" not in found(node({}, {"conntrack_insert_failed": 2}))
    assert "conntrack_races" not in found(node({"conntrack_insert_failed": 9_000}))
    assert "conntrack_races" not in found(pod({}, FAILED))


def test_chains_that_are_too_long_are_no_race() -> None:
    """Each counts as insert_failed as well."""
    finding = found(node({}, {**FAILED, "conntrack_chaintoolong": 9}))["conntrack_races"]
    assert "chains of the conntrack table are too long" in finding.title
    assert "nf_conntrack_buckets = 65536" in finding.fix and "NodeLocal" not in finding.fix
    finding = found(node({}, {**FAILED, "conntrack_chaintoolong": 2}))["conntrack_races"]
    assert "races in conntrack" in finding.title
