"""What rules look at: one moment of everything that is known, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

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
    ServiceRow,
    SettingsRow,
    SliceRow,
)
from collectors.findings import Evidence, Subject
from collectors.frozen import frozen
from collectors.sockets.rows import SocketRow
from diagnosis.reachability.blind_spots import NONE, BlindSpots
from diagnosis.subjects import pod_subject, service_subject, workload_subject

WINDOW_S = 15.0  # what rates are of


@frozen
class Conversation:
    """Flows of the last 15 s between a client address and a port of a server, added up. Times are
    milliseconds.

    Where packets are lost: of the unanswered, `stopped` are those whose SYN came into this network
    namespace and did not leave it, `passed` those whose SYN did. Of handshakes that were not
    completed, `answers_stopped` and `answers_passed` say the same of the server's answer.
    """

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
    stopped: int = 0
    passed: int = 0
    answers_stopped: int = 0
    answers_passed: int = 0
    client_resets: int = 0  # after data
    server_resets: int = 0
    segments: int = 0
    retransmitted: int = 0
    stuck: int = 0  # flows whose full-size segments are retransmitted after timeouts
    client_zero_windows: int = 0
    server_zero_windows: int = 0
    slow: int = 0  # answers later than a second, or far later than the path needs
    slowest_ms: float = 0.0
    rtt_ms: float | None = None
    opened: float = 0.0  # when the last one that was answered began


@frozen
class DnsSummary:
    """DNS of the last 15 s, or of the `seconds` that are remembered. Latencies are milliseconds;
    `missing` is client to names that do not exist."""

    seconds: float = 0.0
    asked: int = 0
    answered: int = 0
    unanswered: int = 0
    retried: int = 0
    truncated: int = 0
    codes: Mapping[str, int] = field(default_factory=dict)
    searched: int = 0  # questions that were asked with two search domains before, or more
    median_ms: float | None = None
    late: int = 0  # answers that came 4.5 to 5.5 s after the question: a resolver's timeout
    names: tuple[str, ...] = ()  # that are answered NXDOMAIN most
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    servers: tuple[str, ...] = ()


@dataclass(frozen=True)
class TargetView:
    """A vantage point. `deltas` are changes of counters over `seconds`; a counter that was reset is
    not in them."""

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
    ports_used: tuple[tuple[str, int], ...] = ()  # destination, local ports in use towards it
    network: NetworkState | None = None
    conntrack: ConntrackTable | None = None
    rules: RuleTables | None = None
    conversations: tuple[Conversation, ...] = ()
    lookups: DnsSummary | None = None

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
    def routes(self) -> tuple[RouteRow, ...]:
        return self.network.routes if self.network else ()

    @property
    def neighbours(self) -> tuple[NeighbourRow, ...]:
        return self.network.neighbours if self.network else ()

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

    def fact(self, text: str, source: str) -> Evidence:
        return Evidence(text, source, self.at, f"{self.scope} {self.name}")


@dataclass(frozen=True)
class Snapshot:
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
    foreign_policies: tuple[ForeignPolicyRow, ...] = ()
    blind: BlindSpots = NONE  # what could not be read of the cluster
    budget_ms: float | None = None  # of a round trip, where the user sets one

    @cached_property
    def by_address(self) -> dict[str, PodRow]:
        return {
            ip: pod
            for pod in self.pods
            if not pod.host_network
            for ip in (pod.ips or (pod.ip,))
            if ip
        }

    @cached_property
    def service_by_address(self) -> dict[str, ServiceRow]:
        return {ip: service for service in self.services for ip in service.ips}

    @cached_property
    def node_by_address(self) -> dict[str, str]:
        """Of the nodes that are open, every address: bridges and tunnels have their own."""
        states = ((view.name, view.network) for view in self.hosts if view.network is not None)
        links = (
            (name, link) for name, state in states for link in state.links if link.name != "lo"
        )
        return {
            address.partition("/")[0]: name for name, link in links for address in link.addresses
        }

    @cached_property
    def slices_of(self) -> dict[tuple[str, str], list[SliceRow]]:
        found: dict[tuple[str, str], list[SliceRow]] = {}
        for row in self.slices:
            found.setdefault((row.namespace, row.service), []).append(row)
        return found

    def setting(self, name: str) -> dict[str, str]:
        """The settings of a part of the network, {} where it is not known to be there."""
        return next((dict(row.values) for row in self.settings if row.name == name), {})

    def of_kind(self, *kinds: str) -> Iterator[TargetView]:
        return (target for target in self.targets if target.kind in kinds and target.values)

    @cached_property
    def counted(self) -> tuple[TargetView, ...]:
        """Vantage points whose counters are read."""
        return tuple(self.of_kind("pod", "node", "local"))

    @cached_property
    def hosts(self) -> tuple[TargetView, ...]:
        """Vantage points in a machine's own network namespace."""
        return tuple(self.of_kind("node", "local"))

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

    def workload(self, address: str) -> str:
        """As `name`, but replicas are one."""
        pod = self.by_address.get(address)
        return (
            f"{pod.namespace}/{pod.workload.partition('/')[2] or pod.name}"
            if pod
            else self.name(address)
        )

    def selected(self, service: ServiceRow) -> list[PodRow]:
        """The pods that its selector matches, without those that have ended."""
        wanted = set(service.selector)
        own = (p for p in self.pods if p.namespace == service.namespace and not p.ended)
        return [p for p in own if wanted <= set(p.labels)] if wanted else []

    def probe(self, pod: PodRow) -> ProbeRow | None:
        """What the kubelet said last of a probe of that pod that failed."""
        said = [
            row for row in self.probes if row.namespace == pod.namespace and row.pod == pod.name
        ]
        return max(said, key=lambda row: row.last, default=None)

    def endpoints(self, service: ServiceRow) -> tuple[list[str], list[str]]:
        """(ready, not ready) addresses."""
        rows = self.slices_of.get((service.namespace, service.name), ())
        return [a for row in rows for a in row.ready], [a for row in rows for a in row.not_ready]


def listed(items: Iterable[str], most: int = 3) -> str:
    """A few names, and how many more there are."""
    names = list(dict.fromkeys(items))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
