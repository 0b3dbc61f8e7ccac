"""Where connections are lost: what captures on two nodes saw of SYNs and of their answers, as a finding."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import (
    NodeRow,
    PodRow,
    ProbeRow,
    ServicePort,
    ServiceRow,
    SettingsRow,
    SliceRow,
)
from collectors.objects import Endpoint
from diagnosis.reachability.observed_connections import proof
from diagnosis.snapshot import Conversation, DnsSummary, Snapshot, TargetView
from tests.support.rules import finder

connections_found = finder("refused", "resets", "unanswered", "dead_address")
dns_found = finder("dns_failing", "dns_slow", "dns_search", "dns_unanswered", "dns_truncated")
endpoints_found = finder("endpoints")
forwarding_found = finder("forwarding")

CLIENT = PodRow(
    "shop", "web", "u1", "n1", "10.244.1.5", "Running", "1/1", 0, 0.0, ips=("10.244.1.5",)
)
SERVER = PodRow(
    "shop", "db", "u2", "n2", "10.244.2.6", "Running", "1/1", 0, 0.0, ips=("10.244.2.6",)
)
SILENT = Conversation("TCP", CLIENT.ip, SERVER.ip, 5432, flows=9, unanswered=9)
OTHER = Conversation("TCP", CLIENT.ip, "10.244.2.9", 80, flows=9, answered=9)


def seen(first: Conversation | None, second: Conversation | None, **more: object) -> Snapshot:
    """What was captured on the client's node and on the server's; None: nothing of it."""
    views = tuple(
        TargetView(
            f"node/{name}",
            "node",
            name,
            0.0,
            "whole node",
            values={"x": 1},
            conversations=(OTHER, *([talk] if talk else [])),
        )
        for name, talk in (("n1", first), ("n2", second))
    )
    return Snapshot(0.0, views, (CLIENT, SERVER), **more)  # type: ignore[arg-type]


def found(snapshot: Snapshot) -> list[str]:
    return [finding.title for finding in connections_found(snapshot)]


CASES = [
    (replace(SILENT, passed=9), replace(SILENT, stopped=9), "SYNs are dropped on n2"),
    (replace(SILENT, stopped=9), None, "SYNs are dropped on n1"),
    (
        replace(SILENT, passed=9),
        replace(SILENT, unanswered=0, answered=9, answers_stopped=9),
        "The server answers, and its answers are dropped on n2",
    ),
    (
        replace(SILENT, answers_stopped=9),
        None,
        "The server answers, and its answers are dropped on n1",
    ),
    (replace(SILENT, passed=9), replace(SILENT, passed=9), "n2 hands SYNs to the pod"),
    (replace(SILENT, passed=9), None, "SYNs leave n1 and never come to n2"),
    (replace(SILENT, passed=9), replace(SILENT, stopped=5, passed=4), "SYNs are not answered"),
    (SILENT, None, "SYNs are not answered"),
]


@pytest.mark.parametrize(("first", "second", "title"), CASES)
def test_the_place_is_told(first: Conversation, second: Conversation | None, title: str) -> None:
    (told,) = found(seen(first, second))
    assert told.startswith(title)


def test_where_ebpf_hands_packets_on_no_place_is_told() -> None:
    (told,) = found(
        seen(replace(SILENT, stopped=9), None, settings=(SettingsRow("cilium", "configmap", ()),))
    )
    assert told.startswith("SYNs are not answered")


def test_a_service_is_not_told_beside_its_endpoint() -> None:
    service = ServiceRow(
        "shop",
        "db",
        ("10.96.0.9",),
        ("5432/TCP",),
        "ClusterIP",
        targets=(ServicePort("", 5432, "TCP", "5432"),),
    )
    asked = replace(SILENT, server="10.96.0.9", stopped=9)
    row = SliceRow("shop", "db-1", "db", (SERVER.ip,), (), (), (Endpoint(SERVER.ip, True),))
    views = seen(replace(SILENT, stopped=9), None, services=(service,), slices=(row,))
    both = replace(views.targets[0], conversations=(*views.targets[0].conversations, asked))
    snapshot = replace(views, targets=(both, views.targets[1]))
    assert [finding.where for finding in connections_found(snapshot)] == ["shop/db:5432"]
    alone = replace(
        snapshot, targets=(replace(both, conversations=(OTHER, asked)), views.targets[1])
    )
    assert [finding.where for finding in connections_found(alone)] == ["svc/shop/db:5432"]


@pytest.mark.parametrize(
    ("talk", "title"),
    [
        (replace(SILENT, unanswered=0, refused=9), "Connections are refused by the pod itself"),
        (
            replace(
                SILENT,
                unanswered=0,
                refused=9,
                rejected=9,
                rejected_by="10.0.0.2",
                unreachable="ICMP …",
            ),
            "Connections are rejected on the path, by 10.0.0.2",
        ),
        (
            replace(SILENT, unanswered=0, refused=9, server="192.0.2.1"),
            "Connections are refused by 192.0.2.1",
        ),
    ],
)
def test_who_refuses(talk: Conversation, title: str) -> None:
    (told,) = found(seen(talk, None))
    assert told.startswith(title)


def test_questions_are_followed_as_well() -> None:
    asked = Conversation("UDP", CLIENT.ip, SERVER.ip, 53, flows=9, unanswered=9, stopped=9)
    views = seen(None, None)
    node = replace(
        views.targets[0],
        conversations=(OTHER, asked),
        lookups=DnsSummary(10, 20, 0, 20, servers=(SERVER.ip,)),
    )
    (found_,) = dns_found(replace(views, targets=(node, views.targets[1])))
    assert found_.title == "100 % of DNS questions get no answer: dropped on n1"
    assert "9 questions came in and did not go out" in [e.text for e in found_.evidence]


def test_a_node_that_does_not_forward() -> None:
    views = seen(None, None)
    off = replace(views.targets[0], values={"IpForwarding": 2})
    assert [f.where for f in forwarding_found(replace(views, targets=(off, views.targets[1])))] == [
        "n1"
    ]
    assert not list(forwarding_found(views))


def test_some_endpoints_are_out() -> None:
    """Those whose probes go on failing; not a pod that starts."""
    service = ServiceRow("shop", "db", (), (), "ClusterIP", (("app", "db"),))
    row = SliceRow("shop", "db-1", "db", ("10.244.2.6",), ("10.244.2.7",))
    pods = tuple(
        replace(SERVER, name=n, ip=ip, ips=(ip,), labels=(("app", "db"),))
        for n, ip in (("a", "10.244.2.6"), ("b", "10.244.2.7"))
    )
    said = ProbeRow("shop", "e", "b", "Readiness probe failed: HTTP 503", 9, 990.0)
    snapshot = Snapshot(1000.0, (), pods, services=(service,), slices=(row,), probes=(said,))
    (told,) = endpoints_found(snapshot)
    assert (told.severity, told.title) == ("warning", "1 of 2 endpoints are out: their probes fail")
    young = replace(snapshot, pods=tuple(replace(p, created=980.0) for p in pods))
    assert not list(endpoints_found(young))
    assert not list(endpoints_found(replace(snapshot, probes=(replace(said, last=500.0),))))


def test_an_address_that_no_pod_has() -> None:
    nodes = (NodeRow("n2", "192.0.2.2", "", True, "linux", "amd64", pod_cidrs=("10.244.2.0/24",)),)
    dead = replace(SILENT, server="10.244.2.99")
    snapshot = replace(seen(dead, None), nodes=nodes)
    (told,) = connections_found(snapshot)
    assert (told.rule, told.severity, told.where) == ("dead_address", "warning", "10.244.2.99:5432")
    assert "kube-proxy run on n1" in told.fix
    for server in ("10.244.2.1", "203.0.113.9", SERVER.ip):  # the bridge, something outside, a pod
        found_ = connections_found(replace(seen(replace(SILENT, server=server), None), nodes=nodes))
        assert [f.rule for f in found_] == ["unanswered"]
    assert [
        f.rule
        for f in connections_found(replace(seen(replace(dead, answered=1), None), nodes=nodes))
    ] == []


def test_the_live_proof_names_the_node() -> None:
    views = seen(replace(SILENT, passed=9), replace(SILENT, stopped=9))
    assert proof(views, CLIENT, SERVER, "5432", "TCP") == [
        "SYNs are dropped on n2: they come into it and do not leave it"
    ]
