"""Round trips and the budget that somebody set."""

from __future__ import annotations

import pytest

from tests.support.snapshots import NEAR, found, node, pod, sockets


def test_a_median_above_the_budget() -> None:
    finding = found(pod(sockets=sockets(5)), budget_ms=1.0)["latency"]
    assert finding.title == "A round trip is 1.5 ms; the budget is 1 ms"
    assert finding.subject.detail == "→ shop/api"


def test_without_a_budget_nothing_is_too_long() -> None:
    assert "latency" not in found(pod(sockets=sockets(5)))


@pytest.mark.alike
def test_one_of_many_is_slow() -> None:
    slow = tuple(row._replace(rtt=900.0) for row in sockets(2))
    rows = (*sockets(5), *slow)
    assert "latency" not in found(pod(sockets=rows), budget_ms=2.0)


def test_connections_that_are_closing_or_have_no_round_trip() -> None:
    assert "latency" not in found(pod(sockets=sockets(5, "FIN-WAIT-1")), budget_ms=1.0)
    unknown = tuple(row._replace(rtt=None) for row in sockets(5, peer=NEAR.ip))
    assert "latency" not in found(pod(sockets=unknown), budget_ms=1.0)


def test_a_node_has_no_budget() -> None:
    assert "latency" not in found(node(sockets=sockets(5)), budget_ms=1.0)
