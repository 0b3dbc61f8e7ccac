"""Fragments of which some are lost."""

from __future__ import annotations

import pytest

from tests.support.snapshots import found, node, pod


def test_datagrams_that_never_come_together() -> None:
    for view in (node({}, {"IpReasmFails": 20}), pod({}, {"IpReasmFails": 20})):
        assert found(view)["reassembly"].confidence == "possible"


@pytest.mark.alike
def test_fragments_that_all_arrive() -> None:
    assert "reassembly" not in found(node({}, {"IpReasmReqds": 9_000, "IpReasmOKs": 3_000}))


def test_a_few_and_those_of_long_ago() -> None:
    assert "reassembly" not in found(node({}, {"IpReasmFails": 9}))
    assert "reassembly" not in found(node({"IpReasmFails": 90_000}))


def test_ipv6_is_counted_apart() -> None:
    finding = found(node({}, {"Ip6ReasmFails": 50}))["reassembly"]
    assert "Ip6ReasmFails +50" in finding.evidence[0].text and len(finding.evidence) == 1
    assert "reassembly" in found(node({}, {"IpReasmFails": 6, "Ip6ReasmFails": 6}))
