"""SYNs without an answer, and those that nobody had to answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ServiceRow, SliceRow
from collectors.findings import Finding
from diagnosis.paths import PathDirection, PathRow, Segments
from diagnosis.snapshot import Conversation, Snapshot
from tests.support.path_snapshots import WELL
from tests.support.rules import finder
from tests.support.snapshots import API, NEAR, NODE, OTHER, POD, found, node, pod, talk

evaluate = finder("unanswered")
LOST = talk(unanswered=9, answered=0)
SERVICE = ServiceRow("shop", "api", ("10.96.0.7",), ("8080/TCP",), "ClusterIP", API.labels)
SLICE = SliceRow("shop", "api-a", "api", (API.ip,), ())


def unanswered(*talks: Any, **rows: Any) -> Finding | None:
    return found(pod(conversations=talks), **rows).get("unanswered")


def test_it_says_how_many_and_where_they_stop() -> None:
    finding = unanswered(LOST)
    assert finding is not None and finding.confidence == "possible"
    assert "9 connections without an answer, 0 answered" in finding.evidence[0].text
    placed = found(node(conversations=(replace(LOST, stopped=9),)))["unanswered"]
    assert placed.confidence == "likely"


def test_a_few_or_a_small_share() -> None:
    assert unanswered(talk(unanswered=2, answered=0)) is None
    assert unanswered(talk(unanswered=9, answered=91)) is None


@pytest.mark.alike
def test_a_scanner_that_tries_ports_that_nobody_promised() -> None:
    scan = [replace(LOST, port=port) for port in range(20, 30)]
    assert unanswered(*scan, slices=(SLICE,)) is None


def test_refused_connections_were_answered() -> None:
    assert unanswered(talk(refused=9, answered=0)) is None


def test_a_service_whose_endpoint_is_said_already() -> None:
    service = replace(LOST, server="10.96.0.7")
    rows = {"services": (SERVICE,), "slices": (SLICE,)}
    finding = unanswered(service, LOST, **rows)
    assert finding is not None and finding.subject.kind != "service"


def test_no_tcp_and_other_addresses_of_the_pods() -> None:
    assert unanswered(replace(LOST, protocol="UDP")) is None
    assert unanswered(replace(talk(), server=NEAR.ip)) is None


def test_the_server_s_node_is_gone() -> None:
    """As a spot instance: its pods are listed for minutes."""
    for server, port in ((API.ip, 8080), (OTHER.address, 9100)):
        talk = Conversation("TCP", POD.ip, server, port, flows=9, unanswered=9)
        for is_ready in (True, False):
            nodes = (NODE, replace(OTHER, ready=is_ready))
            finding = found(pod(conversations=(talk,)), nodes=nodes)["unanswered"]
            assert ("n2, where they go, is not ready" in finding.title) is not is_ready


def test_a_machine_that_all_of_it_comes_into_and_nothing_leaves() -> None:
    """By a capture alone, which may be of the server itself."""
    silent = replace(LOST, server="10.96.0.7", port=80)
    row = PathRow("TCP", POD.ip, "10.96.0.7", 80, "", 0, POD.ip, unanswered=9)
    sent = PathDirection(Segments(syn=27), Segments())
    view = node(conversations=(silent,), paths=(replace(row, to_server=sent),))
    view = replace(view, kind="pcap", values={})
    (finding,) = evaluate(Snapshot(100.0, (view,)))
    assert "SYNs come into the captured node and do not leave it" in finding.title
    left = replace(row, to_server=PathDirection(Segments(syn=27), Segments(syn=27)))
    (finding,) = evaluate(Snapshot(100.0, (replace(view, paths=(left,)),)))
    assert "dropped on the path" in finding.title


def test_what_a_capture_saw_translated_is_said_of_the_endpoint() -> None:
    """An endpoint that is in no slice any more, or a capture without objects."""
    asked = replace(LOST, server="10.96.0.7", port=80)
    gone = replace(LOST, server="10.1.0.77")
    row = replace(WELL, client=POD.ip, asked="10.96.0.7", endpoint="10.1.0.77", completed=0)
    view = replace(node(conversations=(asked, gone), paths=(row,)), kind="pcap", values={})
    nodes = (replace(NODE, pod_cidrs=()),)
    finding = found(view, services=(SERVICE,), slices=(SLICE,), nodes=nodes)["unanswered"]
    assert finding.where == "10.1.0.77:8080"
