"""An overlay of which nothing crosses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import LinkRow, NetworkState, RouteRow, SettingsRow
from diagnosis import rules
from diagnosis.paths import PathDirection, PathRow, Segments
from diagnosis.snapshot import Conversation, TargetView
from tests.diagnosis.rules.test_stale_vtep import HERE, OLD, SECOND, THERE, near, view
from tests.support.rules import finder
from tests.support.service_snapshots import path, service_snapshot
from tests.support.snapshots import API, NEAR, NODE, POD

evaluate = finder("overlay_blocked")
SYNS = Segments(syn=9)
LEFT = PathDirection(left=SYNS, complete_left=SYNS, entered=SYNS)
CAME = PathDirection(entered=SYNS)


def row(server: str = API.ip, client: str = POD.ip, **more: Any) -> PathRow:
    base = path(server, asked=server, asked_port=8080, client=client, unanswered=9)
    return replace(base, **more)


def first(*rows: PathRow, **more: Any) -> TargetView:
    return replace(view("n1", 1, HERE, *near(THERE)), paths=rows, **more)


def second(*rows: PathRow, **more: Any) -> TargetView:
    return replace(SECOND, paths=rows, **more)


LOST = row(to_server=LEFT)
BEFORE = PathDirection(left=SYNS, complete_left=SYNS, entered=SYNS, latest_left=(4, 3))
OWN = row(client=API.ip, server=API.ip)  # what a node sees of itself: its capture works


def test_nothing_crosses() -> None:
    (finding,) = evaluate(service_snapshot(first(LOST), second(OWN)))
    assert finding.where == "n1 → n2"
    assert "9 packets left for pods of n2, none came there" in finding.evidence[0].text
    assert "udp port 8472 or udp port 4789" in finding.fix


def test_nothing_crosses_any_longer() -> None:
    """It did within the window; a filter was set since."""
    (finding,) = evaluate(
        service_snapshot(first(row(to_server=BEFORE)), second(row(to_server=CAME)))
    )
    assert "7 packets left for pods of n2 in 10 s, none came there" in finding.evidence[0].text


@pytest.mark.parametrize(
    ("left", "came"),
    [((9, 0), 0), ((0, 9), 0), ((2, 2), 0), ((9, 9), 1)],
)
@pytest.mark.alike
def test_a_burst_or_clocks_that_differ(left: tuple[int, int], came: int) -> None:
    here, there = replace(BEFORE, latest_left=left), replace(CAME, latest_entered=came)
    moment = service_snapshot(first(row(to_server=here)), second(row(to_server=there)))
    assert not evaluate(moment)


def test_answers_are_lost_as_well() -> None:
    back = row(client=API.ip, server=POD.ip, to_server=LEFT)
    (finding,) = evaluate(service_snapshot(first(LOST), second(back)))
    assert [one.text.split(",")[0] for one in finding.evidence[:2]] == [
        "9 packets left for pods of n2",
        "9 packets left for pods of n1",
    ]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (LOST, row(to_server=CAME)),  # it comes, and is not answered
        (LOST, row(client=API.ip, server=POD.ip, to_client=CAME)),  # answers to the other come
        (row(), OWN),  # a policy: it does not leave
        (row(server=NEAR.ip, to_server=LEFT), OWN),  # between pods of one node
        (row(server="203.0.113.9", to_server=LEFT), OWN),
    ],
)
@pytest.mark.alike
def test_what_is_something_else(here: PathRow, there: PathRow) -> None:
    assert not evaluate(service_snapshot(first(here), second(there)))


def test_what_is_not_known() -> None:
    """The other node is not open, or nothing is captured there; there is no overlay; eBPF."""
    assert not evaluate(service_snapshot(first(LOST)))
    assert not evaluate(service_snapshot(first(LOST), second()))
    links = (LinkRow("eth0", "", 1500, "UP"),)
    plain = first(LOST, network=NetworkState(100.0, "node/n1", links))
    assert not evaluate(service_snapshot(plain, second(OWN)))
    settings = (SettingsRow("cilium", "x", (("mtu", "0"),)),)
    assert not evaluate(service_snapshot(first(LOST), second(OWN), settings=settings))


def test_wrong_tables_are_findings_of_their_own() -> None:
    stale = replace(view("n1", 1, HERE, *near(OLD)), paths=(LOST,))
    talk = Conversation("TCP", POD.ip, API.ip, 8080, flows=9, unanswered=9)
    moment = service_snapshot(replace(stale, conversations=(talk,)), second(OWN))
    (finding,) = rules.findings(moment)
    assert finding.rule == "stale_vtep"


def test_one_node_of_three_that_is_cut_off_is_one_finding() -> None:
    third = replace(NEAR, name="api-3", node="n3", ip="10.3.0.7", ips=(), uid="u33")
    extra = replace(second(row(client=third.ip, server=third.ip)), key="node/n3", node="n3")
    lost = row(server=third.ip, to_server=LEFT)
    moment = service_snapshot(first(LOST, lost), second(OWN), extra, pods=(POD, API, third))
    (finding,) = evaluate(moment)
    assert finding.where == "n1" and "n1 and n2, n1 and n3" in finding.title


def test_what_fails_between_them_is_listed_under_it() -> None:
    talk = Conversation("TCP", POD.ip, API.ip, 8080, flows=9, unanswered=9)
    one = first(LOST, conversations=(talk,))
    (finding,) = rules.findings(service_snapshot(one, second(OWN)))
    wheres = [text.partition(":")[0] for text in finding.consequences]
    assert (finding.rule, wheres) == ("overlay_blocked", ["n1 → n2", "shop/api-1"])


@pytest.mark.alike
def test_what_is_sent_on_with_an_address_of_the_node() -> None:
    """A masquerade, as kube-proxy's --masquerade-all makes it."""
    came = row(client=NODE.address, to_server=CAME)
    assert not evaluate(service_snapshot(first(LOST), second(came)))


@pytest.mark.parametrize("more", [{"capture_loss": 3.0}, {"capture_lag": 9.0}])
@pytest.mark.alike
def test_a_capture_that_lags_shows_no_such_thing(more: dict[str, float]) -> None:
    assert not evaluate(service_snapshot(first(LOST), second(OWN, **more)))
    assert not evaluate(service_snapshot(first(LOST, **more), second(OWN)))


def beside(one: TargetView, *routes: RouteRow) -> TargetView:
    """With a tunnel that a module left, and other routes where some are given."""
    assert one.network is not None
    links = (LinkRow("tunl0", "ipip", 1480, "DOWN"), *one.network.links)
    network = replace(one.network, links=links, routes=routes or one.network.routes)
    return replace(one, network=network)


def test_the_tunnel_that_routes_use_is_the_one_that_is_named() -> None:
    (finding,) = evaluate(service_snapshot(beside(first(LOST)), second(OWN)))
    assert "flannel.1" in finding.title and "udp port" in finding.fix


def test_nodes_that_route_natively_beside_a_tunnel_that_was_left() -> None:
    native = beside(first(LOST), RouteRow("10.2.0.0/24", "eth0", "192.168.0.2"))
    assert not evaluate(service_snapshot(native, second(OWN)))
