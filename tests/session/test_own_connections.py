"""What is podwire's own or the control plane's, and what looks alike and is a pod's."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from collectors.capture.flows import FlowTable
from collectors.capture.tcp import TcpFlow
from collectors.events import (
    ConsoleEnds,
    ContainerPort,
    InventoryList,
    NodeRow,
    PodRow,
    ServiceRow,
    SessionStart,
    SliceRow,
)
from collectors.own_sockets import KEPT_S, RecentEnds, local_ends
from collectors.sockets.rows import SocketRow, trouble
from diagnosis.paths import PathRow
from diagnosis.snapshot import Conversation
from session.own_connections import (
    OWN as OWN_PROBLEM,
    OwnConnections,
    own_connections,
    problem_of,
    trouble_of,
)
from session.store import Store
from session.target_data import TargetData
from tests.support.node_capture import COOKED2, IN, SECOND, SYN, Hop, Segment
from tests.support.snapshots import ETH, POD

API = ("192.0.2.9", 443)
NODE = NodeRow("n1", "10.0.0.1", "a", True, "linux", "amd64", addresses=("10.0.0.1", "fd00::1"))
SERVICE = ServiceRow("default", "kubernetes", ("10.96.0.1",), ("443/TCP",), "ClusterIP")
SLICE = SliceRow(
    "default", "k", "kubernetes", ("10.0.0.1",), (), (ContainerPort("https", 7443, "TCP"),)
)


@pytest.fixture
def own() -> OwnConnections:
    store = Store()
    store.apply(SessionStart(1.0, "", "prod", "alice", "shop", "v1.36", "192.0.2.9:443"))
    rows: dict[str, tuple[NodeRow | PodRow | ServiceRow | SliceRow, ...]] = {
        "nodes": (NODE,),
        "pods": (POD,),
        "services": (SERVICE,),
        "endpointslices": (SLICE,),
    }
    for kind, found in rows.items():
        store.apply(InventoryList(1.0, "", kind, found))
    return own_connections(store)


OWN = (
    ("127.0.0.1", "127.0.0.1", 42993),  # the runtime's streaming server
    ("::1", "::1", 2379),
    ("10.0.0.1", "10.0.0.1", 10250),  # exec streams
    ("10.0.0.7", "fd00::1", 10250),
    ("198.51.100.4", *API),  # the console, elsewhere
    ("10.0.0.1", "10.0.0.1", 7443),  # the API server, as its Service names it
    ("10.0.0.1", "10.96.0.1", 443),
    ("10.0.0.2", "10.0.0.1", 2380),
)
OTHERS = (
    (POD.ip, "10.96.0.1", 443),  # an operator in a pod
    (POD.ip, "10.0.0.1", 7443),
    (POD.ip, "10.0.0.1", 10250),  # a scraper of kubelets
    ("10.0.0.1", POD.ip, 8080),  # a probe
    ("10.0.0.1", "10.0.0.2", 443),  # an ingress on the host's network
    ("198.51.100.4", POD.ip, 10250),  # a port of that number elsewhere
    ("198.51.100.4", "203.0.113.5", 6443),  # another cluster's API server
)


@pytest.mark.parametrize(("client", "server", "port"), OWN)
def test_own(own: OwnConnections, client: str, server: str, port: int) -> None:
    assert own.includes(client, server, port)
    assert own.socket(SocketRow("tcp", "ESTAB", client, 40_000, server, port))
    assert own.socket(SocketRow("tcp", "CLOSE-WAIT", server, port, client, 40_000))


@pytest.mark.parametrize(("client", "server", "port"), OTHERS)
def test_others(own: OwnConnections, client: str, server: str, port: int) -> None:
    assert not own.includes(client, server, port)
    assert not own.socket(SocketRow("tcp", "ESTAB", client, 40_000, server, port))


@pytest.mark.parametrize("failed", ["unanswered", "refused"])
def test_what_cannot_be_opened_to_another_machine_is_evidence(
    own: OwnConnections, failed: str
) -> None:
    """Not in part, and not of a node's own loopback: ports that nothing serves are asked there."""
    ends = {"protocol": "TCP", "client": "10.0.0.2", "server": "10.0.0.1", "port": 10250}
    talk = Conversation(**ends, flows=4, **{failed: 4})  # type: ignore[arg-type]
    assert not own.conversation(talk)
    assert own.conversation(replace(talk, answered=1))
    assert own.conversation(replace(talk, client="10.0.0.1"))
    assert own.conversation(replace(talk, client="127.0.0.1", server="127.0.0.1", port=6443))
    row = PathRow("TCP", "10.0.0.2", "10.96.0.1", 443, "", 0, "", connections=3, **{failed: 3})  # type: ignore[arg-type]
    assert not own.path(row) and own.path(replace(row, completed=1))


def flow(client_port: int) -> TcpFlow:
    table = FlowTable(hops=True)
    segment = Segment(SYN, 1).at(Hop(1, IN, (POD.ip, client_port, "10.96.0.1", 443)), SECOND)
    table.add(COOKED2, [segment])
    (only,) = table.flows
    assert isinstance(only, TcpFlow)
    return only


def test_a_console_in_a_pod_knows_its_ports_and_leaves_the_pods_others() -> None:
    store = Store()
    store.apply(ConsoleEnds(1.0, "", ((POD.ip, 40_001),)))
    own = store.own = own_connections(store)
    assert own.of_console(flow(40_001)) and not own.of_console(flow(40_002))
    key = f"pod/{POD.namespace}/{POD.name}"
    assert problem_of(store, key, flow(40_001)) == OWN_PROBLEM
    assert problem_of(store, key, flow(40_002))[1] == "SYN not answered yet"


def test_a_socket_of_the_control_plane_is_in_no_trouble(own: OwnConnections) -> None:
    store = Store()
    store.own, store.targets = own, {"node/n1": TargetData("node/n1")}
    row = SocketRow("tcp", "ESTAB", "127.0.0.1", 40_001, "127.0.0.1", 6443, retrans=2)
    assert trouble(row) and not trouble_of(store, "node/n1", row)
    assert trouble_of(store, "node/n1", row._replace(local=POD.ip, peer="10.96.0.1", peer_port=443))


def test_loopback_of_this_machine_is_other_programs(own: OwnConnections) -> None:
    """On a node it is the runtime's and the control plane's; podwire's own ports are known."""
    store = Store()
    store.own = own
    store.targets = {key: TargetData(key) for key in ("local/host", "node/n1")}
    row = SocketRow("tcp", "ESTAB", "127.0.0.1", 40_001, "127.0.0.1", 5432, retrans=2)
    ours = row._replace(peer_port=6443)
    assert trouble_of(store, "local/host", row) == trouble(row) != ""
    assert not trouble_of(store, "local/host", ours) and not trouble_of(store, "node/n1", row)
    ends = "127.0.0.1", 40_002, "127.0.0.1", 5432
    table = FlowTable(hops=True)
    table.add(COOKED2, [Segment(SYN, 1).at(Hop(1, IN, ends), SECOND)])
    (asked,) = table.flows
    assert problem_of(store, "local/host", asked)[1] == "SYN not answered yet"
    assert problem_of(store, "node/n1", asked) == OWN_PROBLEM
    store.own = OwnConnections(console=(ends[:2],))
    assert problem_of(store, "local/host", asked) == OWN_PROBLEM


def test_the_consoles_own_ends_are_those_of_its_sockets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            end = client.getsockname()
            assert end in local_ends() and server.getsockname() not in local_ends()
        recent = RecentEnds()
        assert recent.add(frozenset((end,)), 1.0) == {end}
        assert recent.add(frozenset(), 1.0 + KEPT_S) == {end}
        assert recent.add(frozenset(), 2.0 + KEPT_S) == frozenset()


def test_a_listener_is_no_connection(own: OwnConnections) -> None:
    assert not own.socket(SocketRow("tcp", "LISTEN", "127.0.0.1", 10250, "127.0.0.1", 0))


def test_a_node_is_known_by_its_interfaces_where_nodes_cannot_be_listed() -> None:
    own = OwnConnections()
    assert own.includes("10.9.9.9", "192.168.0.1", 10250, (ETH,))
    assert not own.includes("10.9.9.9", "192.168.0.2", 10250, (ETH,))
