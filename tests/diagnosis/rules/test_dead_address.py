"""Connections to an address that no pod has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ContainerPort, NodeRow, ServiceRow, SettingsRow, SliceRow
from diagnosis.reachability.blind_spots import BlindSpot, BlindSpots
from tests.support.loss_snapshots import SERVER, SILENT, seen
from tests.support.rules import finder

evaluate = finder("refused", "resets", "unanswered", "dead_address")


def test_an_address_that_no_pod_has() -> None:
    nodes = (NodeRow("n2", "192.0.2.2", "", True, "linux", "amd64", pod_cidrs=("10.244.2.0/24",)),)
    dead = replace(SILENT, server="10.244.2.99")
    snapshot = replace(seen(dead, None), nodes=nodes)
    (finding,) = evaluate(snapshot)
    assert (finding.rule, finding.severity, finding.where) == (
        "dead_address",
        "warning",
        "10.244.2.99:5432",
    )
    assert "kube-proxy run on n1" in finding.fix
    for server in ("10.244.2.1", "203.0.113.9", SERVER.ip):  # the bridge, something outside, a pod
        others = evaluate(replace(seen(replace(SILENT, server=server), None), nodes=nodes))
        assert [f.rule for f in others] == ["unanswered"]
    assert [
        f.rule for f in evaluate(replace(seen(replace(dead, answered=1), None), nodes=nodes))
    ] == []


def dead_at(address: str, cidr: str, **more: Any) -> list[str]:
    nodes = (NodeRow("n2", "192.0.2.2", "", True, "linux", "amd64", pod_cidrs=(cidr,)),)
    port = more.pop("port", 5432)
    dead = replace(SILENT, server=address, port=port)
    return [f.rule for f in evaluate(replace(seen(dead, None), nodes=nodes, **more))]


def test_a_node_s_own_addresses_are_the_first_two_of_its_range() -> None:
    for own, cidr in (
        ("10.244.2.129", "10.244.2.128/25"),
        ("fd00:2::1", "fd00:2::/64"),
        ("10.244.4.1", "10.244.4.0/22"),
    ):
        assert dead_at(own, cidr) == ["unanswered"], own
    for pod in ("10.244.5.1", "10.244.5.0"):  # in the middle of a range
        assert dead_at(pod, "10.244.4.0/22") == ["dead_address"], pod


def test_pods_that_may_not_be_listed_may_have_it() -> None:
    spot = BlindSpot("pods", "refused", frozenset(("shop",)))
    assert dead_at("10.244.2.99", "10.244.2.0/24") == ["dead_address"]
    blind = BlindSpots((spot,))
    assert dead_at("10.244.2.99", "10.244.2.0/24", blind=blind) == ["unanswered"]


@pytest.mark.alike
def test_the_health_endpoint_of_cilium_is_no_pod() -> None:
    rows = (SettingsRow("cilium", "configmap", (("routing-mode", "tunnel"),)),)
    where = ("10.244.2.99", "10.244.2.0/24")
    assert dead_at(*where, port=4240, settings=rows) == ["unanswered"]
    assert dead_at(*where, port=4240) == ["dead_address"]
    assert dead_at(*where, settings=rows) == ["dead_address"]


@pytest.mark.alike
def test_a_few_connections_to_what_left_a_moment_ago() -> None:
    """A rollout: nodes learn of it a little later."""
    where = ("10.244.2.99", "10.244.2.0/24")
    service = ServiceRow("shop", "db", ("10.96.0.8",), (), "ClusterIP", (("app", "db"),))
    ports = (ContainerPort("", 5432, "TCP"),)
    row = SliceRow("shop", "db-1", "db", (SERVER.ip,), (), ports)

    def found(changed: float, port: int = 5432) -> list[str]:
        slices = (replace(row, changed=changed),)
        return dead_at(*where, at=1000.0, services=(service,), slices=slices, port=port)

    assert found(990.0) == []
    assert found(900.0) == ["dead_address"]
    assert found(990.0, port=6379) == ["dead_address"]  # of another Service
    many = replace(SILENT, server=where[0], flows=30, unanswered=30)
    moment = replace(
        seen(many, None),
        at=1000.0,
        services=(service,),
        slices=(replace(row, changed=990.0),),
        nodes=(NodeRow("n2", "192.0.2.2", "", True, "linux", "amd64", pod_cidrs=(where[1],)),),
    )
    assert [f.severity for f in evaluate(moment)] == ["critical"]
