"""Connections of podwire itself and of a node's control plane: they are no evidence about pods.

On a node, and in a pod on the host's network: what stays on loopback (etcd, the API server, health
checks, the container runtime's streaming server, which carries podwire's own exec streams), what
goes to a node's ports of the control plane (the kubelet carries the same streams), and what goes to
the API server from anything but a pod. The machine on which podwire runs may be no node: there only
the control plane's ports are. What cannot be opened to another machine is evidence about
a node, and stays. A pod's own connections to the API server are looked at, except those of a
console that runs there: its ports are known.

Ports: https://kubernetes.io/docs/reference/networking/ports-and-protocols/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from collectors.capture.flow_problems import Problem, flow_problem
from collectors.capture.network_layers import address_text
from collectors.events import LinkRow, NodeRow, PodRow, ServiceRow, SliceRow
from collectors.sockets.rows import SocketRow, trouble
from diagnosis.addresses import addresses_of

if TYPE_CHECKING:
    from collectors.capture.direction import Direction
    from collectors.capture.flow_expiry import Flow
    from collectors.capture.udp import UdpDirection
    from diagnosis.paths import PathRow
    from diagnosis.snapshot import Conversation
    from session.store import Store

API_SERVER = 6443
CONTROL_PLANE_PORTS = frozenset(
    (
        API_SERVER,
        2379,  # etcd, for clients
        2380,  # etcd, for its peers
        10248,  # kubelet, health
        10249,  # kube-proxy, metrics
        10250,  # kubelet, with exec and log streams
        10255,  # kubelet, read only
        10256,  # kube-proxy, health
        10257,  # kube-controller-manager
        10258,  # cloud-controller-manager
        10259,  # kube-scheduler
    )
)
PORT = re.compile(r"[0-9]{1,5}")
KUBERNETES = ("default", "kubernetes")  # the API server's Service
OWN: Problem = (0, "podwire's own, or control plane")
End = tuple[str, int]  # address, port


class OwnConnections:
    """Of one moment: who is a node, who is a pod, where the API server is."""

    def __init__(
        self,
        nodes: Iterable[str] = (),
        pods: Iterable[str] = (),
        api_server: Iterable[End] = (),
        console: Iterable[End] = (),
        *,
        of_any_machine: bool = False,
    ) -> None:
        self._nodes, self._pods = frozenset(nodes), frozenset(pods)
        self._api, self._console = frozenset(api_server), frozenset(console)
        self._console_ports = frozenset(port for _, port in self._console)
        self._of_any_machine = of_any_machine

    def seen_from(self, key: str) -> OwnConnections:
        """As a target's own connections are known: loopback of this machine is other programs'."""
        if not key.startswith("local/"):
            return self
        known = self._nodes, self._pods, self._api, self._console
        return OwnConnections(*known, of_any_machine=True)

    def includes(self, client: str, server: str, port: int, links: Iterable[LinkRow] = ()) -> bool:
        """Whether a connection in a node's network is podwire's or the control plane's. `links` are
        that node's interfaces."""
        if is_loopback(client) and is_loopback(server):
            return port in CONTROL_PLANE_PORTS or not self._of_any_machine
        if client in self._pods:
            return False
        if (server, port) in self._api:
            return True
        return port in CONTROL_PLANE_PORTS and self._is_node(server, links)

    def of_console(self, flow: Flow) -> bool:
        """Whether an end of it is this console's. Asked of each flow at each look."""
        ports = self._console_ports
        if flow.client.port not in ports and flow.server.port not in ports:
            return False
        return any(_end_of(side) in self._console for side in (flow.client, flow.server))

    def not_of_console(self, flows: Iterable[Flow]) -> list[Flow]:
        """Those of which no end is this console's."""
        ports = self._console_ports
        return [
            flow
            for flow in flows
            if (flow.server.port not in ports and flow.client.port not in ports)
            or not self.of_console(flow)
        ]

    def _is_node(self, address: str, links: Iterable[LinkRow]) -> bool:
        return address in self._nodes or address in _addresses(links)

    def conversation(self, one: Conversation, links: Iterable[LinkRow] = ()) -> bool:
        if _cannot_be_opened(one, one.answered) and not is_node_local(one.client, one.server):
            return False
        return self.includes(one.client, one.server, one.port, links)

    def path(self, one: PathRow, links: Iterable[LinkRow] = ()) -> bool:
        """By either of its legs."""
        if _cannot_be_opened(one, one.completed) and not is_node_local(one.client, one.asked):
            return False
        legs = ((one.asked, one.asked_port), (one.endpoint, one.endpoint_port))
        return any(self.includes(one.client, *leg, links) for leg in legs)

    def socket(self, row: SocketRow, links: Iterable[LinkRow] = ()) -> bool:
        """Which end is the server is not said by a socket: either may be. A listener is no
        connection, and one that is not open yet is evidence."""
        if row.state in ("LISTEN", "SYN-SENT"):
            return False
        if (row.local, row.local_port) in self._console:
            return True
        return self.includes(row.local, row.peer, row.peer_port, links) or self.includes(
            row.peer, row.local, row.local_port, links
        )


def own_connections(store: Store) -> OwnConnections:
    return OwnConnections(
        _node_addresses(store.rows("nodes")),
        _pod_addresses(store.rows("pods")),
        _api_server(store),
        store.console_ends,
    )


def problem_of(store: Store, key: str, flow: Flow) -> Problem:
    """A flow's problem, as flow_problem; a connection that is podwire's own, or the control
    plane's, is called that."""
    if store.own.of_console(flow):
        return OWN
    data = None if key.startswith("pod/") else store.targets.get(key)
    if data is not None:
        client, server = address_text(flow.client.address), address_text(flow.server.address)
        if store.own.seen_from(key).includes(client, server, flow.server.port, data.links):
            return OWN
    return flow_problem(flow)


def trouble_of(store: Store, key: str, row: SocketRow) -> str:
    """A socket's trouble; none of a connection that is podwire's own, or the control plane's."""
    reason = trouble(row)
    data = store.targets.get(key) if reason and not key.startswith("pod/") else None
    is_own = data is not None and store.own.seen_from(key).socket(row, data.links)
    return "" if is_own else reason


def _cannot_be_opened(one: Conversation | PathRow, opened: int) -> bool:
    return not opened and bool(one.unanswered or one.refused)


def _end_of(side: Direction | UdpDirection) -> End:
    return address_text(side.address), side.port


def _addresses(links: Iterable[LinkRow]) -> Iterator[str]:
    for link in links:
        yield from addresses_of(link)


def is_node_local(client: str, server: str) -> bool:
    return client == server or (is_loopback(client) and is_loopback(server))


def is_loopback(address: str) -> bool:
    """Of an address as ss and captures write it."""
    return address.startswith(("127.", "::ffff:127.")) or address == "::1"


def _node_addresses(rows: Iterable[object]) -> Iterable[str]:
    for row in rows:
        if isinstance(row, NodeRow):
            yield row.address
            yield from row.addresses


def _pod_addresses(rows: Iterable[object]) -> Iterable[str]:
    for row in rows:
        if isinstance(row, PodRow) and not row.host_network:
            yield from row.ips or (row.ip,)


def _api_server(store: Store) -> Iterable[End]:
    """Where it is reached: the address that podwire uses, the Service's, its endpoints'."""
    if store.start is not None and store.start.api_server:
        address, _, port = store.start.api_server.rpartition(":")
        yield from ((address.strip("[]"), number) for number in _port_number(port))
    for service in store.rows("services"):
        if isinstance(service, ServiceRow) and (service.namespace, service.name) == KUBERNETES:
            for port in service.ports:
                for number in _port_number(port.partition("/")[0]):
                    yield from ((ip, number) for ip in service.ips)
    for row in store.rows("endpointslices"):
        if isinstance(row, SliceRow) and (row.namespace, row.service) == KUBERNETES:
            for target in row.ports:
                yield from ((ip, target.number) for ip in (*row.ready, *row.not_ready))


def _port_number(text: str) -> Iterator[int]:
    """Of what was recorded: it may be none."""
    if PORT.fullmatch(text):
        yield int(text)
