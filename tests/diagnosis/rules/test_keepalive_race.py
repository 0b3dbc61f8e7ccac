"""A server that closes idle connections before its clients do, and servers that close for other
reasons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from collectors.events import ContainerPort, ServiceRow, SliceRow
from collectors.findings import Finding
from diagnosis.idle_requests import IdleConnections, IdleRequest
from diagnosis.rules import findings
from diagnosis.snapshot import Snapshot, TargetView
from tests.support.path_snapshots import WELL
from tests.support.snapshots import API, NODE, OTHER, POD, found, pod, talk

Requests = Iterable[tuple[float, float, str]]


def idle(rows: Requests) -> dict[str, Finding]:
    requests = tuple(IdleRequest(at, pause, end) for at, pause, end in rows)  # type: ignore[arg-type]
    seen = IdleConnections(POD.ip, API.ip, 8080, requests)
    return found(pod(conversations=(talk(server_resets=9),), idle=(seen,)))


def test_requests_after_the_fin_again_and_again() -> None:
    closed = [(100.0 + n, 2.0 + 0.01 * n, "closed") for n in range(6)]
    findings = idle([*closed, (101.0, 0.0, "answered")])
    finding = findings["keepalive_race"]
    assert "idle for 2.0 s, and shop/web sends requests on them after that" in finding.title
    assert (finding.where, finding.confidence) == ("shop/api:8080", "certain")
    assert "below 2.0 s" in finding.fix
    assert "resets" not in findings, "it is what the race does"


@pytest.mark.alike
def test_a_server_that_ended_is_silent() -> None:
    """All FINs at one moment."""
    assert "keepalive_race" not in idle((100.0 + n / 10, 2.0, "closed") for n in range(6))


@pytest.mark.alike
def test_healthy_closes_are_silent() -> None:
    """After every answer (a limit of requests a connection), after times that have nothing in
    common, or twice."""
    for pause in (0.0, 0.2):
        assert "keepalive_race" not in idle((100.0 + n, pause, "closed") for n in range(6))
    assert "keepalive_race" not in idle((100.0 + n, 1.0 + n, "closed") for n in range(6))
    assert "keepalive_race" not in idle((100.0 + n, 2.0, "closed") for n in range(2))


CLOSED = tuple(IdleRequest(100.0 + n, 2.0, "closed") for n in range(6))
SHOP_API = ServiceRow("shop", "api", ("10.96.0.7",), ("80/TCP",), "ClusterIP")
OF_API = SliceRow("shop", "api-x", "api", (API.ip,), ())


def test_by_the_service_and_by_its_endpoint_it_is_one_finding() -> None:
    by_service = IdleConnections(POD.ip, "10.96.0.7", 80, CLOSED)
    by_endpoint = IdleConnections(POD.ip, API.ip, 8080, CLOSED)
    both = Snapshot(
        100.0,
        (pod(idle=(by_service, by_endpoint)),),
        pods=(POD, API),
        nodes=(NODE, OTHER),
        services=(SHOP_API,),
        slices=(OF_API,),
    )
    subjects = [one.where for one in findings(both) if one.rule == "keepalive_race"]
    assert subjects == ["svc/shop/api:80"]


def test_connections_of_a_deleted_pod_are_silent() -> None:
    gone = IdleConnections("10.1.0.200", API.ip, 8080, CLOSED)
    assert "keepalive_race" not in found(pod(idle=(gone,)))


def test_resets_at_the_endpoint_are_listed_under_it() -> None:
    """A node's capture has the connections by both addresses."""
    by_service = IdleConnections(POD.ip, "10.96.0.7", 80, CLOSED)
    reset = talk(server_resets=9)
    view = pod(idle=(by_service,), conversations=(reset,))
    slices = (replace(OF_API, ports=(ContainerPort("", 8080, "TCP"),)),)
    said = found(view, services=(SHOP_API,), slices=slices)
    assert "keepalive_race" in said and "resets" not in said


def test_a_capture_alone_shows_which_endpoint_is_asked_by_its_service() -> None:
    """No object says that the addresses belong together: what leaves the node does."""
    service = "10.96.0.7"
    rows = tuple(
        replace(WELL, client=POD.ip, asked=service, endpoint=end, sent_as=POD.ip)
        for end in (API.ip, "10.1.0.8")
    )
    ends = ((service, 80), (API.ip, 8080), ("10.1.0.8", 8080))
    idle_rows = tuple(IdleConnections(POD.ip, end, port, CLOSED) for end, port in ends)
    view = TargetView("capture/1", "pcap", "", 100.0, "capture", idle=idle_rows, paths=rows)
    said = [one.where for one in findings(Snapshot(100.0, (view,))) if one.stage == "cause"]
    assert said == [f"{service}:80"]
    apart = replace(view, paths=())
    assert len([one for one in findings(Snapshot(100.0, (apart,))) if one.stage == "cause"]) == 3
