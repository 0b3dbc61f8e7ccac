"""Connections that leave the zone, and those that have to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import Endpoint, ServiceRow, SliceRow
from collectors.findings import Finding
from collectors.sockets.rows import SocketRow
from tests.support.snapshots import API, NEAR, NODE, OTHER, POD, found, pod, sockets

SERVICE = ServiceRow("shop", "api", ("10.96.0.7",), ("8080/TCP",), "ClusterIP", API.labels)
SLICE = SliceRow("shop", "api-a", "api", (API.ip, NEAR.ip), ())
FAR = sockets(40)


def crossing(rows: tuple[SocketRow, ...] = FAR, **objects: Any) -> Finding | None:
    known = {"services": (SERVICE,), "slices": (SLICE,), **objects}
    return found(pod(sockets=rows), **known).get("cross_zone")


def test_a_client_whose_connections_all_leave_the_zone() -> None:
    finding = crossing()
    assert finding is not None and "100 %" in finding.title
    assert "40 of 40 connections cross zones" in finding.evidence[0].text


@pytest.mark.alike
def test_few_connections_or_a_share_of_them() -> None:
    assert crossing(sockets(19)) is None
    assert crossing((*FAR, *sockets(40, peer=NEAR.ip))) is None
    assert crossing(sockets(40, "TIME-WAIT")) is None


def test_no_replica_is_ready_in_the_zone() -> None:
    assert crossing(slices=(replace(SLICE, ready=(API.ip,), not_ready=(NEAR.ip,)),)) is None
    assert crossing(pods=(POD, API), slices=(replace(SLICE, ready=(API.ip,)),)) is None


def test_zones_that_are_the_same_or_unknown() -> None:
    assert crossing(nodes=(NODE, replace(OTHER, zone="a"))) is None
    assert crossing(nodes=(replace(NODE, zone=""), OTHER)) is None
    assert crossing(nodes=(NODE, replace(OTHER, zone=""))) is None


@pytest.mark.alike
def test_a_database_s_replicas_are_not_each_other_s_place() -> None:
    """Behind a headless Service a client means one of them."""
    assert crossing(services=(replace(SERVICE, headless=True, ips=()),)) is None
    assert crossing(services=()) is None


def test_a_server_does_not_choose_its_clients() -> None:
    listener = SocketRow("tcp", "LISTEN", "0.0.0.0", 8443, "*", 0)
    clients = tuple(
        row._replace(local_port=8443, peer_port=50_000 + n) for n, row in enumerate(FAR)
    )
    assert crossing((listener, *clients)) is None


def test_replicas_that_talk_to_each_other() -> None:
    """Of three in three zones, one is in its own zone itself."""
    own = tuple(replace(one, workload=POD.workload) for one in (API, NEAR))
    assert crossing(pods=(POD, *own)) is None


def test_services_that_keep_to_zones_already_or_a_client_at_its_endpoint() -> None:
    """Connections from before stay where they are."""
    assert crossing(services=(replace(SERVICE, distribution="PreferSameZone"),)) is None
    assert crossing(services=(replace(SERVICE, affinity="ClientIP"),)) is None
    hinted = replace(SLICE, endpoints=(Endpoint(API.ip, True, "n2", "b", hints=("b",)),))
    assert crossing(slices=(hinted,)) is None
