"""Ports that are used again too soon, and resets that look alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ServiceRow, SliceRow
from collectors.findings import Finding
from diagnosis.snapshot import Conversation, TargetView
from tests.support.snapshots import API, NODE, POD, found, node, pod

COUNTER = "TcpExtPAWSTimewait"
SNAT = Conversation("TCP", NODE.address, API.ip, 8080, flows=30, answered=22, challenged=8)
ASKED = Conversation("TCP", POD.ip, "10.96.0.7", 80, flows=30, answered=22, challenged=8)
SERVICE = ServiceRow("shop", "api", ("10.96.0.7",), ("80/TCP",), "ClusterIP", API.labels)
SLICE = SliceRow("shop", "api-a", "api", (API.ip,), ())


def server(count: int = 9) -> TargetView:
    return replace(pod(deltas={COUNTER: count}), key="pod/shop/api-1", pod=API, node="n2")


def finding(*talks: Conversation, more: tuple[TargetView, ...] = (), **rows: Any) -> Finding | None:
    known = {"services": (SERVICE,), "slices": (SLICE,), **rows}
    return found(node(conversations=talks), *more, **known).get("timewait_reuse")


def test_behind_the_address_of_a_node() -> None:
    said = finding(SNAT, ASKED, more=(server(),))
    assert said and (said.where, said.confidence) == ("shop/api-1:8080", "certain")
    assert said.title == (
        "n1 uses ports of its address again while shop/api-1:8080 has their last connection in "
        "TIME-WAIT: 8 SYNs are answered by an ACK, and connecting needs a second more"
    )
    assert said.evidence[1].text.startswith(f"{COUNTER} +9")


def test_without_the_servers_counter_it_may_be_a_connection_that_is_open_there() -> None:
    said = finding(SNAT)
    assert said and said.confidence == "likely" and "TIME-WAIT" not in said.title


def test_from_the_clients_pod_alone() -> None:
    said = finding(ASKED)
    assert said and said.where == "svc/shop/api:80"


def test_syns_that_seem_unanswered_are_listed_under_it() -> None:
    silent = replace(ASKED, unanswered=8, answered=0)
    view = node(conversations=(SNAT, silent))
    said = found(view, server(), services=(SERVICE,), slices=(SLICE,))
    assert "unanswered" not in said and "timewait_reuse" in said


# --- what looks alike and is something else


def test_few() -> None:
    assert finding(replace(SNAT, challenged=2)) is None


@pytest.mark.alike
def test_resets_after_a_handshake_and_refusals() -> None:
    reset = replace(SNAT, challenged=0, client_resets=8)
    refused = replace(SNAT, challenged=0, refused=8)
    assert finding(reset, more=(server(),)) is None and finding(refused) is None


def test_the_counter_alone() -> None:
    """A stray segment of an old connection moves it."""
    assert finding(replace(SNAT, challenged=0), more=(server(900),)) is None
