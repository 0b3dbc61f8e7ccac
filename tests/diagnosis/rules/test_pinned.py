"""Open connections on a few endpoints of a Service, and those that are even, few or meant to stay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ConntrackGroup, ServicePort, ServiceRow, SettingsRow, SliceRow
from collectors.findings import Finding
from collectors.objects import Endpoint
from diagnosis.paths import PathDirection, PathRow, Segments
from tests.support.snapshots import API, NEAR, POD, conntrack_table, found, node

CLIENT = replace(POD, created=-5_000.0)
OLD = replace(API, created=-4_000.0)
LATER = replace(NEAR, created=-1_000.0)
THIRD = replace(NEAR, name="api-3", ip="10.1.0.7", created=-900.0)
PORT = ServicePort("grpc", 50051, "TCP", "50051")
SERVICE = ServiceRow(
    "shop", "api", ("10.96.0.7",), ("50051/TCP",), "ClusterIP", API.labels, (PORT,)
)
SLICE = SliceRow("shop", "api-a", "api", (OLD.ip, LATER.ip, THIRD.ip), ())
OPEN = ConntrackGroup(
    12, "tcp", "ESTABLISHED", POD.ip, "10.96.0.7", 50051, OLD.ip, 50051, True, True
)
DATA = PathDirection(entered=Segments(small=4_500), left=Segments(small=4_500))
REQUESTS = PathRow(
    "TCP", POD.ip, "10.96.0.7", 50051, OLD.ip, 50051, POD.ip, to_server=DATA, to_client=DATA
)


def finding(
    *entries: ConntrackGroup, service: ServiceRow = SERVICE, seen: Any = (), **more: Any
) -> Finding | None:
    view = node(conntrack=conntrack_table(entries), paths=seen)
    rows = {"pods": (CLIENT, OLD, LATER, THIRD), "services": (service,), "slices": (SLICE,)}
    return found(view, **{**rows, **more}).get("pinned")


def on(end: str, count: int, **more: Any) -> ConntrackGroup:
    return replace(OPEN, reply_source=end, count=count, **more)


def test_all_on_the_oldest_endpoint() -> None:
    """dapr 1444: replicas that came later get none."""
    said = finding(OPEN, seen=(REQUESTS,))
    assert said and (said.where, said.severity) == ("svc/shop/api:50051", "warning")
    assert said.title == (
        "12 of 12 open connections are on shop/api-1 (10.2.0.5), 1 of 3 endpoints: the others are "
        "idle"
    )
    texts = [one.text for one in said.evidence]
    assert texts[0].startswith("open connections: shop/api-1 (10.2.0.5): 12, ")
    assert texts[1:] == [
        "9,000 segments of them in 15 s",
        "they were there 3000 s before each of the others",
    ]


def test_load_of_connections_of_which_the_capture_guessed_the_server() -> None:
    """They were open before, and 50051 is the higher port."""
    guessed = replace(REQUESTS, client=OLD.ip, sent_as=OLD.ip, asked=POD.ip, endpoint=POD.ip)
    said = finding(OPEN, seen=(guessed,))
    assert said and said.severity == "warning"


def test_without_load_it_is_worth_a_look() -> None:
    said = finding(OPEN)
    assert said and said.severity == "info"


@pytest.mark.alike
def test_idle_connections_are_no_uneven_work() -> None:
    """Websockets with a ping every 5 s."""
    ping = PathDirection(entered=Segments(small=36), left=Segments(small=36))
    assert finding(OPEN, seen=(replace(REQUESTS, to_server=ping, to_client=ping),)) is None
    each_second = PathDirection(entered=Segments(small=180), left=Segments(small=180))
    busier = replace(REQUESTS, to_server=each_second, to_client=each_second)
    said = finding(OPEN, seen=(busier,))
    assert said and said.severity == "info"


def test_one_of_many_is_elsewhere() -> None:
    assert finding(on(OLD.ip, 29), on(LATER.ip, 1))


def test_on_two_of_four() -> None:
    wide = replace(SLICE, ready=(*SLICE.ready, "10.1.0.8"))
    assert finding(on(OLD.ip, 14), on(LATER.ip, 15), slices=(wide,))


# --- what looks alike and is healthy


def test_spread_evenly() -> None:
    assert finding(on(OLD.ip, 5), on(LATER.ip, 3), on(THIRD.ip, 6), seen=(REQUESTS,)) is None


def test_few_connections() -> None:
    assert finding(on(OLD.ip, 9)) is None


@pytest.mark.alike
def test_what_chance_makes_with_two_endpoints() -> None:
    """10 of 11 heads in so many throws are no news."""
    two = replace(SLICE, ready=(OLD.ip, LATER.ip))
    assert finding(on(OLD.ip, 10), on(LATER.ip, 1), slices=(two,)) is None
    assert finding(on(OLD.ip, 24), on(LATER.ip, 1), slices=(two,))


def test_a_service_with_one_endpoint() -> None:
    assert finding(OPEN, slices=(replace(SLICE, ready=(OLD.ip,)),)) is None


def test_endpoints_that_are_not_ready_get_none() -> None:
    waiting = replace(SLICE, ready=(OLD.ip,), not_ready=(LATER.ip, THIRD.ip))
    assert finding(OPEN, slices=(waiting,)) is None


@pytest.mark.parametrize(
    "more",
    [
        {"affinity": "ClientIP"},
        {"distribution": "PreferSameZone"},
        {"internal_policy": "Local"},
        {"external_policy": "Local"},
    ],
)
@pytest.mark.alike
def test_clients_that_are_meant_to_stay(more: dict[str, str]) -> None:
    assert finding(OPEN, service=replace(SERVICE, **more), seen=(REQUESTS,)) is None  # type: ignore[arg-type]


def test_hints_of_zones() -> None:
    hinted = replace(SLICE, endpoints=(Endpoint(OLD.ip, True, hints=("a",)),))
    assert finding(OPEN, slices=(hinted,)) is None


def test_ipvs_that_hashes_the_clients_address() -> None:
    settings = SettingsRow("kube-proxy", "configmap", (("ipvs.scheduler", "sh"),))
    assert finding(OPEN, settings=(settings,)) is None


def test_endpoints_that_have_just_come_while_load_is_small() -> None:
    pods = (CLIENT, OLD, *(replace(pod, created=10.0) for pod in (LATER, THIRD)))
    assert finding(OPEN, pods=pods) is None
    assert finding(OPEN, pods=pods, seen=(REQUESTS,))


@pytest.mark.parametrize(
    "more", [{"state": "TIME_WAIT"}, {"replied": False}, {"protocol": "udp"}, {"port": 80}]
)
def test_entries_that_are_no_open_connections(more: dict[str, Any]) -> None:
    assert finding(replace(OPEN, **more)) is None


def test_entries_of_a_client_that_is_gone() -> None:
    """They stay for days."""
    assert finding(replace(OPEN, source="10.1.0.99")) is None


def test_many_connections_are_counted_as_well() -> None:
    assert finding(on(OLD.ip, 200_000))
    assert finding(on(OLD.ip, 90_000), on(LATER.ip, 90_000), on(THIRD.ip, 90_000)) is None


def test_others_are_used_by_pods_of_nodes_that_are_not_open() -> None:
    """As the endpoint's own node sees them."""
    remote = replace(CLIENT, name="web-9", uid="u9", node="n3", ip="10.3.0.9")
    pods = (CLIENT, OLD, LATER, THIRD, remote)
    there = replace(OPEN, source=remote.ip, destination=LATER.ip, reply_source=LATER.ip, count=40)
    assert finding(OPEN, pods=pods)
    assert finding(OPEN, there, pods=pods) is None
    assert finding(OPEN, replace(there, count=2), pods=pods)
    assert finding(OPEN, replace(there, source=CLIENT.ip), pods=pods)  # counted as it asked
