"""A node has a route of its own, by a bridge of Docker or libvirt, for an address that others reach
by their default route: what its pods send there never leaves it.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

from collectors.events import RouteRow
from collectors.findings import Evidence, Finding
from collectors.frozen import frozen
from diagnosis.by_key import by_key
from diagnosis.node_routes import network
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._outside import is_outside
from diagnosis.snapshot import Conversation, Snapshot, TargetView

LEAST = Threshold("at least", 3, "connections that fail in 15 s", CONVENTION)
OtherRoute = tuple[TargetView, RouteRow]
RULE = Rule(
    id="local_route",
    title="A node's own bridge has the range of a network outside: its packets never leave it",
    scope="node",
    stage="cause",
    inputs=("links", "capture"),
    symptoms=("connect", "timeout", "nodes"),
    screen="node",
    criterion="the route to an address outside is by a bridge of the node, where nobody has the "
    "address; another node's route to it is by its gateway, or the bridge has no port",
    thresholds=(LEAST,),
    false_friends=("a container of that node has the address, and is down",),
    severity="critical",
    fix_kind="shell",
    verify="ip route get {address} names the gateway",
)
FIX = """# what made {device}, must it have this range? Docker: "bip" and "default-address-pools"
# in /etc/docker/daemon.json; libvirt: virsh net-edit. At once, where nothing uses it:
ip link set {device} down
# or let this address out
ip route add {address} via {gateway}"""


@frozen
class LocalRoute:
    """`host` sends `address` to its own `route`; `elsewhere` are routes of other nodes."""

    host: TargetView
    address: str
    route: RouteRow
    failed: tuple[Conversation, ...]
    elsewhere: tuple[OtherRoute, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the bridge has no port: nobody can be there."""
        return not any(link.master == self.route.device for link in self.host.links)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.hosts:
        for address, talks in _failing(snapshot, host).items():
            route = _by_own_bridge(host, address)
            if route is None or _is_there(host, address, route.device):
                continue
            elsewhere = tuple(_elsewhere(snapshot, host, address))
            found = LocalRoute(host, address, route, tuple(talks), elsewhere)
            if elsewhere or found.is_empty:
                yield _finding(snapshot, found)


def _by_own_bridge(host: TargetView, address: str) -> RouteRow | None:
    """The route to an address, where it is by a bridge of the node and no gateway."""
    route = route_to(host, address)
    if route is None or route.gateway:
        return None
    return route if route.device in host.bridges else None


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What that node's pods send to the address."""
    return talk.server == finding.subject.detail.removeprefix("→ ")


def _failing(snapshot: Snapshot, host: TargetView) -> dict[str, list[Conversation]]:
    """By address outside: conversations of the node's pods that never get an answer."""
    own = (talk for talk in host.conversations if snapshot.node_of(talk.client) == host.node)
    leaving = (talk for talk in own if is_outside(snapshot, talk.server))
    by_address = by_key(leaving, lambda talk: talk.server)
    return {address: talks for address, talks in by_address.items() if _are_failing(talks)}


def _are_failing(talks: list[Conversation]) -> bool:
    failed = sum(talk.unanswered + talk.rejected for talk in talks)
    return failed >= LEAST.value and not any(talk.answered for talk in talks)


def route_to(host: TargetView, address: str) -> RouteRow | None:
    """The most specific route, the default one where no other is; None where none is known."""
    wanted = ip_address(address)
    matching = [
        (found.prefixlen, row)
        for row in host.routes
        if (found := network(_prefix(row, wanted.version))) is not None
        and found.version == wanted.version
        and wanted in found
    ]
    return max(matching, key=lambda pair: pair[0], default=(0, None))[1]


def _prefix(row: RouteRow, version: int) -> str:
    if row.destination != "default":
        return row.destination
    return "0.0.0.0/0" if version == 4 else "::/0"


def _is_there(host: TargetView, address: str, device: str) -> bool:
    """Whether somebody on that bridge answers for the address."""
    return any(
        row.address == address and row.device == device and row.lladdr for row in host.neighbours
    )


def _elsewhere(snapshot: Snapshot, host: TargetView, address: str) -> Iterator[OtherRoute]:
    """Other nodes whose route to it is by a gateway."""
    for other in snapshot.hosts:
        route = route_to(other, address) if other is not host else None
        if route is not None and route.gateway:
            yield other, route


def _answered_at(found: LocalRoute) -> str:
    """Another node whose pods the address answers; '' for none."""
    for other, _ in found.elsewhere:
        if any(talk.server == found.address and talk.answered for talk in other.conversations):
            return other.name
    return ""


def _finding(snapshot: Snapshot, found: LocalRoute) -> Finding:
    host, device = found.host, found.route.device
    answered = _answered_at(found)
    reached = "nothing is connected to it"
    if found.elsewhere:
        reached = "other nodes use a gateway"
    if answered:
        reached = f"{answered} reaches it by its gateway"
    return RULE.finding(
        subject=replace(host.subject, detail=f"→ {found.address}"),
        title=f"{host.name} looks for {found.address} on its own {device} "
        f"({found.route.destination}), where nobody has it: {reached}",
        evidence=_evidence(snapshot, found),
        confidence="certain" if answered else "likely",
        fix=FIX.format(
            device=device,
            address=found.address,
            gateway=next((row.gateway for row in host.routes if row.destination == "default"), "…"),
        ),
        address=found.address,
    )


def _evidence(snapshot: Snapshot, found: LocalRoute) -> Iterator[Evidence]:
    host, route = found.host, found.route
    failed = sum(talk.unanswered + talk.rejected for talk in found.failed)
    said = next((talk.unreachable for talk in found.failed if talk.unreachable), "")
    yield host.fact(f"{failed} connections failed{': ' if said else ''}{said}", "capture")
    yield host.fact(f"{route.destination} dev {route.device}, no gateway", "ip route")
    unresolved = f"no link-layer address of {found.address} on {route.device}"
    yield host.fact(unresolved, "ARP table")
    for other, row in found.elsewhere[:2]:
        text = f"{row.destination} via {row.gateway} dev {row.device}"
        yield snapshot.fact(text, "ip route", f"whole node {other.name}")
