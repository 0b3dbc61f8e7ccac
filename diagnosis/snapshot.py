"""What rules look at: one moment of everything that is known, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from functools import cached_property
from operator import attrgetter
from typing import Any

from collectors.events import (
    ConntrackGroup,
    ConntrackTable,
    ForeignPolicyRow,
    IngressRow,
    LinkRow,
    NamespaceRow,
    NeighbourRow,
    NetworkState,
    NodeRow,
    PodRow,
    PolicyRow,
    ProbeRow,
    RouteRow,
    RuleCount,
    RuleTables,
    ScaledRow,
    ServiceRow,
    SettingsRow,
    SliceRow,
)
from collectors.findings import Evidence, Subject, ViewKind
from collectors.frozen import frozen, frozen_with_cache
from collectors.sockets.rows import SocketRow
from diagnosis.accept_queues import AcceptQueue
from diagnosis.addresses import addresses_of, inside
from diagnosis.by_key import by_key
from diagnosis.filter_counts import RisingRule
from diagnosis.idle_requests import IdleConnections
from diagnosis.lookups import DnsSummary
from diagnosis.paths import End, PathRow
from diagnosis.reachability.blind_spots import NONE, BlindSpots
from diagnosis.readiness_flips import ReadinessFlips
from diagnosis.subjects import pod_subject, service_subject, workload_name, workload_subject
from diagnosis.wire_neighbours import WireNeighbour

KUBERNETES = ("default", "kubernetes")  # the API server's Service
WINDOW_S = 15.0  # what rates are of


@frozen
class Conversation:
    """Flows of the last 15 s between a client address and a port of a server. Times are in ms.

    Of the unanswered, `stopped` are those whose SYN came into this network namespace and did not
    leave it, `passed` those whose SYN did. Of handshakes that were not completed, `answers_stopped`
    and `answers_passed` say the same of the server's answer."""

    protocol: str
    client: str
    server: str
    port: int
    flows: int = 0
    answered: int = 0
    unanswered: int = 0
    refused: int = 0
    unreachable: str = ""  # what ICMP said
    rejected: int = 0  # of the refused: by an ICMP error
    rejected_by: str = ""  # who sent that
    udp_errors: int = 0  # ICMP errors about datagrams that nobody answers
    stopped: int = 0
    passed: int = 0
    answers_stopped: int = 0
    answers_passed: int = 0
    client_resets: int = 0  # after data
    server_resets: int = 0
    segments: int = 0
    retransmitted: int = 0
    stuck: int = 0  # flows whose full-size segments are retransmitted after timeouts
    stuck_again: int = 0  # of `retransmitted`: those of these flows
    large: int = 0  # where some are stuck: flows that sent segments of full size at all
    client_zero_windows: int = 0
    server_zero_windows: int = 0
    closed_ms: float = 0.0  # the longest that one of those stayed closed, until data went on
    slow: int = 0  # answers later than a second, or far later than the path needs
    patient: int = 0  # of those, connections that got several answers, none within a second
    slowest_ms: float = 0.0
    rtt_ms: float | None = None
    opened: float = 0.0  # when the last one that was answered began
    challenged: int = 0  # the SYN was answered by an ACK alone, and the client sent a RST

    @property
    def end(self) -> End:
        return self.server, self.port


@frozen_with_cache
class TargetView:
    """A vantage point. `deltas` are changes of counters over `seconds`, without those reset."""

    key: str
    kind: str
    node: str
    at: float
    scope: str
    pod: PodRow | None = None
    values: Mapping[str, int] = field(default_factory=dict)
    deltas: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    sockets: tuple[SocketRow, ...] = ()
    stalled: tuple[AcceptQueue, ...] = ()
    ports_used: tuple[tuple[str, int], ...] = ()  # destination, local ports in use towards it
    network: NetworkState | None = None
    conntrack: ConntrackTable | None = None
    rules: RuleTables | None = None
    filters: tuple[RisingRule, ...] = ()  # rules that dropped or rejected something
    conversations: tuple[Conversation, ...] = ()
    paths: tuple[PathRow, ...] = ()  # what a capture on all interfaces saw come in and go out
    idle: tuple[IdleConnections, ...] = ()  # whose requests fail after pauses
    lookups: DnsSummary | None = None
    wire: tuple[WireNeighbour, ...] = ()  # addresses that its capture has ARP about
    paths_complete: bool = True  # False: too many connections to compare with another place
    capture_loss: float = 0.0  # % of packets that the capture itself lost
    capture_lag: float = 0.0  # seconds by which it stops before the latest of all captures

    @property
    def is_of_host(self) -> bool:  # a pod in its host's network
        return self.pod is not None and self.pod.host_network

    @property
    def name(self) -> str:
        return self.key.partition("/")[2]

    @property
    def subject(self) -> Subject:
        if self.kind == "pod":
            namespace, _, name = self.name.partition("/")
            return Subject(kind="pod", namespace=namespace, name=name)
        if self.kind == "node":
            return Subject(kind="node", name=self.name)
        return Subject(kind="local" if self.kind == "local" else "capture", name=self.name)

    @property
    def links(self) -> tuple[LinkRow, ...]:
        return self.network.links if self.network else ()

    @property
    def addresses(self) -> frozenset[str]:
        """Its own."""
        own = {address for link in self.links for address in addresses_of(link)}
        return frozenset((*own, *((self.pod.ip, *self.pod.ips) if self.pod else ())))

    @property
    def bridges(self) -> set[str]:
        return {link.name for link in self.links if link.kind == "bridge"}

    @property
    def routes(self) -> tuple[RouteRow, ...]:
        return self.network.routes if self.network else ()

    @property
    def neighbours(self) -> tuple[NeighbourRow, ...]:
        return self.network.neighbours if self.network else ()

    @property
    def forwarding(self) -> tuple[tuple[str, str, str], ...]:
        """(MAC, remote, device)"""
        return self.network.forwarding if self.network else ()

    @property
    def conntrack_groups(self) -> tuple[ConntrackGroup, ...]:
        return self.conntrack.groups if self.conntrack else ()

    @property
    def filter_rows(self) -> tuple[RuleCount, ...]:
        return self.rules.rows if self.rules else ()

    @property
    def kernel(self) -> str:
        return self.network.kernel if self.network else ""

    def sysctl(self, name: str) -> int | None:
        return self.values.get(f"sysctl {name}")

    def delta(self, *names: str) -> int:
        return sum(self.deltas.get(name, 0) for name in names)

    def rate(self, *names: str) -> float:
        return self.delta(*names) / self.seconds if self.seconds > 0 else 0.0

    def counter(self, name: str, source: str = "") -> Evidence:
        """A counter's movement as evidence."""
        text = f"{name} +{self.delta(name):,} in {self.seconds:.0f} s ({self.rate(name):.3g}/s)"
        return Evidence(text, source or "kernel counters", self.at, f"{self.scope} {self.name}")

    def moved(self, *names: str, source: str) -> Iterator[Evidence]:
        """Those counters that moved."""
        return (self.counter(name, source) for name in filter(self.delta, names))

    def fact(self, text: str, source: str) -> Evidence:
        return Evidence(text, source, self.at, f"{self.scope} {self.name}")


@frozen_with_cache
class Snapshot:
    """Known at `at`: `targets` are what is open, the other rows the cluster's objects."""

    at: float
    targets: tuple[TargetView, ...] = ()
    pods: tuple[PodRow, ...] = ()
    nodes: tuple[NodeRow, ...] = ()
    namespaces: tuple[NamespaceRow, ...] = ()
    services: tuple[ServiceRow, ...] = ()
    slices: tuple[SliceRow, ...] = ()
    policies: tuple[PolicyRow, ...] = ()
    settings: tuple[SettingsRow, ...] = ()
    probes: tuple[ProbeRow, ...] = ()
    ingresses: tuple[IngressRow, ...] = ()
    scaled: tuple[ScaledRow, ...] = ()  # workloads of no replicas
    foreign_policies: tuple[ForeignPolicyRow, ...] = ()
    flips: tuple[ReadinessFlips, ...] = ()
    blind: BlindSpots = NONE  # what could not be read of the cluster
    budget_ms: float | None = None  # of a round trip, where the user sets one
    namespace: str = ""  # that is asked about, with what it depends on; '' for everything

    @cached_property
    def worked_out(self) -> dict[object, Any]:
        """Results that last as long as the snapshot: `per_snapshot` keeps them."""
        return {}

    @cached_property
    def by_address(self) -> dict[str, PodRow]:
        return {ip: pod for pod in self.pods if not pod.host_network for ip in pod.addresses if ip}

    @cached_property
    def service_by_address(self) -> dict[str, ServiceRow]:
        return {ip: service for service in self.services for ip in service.ips}

    @cached_property
    def node_by_address(self) -> dict[str, str]:
        """Of the nodes that are open, every address: bridges and tunnels have their own."""
        found: dict[str, str] = {}
        for view in self.hosts:
            for link in view.links:
                if link.name != "lo":
                    found |= dict.fromkeys(addresses_of(link), view.name)
        return found

    @cached_property
    def node_addresses(self) -> frozenset[str]:
        """Of all nodes, by their objects and by their interfaces."""
        named = (one for node in self.nodes for one in (node.address, *node.addresses))
        return frozenset((*named, *self.node_by_address))

    def in_pod_range(self, address: str) -> bool:
        """Whether an address is of a node's pod CIDR."""
        return any(inside(address, cidr) for node in self.nodes for cidr in node.pod_cidrs)

    @cached_property
    def slices_of(self) -> dict[tuple[str, str], list[SliceRow]]:
        return by_key(self.slices, lambda row: (row.namespace, row.service))

    @cached_property
    def api_server(self) -> frozenset[str]:
        """The addresses of its Service and of its endpoints."""
        services = (row for row in self.services if (row.namespace, row.name) == KUBERNETES)
        rows = self.slices_of.get(KUBERNETES, ())
        return frozenset(
            (*(ip for row in services for ip in row.ips), *(ip for row in rows for ip in row.ready))
        )

    def setting(self, name: str) -> dict[str, str]:
        """The settings of a part of the network, {} where it is not known to be there."""
        return next((dict(row.values) for row in self.settings if row.name == name), {})

    def of_kind(self, *kinds: ViewKind) -> Iterator[TargetView]:
        return (target for target in self.targets if target.kind in kinds and target.values)

    @cached_property
    def counted(self) -> tuple[TargetView, ...]:
        """Whose counters are read; of a network that a pod shares with its open node once."""
        nodes = {host.node for host in self.hosts}
        views = self.of_kind("pod", "node", "local")
        return tuple(view for view in views if not (view.is_of_host and view.node in nodes))

    @cached_property
    def hosts(self) -> tuple[TargetView, ...]:
        """Vantage points in a machine's own network namespace."""
        return tuple(self.of_kind("node", "local"))

    def host(self, subject: Subject) -> TargetView | None:
        """The one that a finding is about."""
        return next((view for view in self.hosts if view.subject == subject), None)

    @cached_property
    def conversations(self) -> tuple[Conversation, ...]:
        """Seen from anywhere; of the same ends the view that saw most."""
        best: dict[tuple[str, str, str, int], Conversation] = {}
        for target in self.targets:
            for one in target.conversations:
                key = (one.protocol, one.client, one.server, one.port)
                if key not in best or best[key].flows < one.flows:
                    best[key] = one
        return tuple(best.values())

    def fact(self, text: str, source: str, scope: str = "") -> Evidence:
        """What a capture shows has as scope where captures see connections."""
        if source.startswith("capture") and not scope:
            seen = (one for one in self.targets if one.conversations or one.paths)
            scope = listed(f"{one.scope} {one.name}" for one in seen)
        return Evidence(text, source, self.at, scope)

    def name(self, address: str) -> str:
        """Whose an address is, as people call it."""
        if pod := self.by_address.get(address):
            return f"{pod.namespace}/{pod.name}"
        if service := self.service_by_address.get(address):
            return f"svc/{service.namespace}/{service.name}"
        node = self._node_at(address)
        return f"node/{node}" if node else address

    def subject(self, address: str, port: int = 0) -> Subject:
        """The pod, Service or node whose an address is, else the address itself."""
        if pod := self.by_address.get(address):
            return pod_subject(pod, port)
        if service := self.service_by_address.get(address):
            return service_subject(service, port)
        if node := self._node_at(address):
            return Subject(kind="node", name=node, port=port)
        return Subject(kind="address", name=address, port=port)

    def workload_subject(self, address: str, port: int = 0) -> Subject:
        """As `subject`, but replicas are one."""
        pod = self.by_address.get(address)
        return workload_subject(pod, port) if pod else self.subject(address, port)

    def _node_at(self, address: str) -> str:
        named = (row.name for row in self.nodes if row.address == address)
        return next(named, "") or self.node_by_address.get(address, "")

    def node_of(self, address: str) -> str:
        pod = self.by_address.get(address)
        return pod.node if pod else self.node_by_address.get(address, "")

    def node_at(self, address: str) -> str:
        """As `node_of`, and the node that has the address by its object; '' for none."""
        return self.node_of(address) or self._node_at(address)

    def workload(self, address: str) -> str:
        """As `name`, but replicas are one."""
        pod = self.by_address.get(address)
        named = f"{pod.namespace}/{workload_name(pod) or pod.name}" if pod else ""
        return named or self.name(address)

    def selected(self, service: ServiceRow) -> list[PodRow]:
        """The pods that its selector matches, without those that have ended."""
        return [pod for pod in self.pods if not pod.ended and service.selects(pod)]

    def probe(self, pod: PodRow) -> ProbeRow | None:
        """What the kubelet said last of a probe of that pod that failed."""
        own = pod.namespace, pod.name
        said = (row for row in self.probes if (row.namespace, row.pod) == own)
        return max(said, key=attrgetter("last"), default=None)

    def slices_behind(self, service: ServiceRow) -> list[SliceRow]:
        return self.slices_of.get((service.namespace, service.name), [])

    def endpoints(self, service: ServiceRow) -> tuple[list[str], list[str]]:
        """(ready, not ready) addresses."""
        rows = self.slices_behind(service)
        return [a for row in rows for a in row.ready], [a for row in rows for a in row.not_ready]


def listed(items: Iterable[str], most: int = 3) -> str:
    """A few names, and how many more there are."""
    names = list(dict.fromkeys(items))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
