"""Connections that last stay on the endpoint that they were opened to: endpoints that came later
get none. A Service's translation chooses an endpoint for each connection, not for each request.

Source: https://kubernetes.io/blog/2018/11/07/grpc-load-balancing-on-kubernetes-without-tears/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from math import comb, exp, lgamma, log

from collectors.events import ConntrackGroup, ServicePort, ServiceRow
from collectors.findings import Evidence, Finding
from collectors.frozen import frozen
from diagnosis.path_groups import endpoint_text
from diagnosis.paths import PathRow
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._service_paths import endpoints
from diagnosis.snapshot import Snapshot, listed
from diagnosis.subjects import service_subject

LEAST = Threshold("at least", 10, "open connections", CONVENTION)
SHARE = Threshold("from", 90, "% of them", CONVENTION)
MINORITY = Threshold("on up to", 50, "% of the ready endpoints", CONVENTION)
CHANCE = Threshold("by chance in less than", 0.1, "% of cases", CONVENTION)
LOAD = Threshold("warning from", 500, "segments in 15 s on them", CONVENTION)
IDLE = Threshold(
    "below that silent", 15, "segments of each in 15 s, where a node's capture has them", CONVENTION
)
FRESH = Threshold("below that silent where the others are younger than", 300, "s", CONVENTION)
RULE = Rule(
    id="pinned",
    title="Open connections stay on a few of a Service's endpoints, others are idle",
    scope="Service",
    stage="cause",
    inputs=("conntrack", "Services", "pods", "capture"),
    symptoms=("slow", "load"),
    screen="conntrack",
    criterion="established conntrack entries by the endpoint that they lead to",
    thresholds=(LEAST, SHARE, MINORITY, CHANCE, LOAD, IDLE, FRESH),
    false_friends=(
        "clients are meant to stay (sessionAffinity, the same zone, a leader)",
        "connections are short, and new ones go to all endpoints",
        "they are idle, as websockets that send a ping from time to time: no work is uneven",
    ),
    confidence="likely",
    fix="Let the clients balance by themselves: for gRPC a headless Service and round_robin, or a "
    "mesh that balances by request. Or end connections on the server after a while "
    "(MAX_CONNECTION_AGE of gRPC): clients connect again, to any endpoint",
    verify="conntrack -L -p tcp --orig-dst {address} has entries for each endpoint",
)
LOCAL = "Local"
SOURCE_HASHING = "sh"  # IPVS: a client's address decides


@frozen
class PinnedPort:
    """`counts` are open connections by ready endpoint, `busy` those that have nearly all of them.
    `load` are segments of the last 15 s on the busy ones."""

    service: ServiceRow
    port: ServicePort
    counts: Mapping[str, int]
    busy: tuple[str, ...]
    load: int
    source: str

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def on_busy(self) -> int:
        return sum(self.counts[end] for end in self.busy)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    if not any(host.conntrack_groups for host in snapshot.hosts) or _hashes_sources(snapshot):
        return
    for service in snapshot.services:
        if not _prefers_some(snapshot, service):
            for port in service.targets:
                if port.protocol == "TCP":
                    yield from _of_port(snapshot, service, port)


def _hashes_sources(snapshot: Snapshot) -> bool:
    return SOURCE_HASHING in snapshot.setting("kube-proxy").values()


def _prefers_some(snapshot: Snapshot, service: ServiceRow) -> bool:
    """Whether not every client may get every endpoint, by design."""
    rows = snapshot.slices_behind(service)
    has_hints = any(endpoint.hints for row in rows for endpoint in row.endpoints)
    is_local = LOCAL in (service.internal_policy, service.external_policy)
    return bool(service.affinity or service.distribution) or is_local or has_hints


def _of_port(snapshot: Snapshot, service: ServiceRow, port: ServicePort) -> Iterator[Finding]:
    ready, _ = snapshot.endpoints(service)
    known = {address for address, _ in endpoints(snapshot, service, port)} & set(ready)
    entries = list(_entries(snapshot, service, port)) if len(known) > 1 else []
    counts: Counter[str] = Counter(dict.fromkeys(known, 0))
    for _, entry in entries:
        if entry.reply_source in known:
            counts[entry.reply_source] += entry.count
    busy = _busy(counts)
    if busy and not any(_is_used(snapshot, end, entries) for end in known - set(busy)):
        load, source = _load(snapshot, busy), entries[0][0]
        pinned = PinnedPort(service, port, counts, busy=busy, load=load, source=source)
        is_light = _are_idle(snapshot, pinned) or _are_fresh(snapshot, known - set(busy))
        if load >= LOAD.value or not is_light:
            yield _finding(snapshot, pinned)


def _entries(
    snapshot: Snapshot, service: ServiceRow, port: ServicePort
) -> Iterator[tuple[str, ConntrackGroup]]:
    """Open connections of pods that are there, with where the table was read."""
    for host in snapshot.hosts:
        for entry in host.conntrack_groups:
            is_open = (entry.protocol, entry.state, entry.replied) == ("tcp", "ESTABLISHED", True)
            is_asked = entry.destination in service.ips and entry.port == port.number
            if is_open and is_asked and entry.source in snapshot.by_address:
                yield host.conntrack.source if host.conntrack else "", entry


def _is_used(snapshot: Snapshot, end: str, asked: list[tuple[str, ConntrackGroup]]) -> bool:
    """Whether pods of nodes that are not open have as many connections with an endpoint, as its own
    node sees them: it is not idle."""
    open_nodes = {host.node for host in snapshot.hosts}
    count = sum(
        entry.count
        for host in snapshot.hosts
        for entry in host.conntrack_groups
        if (entry.destination, entry.protocol, entry.state) == (end, "tcp", "ESTABLISHED")
        and entry.source in snapshot.by_address
        and snapshot.node_of(entry.source) not in open_nodes
    )
    return count > 0 and count * 2 >= sum(entry.count for _, entry in asked)


def _busy(counts: Counter[str]) -> tuple[str, ...]:
    """The fewest endpoints that have nearly all connections, where that is no chance."""
    total, most = sum(counts.values()), int(len(counts) * MINORITY.value / 100)
    for number in range(1, most + 1) if total >= LEAST.value else ():
        found = counts.most_common(number)
        on_them = sum(count for _, count in found)
        if 100 * on_them < SHARE.value * total:
            continue
        if 100 * _chance(on_them, total, number, len(counts)) < CHANCE.value:
            return tuple(end for end, _ in found)
    return ()


def _chance(on_them: int, total: int, number: int, of: int) -> float:
    """An upper bound of the probability that so many of all connections are on some `number` of
    the endpoints, where each is chosen by chance."""
    choices = lgamma(total + 1) - lgamma(on_them + 1) - lgamma(total - on_them + 1)
    return comb(of, number) * exp(min(0.0, choices + on_them * log(number / of)))


def _load(snapshot: Snapshot, busy: tuple[str, ...]) -> int:
    """Segments with data, as the node saw most of them. Connections were open before the capture:
    which end is the server's is a guess."""
    by_node = (
        sum(_segments(row) for row in host.paths if _ends(row) & set(busy))
        for host in snapshot.hosts
    )
    return max(by_node, default=0)


def _are_idle(snapshot: Snapshot, pinned: PinnedPort) -> bool:
    is_seen = any(host.paths for host in snapshot.hosts)
    return is_seen and pinned.load < IDLE.value * pinned.on_busy


def _ends(row: PathRow) -> set[str]:
    return {row.client, row.sent_as, row.asked, row.endpoint}


def _segments(row: PathRow) -> int:
    both = row.to_server, row.to_client
    return sum(max(one.entered.data, one.left.data) for one in both)


def _are_fresh(snapshot: Snapshot, idle: set[str]) -> bool:
    """Whether each of the idle endpoints came a while ago only."""
    pods = [snapshot.by_address.get(end) for end in idle]
    return all(pod is not None and snapshot.at - pod.created < FRESH.value for pod in pods)


# --- in words


def _finding(snapshot: Snapshot, pinned: PinnedPort) -> Finding:
    busy = listed(endpoint_text(snapshot, end, 0) for end in pinned.busy)
    return RULE.finding(
        subject=service_subject(pinned.service, pinned.port.number),
        severity="warning" if pinned.load >= LOAD.value else "info",
        title=f"{pinned.on_busy} of {pinned.total} open connections are on {busy}, "
        f"{len(pinned.busy)} of {len(pinned.counts)} endpoints: the others are idle",
        evidence=_evidence(snapshot, pinned),
        address=pinned.service.ips[0],
    )


def _evidence(snapshot: Snapshot, pinned: PinnedPort) -> Iterator[Evidence]:
    counts = sorted(pinned.counts.items(), key=lambda one: -one[1])
    texts = (f"{endpoint_text(snapshot, end, 0)}: {count}" for end, count in counts)
    yield snapshot.fact(f"open connections: {listed(texts, 5)}", pinned.source)
    if pinned.load:
        share = f"{pinned.load:,} segments of them in 15 s"
        yield snapshot.fact(share, "capture")
    if (older := _seconds_older(snapshot, pinned)) > 0:
        yield snapshot.fact(f"they were there {older:.0f} s before each of the others", "pods")


def _seconds_older(snapshot: Snapshot, pinned: PinnedPort) -> float:
    """By how much the busy endpoints' pods are older than all others; 0 where they are not, or
    nobody knows."""
    created = {end: pod.created for end in pinned.counts if (pod := snapshot.by_address.get(end))}
    if len(created) < len(pinned.counts):
        return 0.0
    last = max(created[end] for end in pinned.busy)
    first = min(at for end, at in created.items() if end not in pinned.busy)
    return max(0.0, first - last)
