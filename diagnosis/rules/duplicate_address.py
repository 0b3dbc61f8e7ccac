"""Two machines or two pods have one address: packets go to one or the other.

A node's neighbour table says who answers for an address; where it is another than the interface
that has it, somebody else answers. Clouds whose routers answer for every address show one
link-layer address for all: nothing is concluded there.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from collectors.events import LinkRow, NeighbourRow, PodRow
from collectors.findings import Evidence, Finding, Subject, ViewKind
from collectors.frozen import frozen
from diagnosis.addresses import addresses_of
from diagnosis.path_groups import translated
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._node_pairs import between
from diagnosis.rules._per_subject import first_of_each
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed
from diagnosis.subjects import pod_subject
from diagnosis.wire_neighbours import WireNeighbour

CHANGES = Threshold(
    "in a capture alone at least", 3, "changes of the link-layer address in 15 s", CONVENTION
)
FAILING = Threshold("while at least", 3, "connections with the address fail", CONVENTION)
OLDER = Threshold("of pods older than", 20, "s: an address is used again", CONVENTION)
RULE = Rule(
    id="duplicate_address",
    title="Two machines or two pods have one address",
    scope="cluster",
    stage="cause",
    inputs=("pods", "nodes", "links"),
    symptoms=("connect", "timeout", "reset", "nodes"),
    screen="node",
    criterion="two running pods with one address, or a neighbour entry with another link-layer "
    "address than the interface that has the address",
    thresholds=(OLDER, CHANGES, FAILING),
    false_friends=(
        "one of the pods has ended, or its node is gone",
        "a router answers ARP for every address (proxy ARP of a cloud)",
        "an address that moves, as in a failover: it does not come back",
        "a bond that balances what it receives (balance-alb): nothing fails",
    ),
    severity="critical",
    confidence="certain",
    fix_kind="shell",
    verify="ip neigh show {address} on the other nodes is the interface's own",
)


@frozen
class Stranger:
    """A neighbour entry of `host` with another link-layer address than `link`, which has the
    address, has."""

    host: TargetView
    row: NeighbourRow
    link: LinkRow


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for address, pods in _shared(snapshot).items():
        yield _two_pods(snapshot, address, pods)
    if not snapshot.pods:
        yield from first_of_each(_on_the_wire(snapshot))
    seen = set()
    for view in snapshot.of_kind("pod", "node"):
        for address, strangers in _strangers(snapshot, view).items():
            seen.add(address)
            yield _stranger_finding(snapshot, view, address, strangers)
    for host in snapshot.of_kind("node"):
        for rows in _of_one_interface(snapshot, host):
            if seen.isdisjoint(row.address for row in rows):
                yield _one_interface_finding(snapshot, host, rows)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What goes to or comes from that address; to a node's, all of the overlay."""
    if finding.subject.kind == "node":
        others = (node.name for node in snapshot.nodes if node.name != finding.subject.name)
        return any(between(finding.subject.name, other, snapshot, talk) for other in others)
    addresses = finding.subject.detail.split(", ")
    service = snapshot.service_by_address.get(talk.server)
    ready, _ = snapshot.endpoints(service) if service else ([], [])
    seen = {address for address, _ in translated(snapshot, talk.end)}
    return not {talk.client, talk.server, *ready, *seen}.isdisjoint(addresses)


# --- by what a capture alone has


def _on_the_wire(snapshot: Snapshot) -> Iterator[Finding]:
    for view in snapshot.targets:
        for one in view.wire:
            failing = _failing(view, one.address)
            if one.changes >= CHANGES.value and failing >= FAILING.value:
                yield _wire_finding(view, one, failing)


def _failing(view: TargetView, address: str) -> int:
    """Connections with the address that fail."""
    own = (talk for talk in view.conversations if address in (talk.client, talk.server))
    return sum(
        talk.refused + talk.unanswered + talk.server_resets + talk.client_resets for talk in own
    )


def _wire_finding(view: TargetView, one: WireNeighbour, failing: int) -> Finding:
    return RULE.finding(
        subject=Subject(kind="address", name=one.address, detail=one.address),
        title=f"Two or more have the address {one.address}: {listed(one.macs)} say so in turns",
        evidence=(
            view.fact(
                f"{one.address} changed its link-layer address {one.changes} times in 15 s",
                "capture, ARP and neighbour discovery",
            ),
            view.fact(f"{failing} connections with it fail", "capture"),
        ),
        confidence="likely",
        fix=f"# where the bridge has both: which ports are they, and whose?\n"
        f"ip neigh show {one.address}; bridge fdb show | grep -iE '{'|'.join(one.macs[:3])}'",
        address=one.address,
    )


# --- by the objects


def _shared(snapshot: Snapshot) -> Mapping[str, list[PodRow]]:
    """Addresses of several running pods that have an address of their own; a node that is lost
    keeps its pods for a while."""
    lost = {node.name for node in snapshot.nodes if not node.ready}
    pods: dict[str, list[PodRow]] = {}
    for pod in snapshot.pods:
        if _has_own_address(pod) and pod.node not in lost and not _is_young(snapshot, pod):
            for address in {pod.ip, *pod.ips} - {""}:
                pods.setdefault(address, []).append(pod)
    return {address: owners for address, owners in pods.items() if len(owners) > 1}


def _has_own_address(pod: PodRow) -> bool:
    return not pod.host_network and not pod.ended and pod.phase != "Terminating"


def _is_young(snapshot: Snapshot, pod: PodRow) -> bool:
    return snapshot.at - pod.created < OLDER.value


def _two_pods(snapshot: Snapshot, address: str, pods: list[PodRow]) -> Finding:
    names = listed(f"{pod.namespace}/{pod.name} on {pod.node}" for pod in pods)
    youngest = max(pods, key=lambda pod: pod.created)
    return RULE.finding(
        subject=replace(pod_subject(youngest), detail=address),
        title=f"{len(pods)} running pods have the address {address}: {names}",
        evidence=_pod_evidence(snapshot, address, pods),
        fix=f"kubectl -n {youngest.namespace} delete pod {youngest.name}  # it gets another "
        f"address; then the state of the CNI's address management on {youngest.node} "
        "(/var/lib/cni/networks): was it lost, or restored?",
        address=address,
    )


def _pod_evidence(snapshot: Snapshot, address: str, pods: list[PodRow]) -> Iterator[Evidence]:
    for pod in pods[:4]:
        text = f"{pod.namespace}/{pod.name}: podIP {address}, {pod.phase}, node {pod.node}"
        yield snapshot.fact(text, "pods")
    ranges = (f"{node.name} {', '.join(node.pod_cidrs)}" for node in snapshot.nodes)
    yield snapshot.fact(f"ranges of the nodes: {listed(ranges, 4)}", "nodes")


# --- by who answers


def _strangers(snapshot: Snapshot, owner: TargetView) -> Mapping[str, list[Stranger]]:
    """By address of a pod or node that is open: who answers for it elsewhere."""
    if owner.pod is not None and _is_young(snapshot, owner.pod):
        return {}
    found: dict[str, list[Stranger]] = {}
    for address, link in _own(owner):
        for host in snapshot.of_kind("node"):
            if host is owner:
                continue
            for row in _entries(host, address):
                if _is_strange(snapshot, owner, row):
                    found.setdefault(address, []).append(Stranger(host, row, link))
    return found


def _is_strange(snapshot: Snapshot, owner: TargetView, row: NeighbourRow) -> bool:
    """Whether a device answers that is no open owner's: Linux answers for all of its addresses by
    any of its interfaces (ip-sysctl, arp_ignore), and an address may be shared (a virtual one)."""
    owners = (view for view in snapshot.of_kind("pod", "node") if _has(view, row.address))
    known = {link.lladdr for view in owners for link in view.links}
    return row.lladdr.lower() not in known and not _is_proxied(snapshot, owner, row)


def _has(view: TargetView, address: str) -> bool:
    return any(address == own for own, _ in _own(view))


def _own(owner: TargetView) -> Iterator[tuple[str, LinkRow]]:
    """Addresses that others resolve: a pod's, or those of a node's own interfaces."""
    if owner.pod is not None and owner.pod.host_network:
        return
    wanted = {*owner.pod.ips, owner.pod.ip} if owner.pod else None
    for link in owner.links:
        for text in link.addresses if link.lladdr and link.kind != "vxlan" else ():
            address = text.partition("/")[0]
            if wanted is None or address in wanted:
                yield address, link


def _entries(host: TargetView, address: str) -> list[NeighbourRow]:
    """Those of interfaces that broadcast; a tunnel's are written by the CNI's agent."""
    tunnels = {link.name for link in host.links if link.kind in ("vxlan", "geneve")}
    return [
        row
        for row in host.neighbours
        if row.address == address and row.lladdr and row.device not in tunnels
    ]


def _is_proxied(snapshot: Snapshot, owner: TargetView, row: NeighbourRow) -> bool:
    """Whether one device answers for several nodes or pods, as any node sees it, or nobody is seen
    as it is (beside a node: no node; its bridge shows pods as they are under any cloud)."""
    own = _known_pairs(snapshot, "pod", "node")
    alike = {
        other.address
        for view in snapshot.of_kind("node")
        for other in view.neighbours
        if other.lladdr == row.lladdr
    }
    known = {address for address in alike if snapshot.node_at(address)}
    false = {address for address in known if (address, row.lladdr.lower()) not in own}
    near = _known_pairs(snapshot, "node") if owner.kind == "node" else own
    return len(false) > 1 or not _is_anybody_true(snapshot, near)


def _known_pairs(snapshot: Snapshot, *kinds: ViewKind) -> set[tuple[str, str]]:
    """Addresses of what is open, with the link-layer addresses of its interfaces."""
    return {
        (address, link.lladdr)
        for view in snapshot.of_kind(*kinds)
        for address, _ in _own(view)
        for link in view.links
    }


def _is_anybody_true(snapshot: Snapshot, own: set[tuple[str, str]]) -> bool:
    """Whether some open node or pod is seen elsewhere with its own link-layer address."""
    return any(
        (row.address, row.lladdr.lower()) in own
        for host in snapshot.of_kind("node")
        for row in host.neighbours
        if row.address not in _addresses(host)
    )


def _addresses(host: TargetView) -> set[str]:
    return {address for link in host.links for address in addresses_of(link)}


def _stranger_finding(
    snapshot: Snapshot, owner: TargetView, address: str, strangers: list[Stranger]
) -> Finding:
    first = strangers[0]
    name = owner.name
    seen_by = listed(one.host.name for one in strangers)
    lladdr = first.row.lladdr
    return RULE.finding(
        subject=Subject(
            kind=owner.subject.kind,
            namespace=owner.subject.namespace,
            name=owner.subject.name,
            detail=address,
        ),
        title=f"Another device answers for {address}, the address of {name}: {seen_by} sends to "
        f"{lladdr}, which {name} does not have",
        evidence=_stranger_evidence(snapshot, owner, strangers),
        confidence="certain",
        fix=f"# on {first.host.name}: who is {lladdr}?\n"
        f"bridge fdb show | grep -i {lladdr}; ip neigh | grep -i {lladdr}\n"
        "# remove the address from that device; meanwhile, forget the entry:\n"
        f"ip neigh flush to {address} dev {first.row.device}",
        address=address,
    )


def _stranger_evidence(
    snapshot: Snapshot, owner: TargetView, strangers: list[Stranger]
) -> Iterator[Evidence]:
    for one in strangers[:3]:
        text = f"{one.row.address} on {one.row.device} is at {one.row.lladdr}"
        yield one.host.fact(text, "ARP table" if "." in one.row.address else "ip -6 neigh")
    link = strangers[0].link
    yield owner.fact(f"{link.name} has {link.lladdr}", "ip link")
    if whose := _whose(snapshot, strangers[0].row.lladdr):
        yield snapshot.fact(f"{strangers[0].row.lladdr} is that of {whose}", "links")


# --- by two addresses at one interface


def _of_one_interface(snapshot: Snapshot, host: TargetView) -> Iterator[list[NeighbourRow]]:
    """Entries of several pods of a node that are at one link-layer address: on a bridge each pod
    has its own."""
    rows: dict[str, list[NeighbourRow]] = {}
    for row in _on_bridges(host):
        pod = snapshot.by_address.get(row.address)
        if pod is not None and pod.node == host.node:
            rows.setdefault(row.lladdr, []).append(row)
    for found in rows.values():
        if len({snapshot.by_address[row.address].uid for row in found}) > 1:
            yield found


def _on_bridges(host: TargetView) -> Iterator[NeighbourRow]:
    bridges = host.bridges
    return (row for row in host.neighbours if row.lladdr and row.device in bridges)


def _one_interface_finding(
    snapshot: Snapshot, host: TargetView, rows: list[NeighbourRow]
) -> Finding:
    """Which of them is the false one is not known: no pod's own interface is."""
    addresses = sorted(row.address for row in rows)
    pods = [snapshot.by_address[address] for address in addresses]
    names = listed(f"{pod.namespace}/{pod.name}" for pod in pods)
    lladdr = rows[0].lladdr
    return RULE.finding(
        subject=replace(host.subject, kind="address", name=host.name, detail=", ".join(addresses)),
        title=f"One interface of {host.name} answers for {len(pods)} pods: {names}",
        evidence=(host.fact(f"{', '.join(addresses)} are at {lladdr}", "ARP table"),),
        fix=f"# on {host.name}: the bridge's port of {lladdr}, and the pod behind it\n"
        f"bridge fdb show | grep -i {lladdr}\n"
        "# in the pods: which has an address that is not its own?\n"
        + "\n".join(f"kubectl -n {p.namespace} exec {p.name} -- ip addr" for p in pods[:4]),
        address=addresses[0],
    )


def _whose(snapshot: Snapshot, lladdr: str) -> str:
    """A pod or node that is open, or an address that nobody here has; '' where that is unknown."""
    for view in snapshot.of_kind("pod", "node"):
        if any(link.lladdr == lladdr.lower() for link in view.links):
            return view.name
    others = (
        row.address
        for host in snapshot.of_kind("node")
        for row in host.neighbours
        if row.lladdr == lladdr and not snapshot.node_at(row.address)
    )
    return listed(others)
