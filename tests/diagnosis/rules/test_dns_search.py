"""A flood of names that do not exist, and what search domains cost everywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis.lookups import DnsSummary
from tests.support.snapshots import found, pod

FLOOD = DnsSummary(
    4.0, 2_000, 2_000, codes={"NOERROR": 500, "NXDOMAIN": 1_500}, searched=900, names=("a.b.",)
)


def is_found(lookups: DnsSummary) -> bool:
    return "dns_search" in found(pod(lookups=lookups))


def test_a_flood_of_search_domains() -> None:
    finding = found(pod(lookups=FLOOD))["dns_search"]
    assert finding.title.startswith("75 % of DNS answers are NXDOMAIN")
    assert "1500 NXDOMAIN to 500 others in 2000 answers, 375/s" in finding.evidence[0].text


@pytest.mark.alike
def test_the_same_share_at_a_usual_rate() -> None:
    """With ndots:5 three in four answers are NXDOMAIN in every cluster."""
    assert not is_found(replace(FLOOD, seconds=15.0))


def test_names_that_exist() -> None:
    assert not is_found(replace(FLOOD, codes={"NOERROR": 2_000}))
    assert not is_found(replace(FLOOD, codes={"NOERROR": 1_100, "NXDOMAIN": 900}))


def test_names_that_do_not_exist_without_search_domains() -> None:
    """A mail server that asks block lists: NXDOMAIN is the answer that it hopes for."""
    assert not is_found(replace(FLOOD, searched=3))


def test_a_moment_too_short_for_a_rate() -> None:
    assert not is_found(replace(FLOOD, seconds=0.5))
