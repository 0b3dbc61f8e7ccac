"""Rules of two backends."""

from __future__ import annotations

import pytest

from collectors.events import (
    RuleCount,
)
from tests.support.network_snapshots import (
    counted,
    network_snapshot,
    only,
)
from tests.support.rules import finder

evaluate = finder("mixed_backends")


def test_two_backends() -> None:
    both = counted(RuleCount("iptables-legacy", 40, 9, 0), RuleCount("iptables-nft", 50, 9, 0))
    assert (
        only(list(evaluate(network_snapshot(view=both))), "mixed_backends").severity == "critical"
    )


@pytest.mark.alike
def test_tables_that_are_loaded_and_empty_and_tables_of_nftables() -> None:
    """`iptables-legacy -L` alone makes the tables; firewalld writes nftables of its own."""
    one = counted(
        RuleCount("iptables-legacy", 0, 0, 0),
        RuleCount("iptables-nft", 50, 9, 0),
        RuleCount("nft", 80, 0, 0),
    )
    assert not evaluate(network_snapshot(view=one))
