"""Nothing of the overlay crosses between two nodes: packets for pods leave one and none comes to
the other, while its tables are right.

A filter between them or on one of them passes other traffic and not the overlay's: UDP 8472 or 4789
of VXLAN, 6081 of Geneve, protocol 4 of IPIP, 51820 of WireGuard.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from collectors.events import LinkRow
from collectors.findings import Evidence, Finding
from collectors.frozen import frozen
from diagnosis.comparable_captures import why_not_comparable
from diagnosis.node_crossings import seen_between
from diagnosis.node_routes import PodRoute, pod_route
from diagnosis.overlays import overlays, tunnel_fields
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules import missing_fdb, missing_route, neighbour, stale_vtep, wrong_fdb
from diagnosis.rules._node_pairs import between, pair_of, pairs_subject
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed

LEAST = Threshold("at least", 5, "packets that leave a node, and none that comes", CONVENTION)
RULE = Rule(
    id="overlay_blocked",
    title="Nothing of the overlay crosses between two nodes: a filter drops it",
    scope="node",
    stage="cause",
    inputs=("capture", "links", "nodes"),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="node",
    criterion="captures on both nodes, routes over an overlay device, and entries for it that are "
    "right",
    thresholds=(LEAST,),
    false_friends=("eBPF hands packets on where a capture does not see them",),
    severity="critical",
    fix_kind="shell",
    verify="packets of {device} come to {other}",
)
TABLES = (missing_fdb, missing_route, neighbour, stale_vtep, wrong_fdb)
TRANSPORTS = {
    "vxlan": "UDP port {port}",
    "geneve": "UDP port {port}",
    "wireguard": "UDP port 51820",
    "ipip": "IP protocol 4",
    "sit": "IP protocol 41",
    "gre": "IP protocol 47",
}
PORTS = {"vxlan": "8472 or 4789", "geneve": "6081"}  # where the device does not say it


@frozen
class Crossing:
    """Packets of pods from one node to another: that left, in all and in the last two spans of 5 s;
    that came, in the whole window and since those began."""

    left: int = 0
    lately: tuple[int, int] = (0, 0)
    entered: int = 0
    entered_lately: int = 0

    @property
    def left_lately(self) -> int:
        return sum(self.lately)


@frozen
class BlockedPair:
    one: TargetView
    other: TargetView
    there: Crossing
    back: Crossing
    link: LinkRow

    @property
    def is_silent(self) -> bool:
        """Whether enough left, and nothing came: never, or no longer. Both spans count, so that
        clocks that differ by seconds, and what is sent in bursts, do not look so."""
        if not self.there.entered + self.back.entered:
            return self.there.left + self.back.left >= LEAST.value
        return self.is_silent_lately

    @property
    def is_silent_lately(self) -> bool:
        if self.there.entered_lately + self.back.entered_lately:
            return False
        spans = [sum(both) for both in zip(self.there.lately, self.back.lately, strict=True)]
        return all(spans) and sum(spans) >= LEAST.value

    @property
    def names(self) -> set[str]:
        return {self.one.name, self.other.name}


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    pairs = _blocked(snapshot)
    if pairs:
        yield _finding(snapshot, pairs)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    return any(
        between(pair.one.name, pair.other.name, snapshot, talk) for pair in _blocked(snapshot)
    )


@once_per_snapshot
def _blocked(snapshot: Snapshot) -> list[BlockedPair]:
    return [] if snapshot.setting("cilium") else list(_silent_pairs(snapshot))


def _silent_pairs(snapshot: Snapshot) -> Iterator[BlockedPair]:
    known = [set(pair_of(one)) for rule in TABLES for one in rule.evaluate(snapshot)]
    nodes = (view for view in snapshot.of_kind("node") if not why_not_comparable(view))
    views = [view for view in nodes if view.paths and overlays(view)]
    for one, other in combinations(views, 2):
        there, back = _crossing(snapshot, one, other), _crossing(snapshot, other, one)
        device = _device(snapshot, one, other)
        if device is None:
            continue
        pair = BlockedPair(one, other, there, back, device)
        if pair.is_silent and pair.names not in known:
            yield pair


def _device(snapshot: Snapshot, one: TargetView, other: TargetView) -> LinkRow | None:
    """The overlay by which the first reaches the other's pods; None where one of them routes
    natively: a tunnel that a module or a CNI of before left is on no path."""
    there, back = _route(snapshot, one, other), _route(snapshot, other, one)
    if any(route is not None and not route.overlay for route in (there, back)):
        return None
    device = there.route.device if there is not None else ""
    links = overlays(one)
    return next((link for link in links if link.name == device), links[0])


def _route(snapshot: Snapshot, here: TargetView, there: TargetView) -> PodRoute | None:
    nodes = (node for node in snapshot.nodes if node.name == there.node)
    node = next(nodes, None)
    return pod_route(snapshot, here, node) if node is not None else None


def _crossing(snapshot: Snapshot, one: TargetView, other: TargetView) -> Crossing:
    left = seen_between(snapshot, one, one.node, other.node)
    entered = seen_between(snapshot, other, one.node, other.node, masqueraded=True)
    return Crossing(
        left.complete_left.total, left.latest_left, entered.entered.total, entered.latest_entered
    )


# --- in words


def _finding(snapshot: Snapshot, pairs: list[BlockedPair]) -> Finding:
    first = pairs[0]
    link = first.link
    return RULE.finding(
        subject=pairs_subject([pair.names for pair in pairs]),
        title=f"Nothing of the overlay crosses between {_between(pairs)}: packets leave by "
        f"{link.name} and never come to the other node",
        evidence=tuple(_evidence(pairs)),
        confidence="likely",
        fix=_fix(link, pairs),
        device=link.name,
        other=first.other.name,
    )


def _between(pairs: Iterable[BlockedPair]) -> str:
    return listed(" and ".join(sorted(pair.names)) for pair in pairs)


def _evidence(pairs: list[BlockedPair]) -> Iterator[Evidence]:
    for pair in pairs[:3]:
        for here, there, crossing in (
            (pair.one, pair.other, pair.there),
            (pair.other, pair.one, pair.back),
        ):
            left, when = _said(pair, crossing)
            text = f"{left} packets left for pods of {there.name}{when}, none came there"
            if left:
                yield here.fact(text, "captures of both nodes")
        entry = f"neighbour entries, routes and forwarding entries towards {pair.other.name} exist"
        yield pair.one.fact(entry, "ip, bridge")


def _said(pair: BlockedPair, crossing: Crossing) -> tuple[int, str]:
    """Packets that left, and when."""
    if pair.is_silent_lately:
        return crossing.left_lately, " in 10 s"
    return crossing.left, ""


def _transport(link: LinkRow) -> str:
    port = tunnel_fields(link).get("port") or PORTS.get(link.kind, "")
    return TRANSPORTS[link.kind].format(port=port)


def _fix(link: LinkRow, pairs: list[BlockedPair]) -> str:
    wanted = _transport(link)
    return (
        f"# allow {wanted} between the nodes: security groups, firewalls between them and on them\n"
        f"# does it come to {pairs[0].other.name}?\n"
        f"tcpdump -ni any -c 10 {_filter(wanted)}\n"
        "nft list ruleset | grep -nE 'drop|reject'; iptables-save -c | grep -E 'DROP|REJECT'"
    )


def _filter(wanted: str) -> str:
    """As tcpdump filters it."""
    if wanted.startswith("IP protocol"):
        return f"ip proto {wanted.rpartition(' ')[2]}"
    ports = wanted.removeprefix("UDP port ").split(" or ")
    return "'" + " or ".join(f"udp port {port}" for port in ports) + "'"
