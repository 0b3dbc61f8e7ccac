"""NetworkPolicy v1 verdicts: may A talk to B on a port, and which policy decides. Pure, over rows of the inventory.

Semantics are those of the API's documentation (networking.k8s.io/v1) and of its defaulting. Where the API leaves it to
the plugin, what most plugins do: policies see addresses and ports after Service translation; ipBlock matches the
addresses of pods, too; pods on the host's network are the node and are not selected.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Literal

from collectors.events import ContainerPort, NamespaceRow, PodRow, PolicyRow
from collectors.frozen import frozen
from diagnosis.reachability import selectors
from diagnosis.reachability.selectors import Matcher

Side = Literal["egress", "ingress"]
Network = IPv4Network | IPv6Network
NAME_LABEL = "kubernetes.io/metadata.name"


@frozen
class Party:
    """One end: a pod, or an address outside. `node` is where it runs; host-network pods are their node."""

    name: str
    ips: tuple[str, ...] = ()
    namespace: str = ""
    labels: Mapping[str, str] | None = None  # None: not a pod
    namespace_labels: Mapping[str, str] | None = None
    ports: tuple[ContainerPort, ...] = ()
    node: str = ""
    host: bool = False

    @property
    def selectable(self) -> bool:
        return self.labels is not None and not self.host


@frozen
class Decision:
    """What decides a side: the policy and the rule's number (from 0) that allows; without a rule, the policy that
    isolates and lets nothing through; without a policy, that none selects."""

    side: Side
    allowed: bool
    policy: str = ""  # NAMESPACE/NAME
    rule: int | None = None
    reason: str = ""


@frozen
class Verdict:
    allowed: bool
    egress: Decision
    ingress: Decision

    @property
    def decided_by(self) -> Decision:
        """The side that denies; else the one in which a policy allows."""
        if not self.egress.allowed:
            return self.egress
        if not self.ingress.allowed:
            return self.ingress
        return self.ingress if self.ingress.policy else self.egress


@frozen
class Port:
    """A port of a rule. `number` None and `name` '': every port of the protocol. `last` is endPort."""

    protocol: str
    number: int | None = None
    last: int | None = None
    name: str = ""

    def admits(self, number: int, protocol: str, named: Iterable[ContainerPort]) -> bool:
        """`named` are the destination pod's ports: a name stands for its number there."""
        if self.protocol != protocol:
            return False
        if self.name:
            return any(
                p.name == self.name and p.protocol == protocol and p.number == number for p in named
            )
        if self.number is None:
            return True
        return self.number <= number <= (self.last if self.last is not None else self.number)


@frozen
class PolicyPeer:
    """One entry of `from` or `to`."""

    pods: Matcher | None = None
    namespaces: Matcher | None = None
    block: Network | None = None
    holes: tuple[Network, ...] = ()

    def admits(self, party: Party, own_namespace: str) -> bool:
        if self.block is not None:
            return any(
                _inside(ip, self.block) and not any(_inside(ip, h) for h in self.holes)
                for ip in party.ips
            )
        if not party.selectable or (self.pods is None and self.namespaces is None):
            return False
        if self.namespaces is None:
            if party.namespace != own_namespace:
                return False
        elif not self.namespaces(party.namespace_labels or {}):
            return False
        return self.pods is None or self.pods(party.labels or {})


@frozen
class PolicyRule:
    """`peers` or `ports` None: all of them."""

    peers: tuple[PolicyPeer, ...] | None
    ports: tuple[Port, ...] | None

    def admits_peer(self, party: Party, own_namespace: str) -> bool:
        return self.peers is None or any(peer.admits(party, own_namespace) for peer in self.peers)

    def admits_port(self, number: int, protocol: str, named: Iterable[ContainerPort]) -> bool:
        return self.ports is None or any(
            port.admits(number, protocol, named) for port in self.ports
        )


@frozen
class Policy:
    namespace: str
    name: str
    pods: Matcher
    rules: Mapping[Side, tuple[PolicyRule, ...]]  # of the sides in which it isolates
    spec: Mapping[str, Any]

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    def selects(self, party: Party, side: Side) -> bool:
        return (
            side in self.rules
            and party.namespace == self.namespace
            and party.selectable
            and self.pods(party.labels or {})
        )


def _inside(address: str, network: Network) -> bool:
    try:
        return ip_address(address) in network
    except ValueError:
        return False


# --- from the API's objects


def _networks(texts: Iterable[object]) -> tuple[Network, ...]:
    found = []
    for text in texts:
        try:
            found.append(ip_network(str(text), strict=False))
        except ValueError:
            continue
    return tuple(found)


def _peer(entry: Mapping[str, Any]) -> PolicyPeer:
    if isinstance(block := entry.get("ipBlock"), Mapping):
        network = _networks([block.get("cidr")])
        return (
            PolicyPeer(block=network[0], holes=_networks(block.get("except") or ()))
            if network
            else PolicyPeer()
        )
    pods, namespaces = (
        entry.get("podSelector"),
        entry.get("namespaceSelector"),
    )  # null is as missing, {} is not
    return PolicyPeer(
        selectors.compiled(pods) if pods is not None else None,
        selectors.compiled(namespaces) if namespaces is not None else None,
    )


def _port(entry: Mapping[str, Any]) -> Port:
    protocol, wanted = str(entry.get("protocol") or "TCP"), entry.get("port")
    if wanted is None:
        return Port(protocol)
    if isinstance(wanted, int) or str(wanted).isdecimal():
        last = entry.get("endPort")
        return Port(protocol, int(wanted), int(last) if last is not None else None)
    return Port(protocol, name=str(wanted))


def _rules(entries: object, peers: str) -> tuple[PolicyRule, ...]:
    found = []
    for entry in entries if isinstance(entries, Sequence) else ():
        entry = entry if isinstance(entry, Mapping) else {}
        who, ports = entry.get(peers), entry.get("ports")
        found.append(
            PolicyRule(
                tuple(_peer(p) for p in who) if who else None,
                tuple(_port(p) for p in ports) if ports else None,
            )
        )
    return tuple(found)


def policy(row: PolicyRow) -> Policy:
    """A policy ready to be asked. policyTypes that are not given are inferred as the API server does."""
    spec = json.loads(row.spec)
    types = spec.get("policyTypes") or (
        ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    )
    rules: dict[Side, tuple[PolicyRule, ...]] = {}
    if "Ingress" in types:
        rules["ingress"] = _rules(spec.get("ingress"), "from")
    if "Egress" in types:
        rules["egress"] = _rules(spec.get("egress"), "to")
    return Policy(
        row.namespace, row.name, selectors.compiled(spec.get("podSelector") or {}), rules, spec
    )


def policies(rows: Iterable[PolicyRow]) -> list[Policy]:
    """In the order of their names, so that the same one is always named."""
    return sorted((policy(row) for row in rows), key=lambda p: (p.namespace, p.name))


def namespace_labels(rows: Iterable[NamespaceRow]) -> dict[str, dict[str, str]]:
    return {row.name: {NAME_LABEL: row.name, **dict(row.labels)} for row in rows}


def party_of(pod: PodRow, namespaces: Mapping[str, Mapping[str, str]]) -> Party:
    labels = namespaces.get(pod.namespace) or {NAME_LABEL: pod.namespace}
    ips = pod.ips or ((pod.ip,) if pod.ip else ())
    name, own = f"{pod.namespace}/{pod.name}", dict(pod.labels)
    return Party(name, ips, pod.namespace, own, labels, pod.ports, pod.node, pod.host_network)


def port_number(pod: PodRow, port: str, protocol: str = "") -> int | None:
    """The number that a port, given by number or by the name that a container has for it, stands for at a pod; None
    where none names it. Without a protocol a name of any counts."""
    if port.isdecimal():
        return int(port)
    return next(
        (
            p.number
            for p in pod.ports
            if p.name == port and (not protocol or p.protocol == protocol)
        ),
        None,
    )


# --- verdicts


def over(party: Party, six: bool) -> Party:
    """With its addresses of IPv6, or of IPv4, alone."""
    return replace(party, ips=tuple(ip for ip in party.ips if (":" in ip) == six))


def family(source: Party, target: Party) -> bool | None:
    """Which a connection uses, True for IPv6: the first of the source's that the target has, too; None where there is
    none, or nothing to choose."""
    own, theirs = {":" in ip for ip in source.ips}, {":" in ip for ip in target.ips}
    if len(own) < 2 and len(theirs) < 2:
        return None
    return next((six for ip in source.ips if (six := ":" in ip) in theirs), None)


def _decide(
    side: Side,
    own: Party,
    other: Party,
    number: int,
    protocol: str,
    named: tuple[ContainerPort, ...],
    known: Iterable[Policy],
) -> Decision:
    """`own` is the end whose policies are asked; `named` are the destination's ports."""
    isolating = [p for p in known if p.selects(own, side)]
    if not isolating:
        who = (
            "it is on the host's network"
            if own.host
            else "no policy selects it"
            if own.selectable
            else "it is no pod"
        )
        return Decision(side, True, reason=f"{own.name}: {who} for {side}")
    for one in isolating:
        for index, rule in enumerate(one.rules[side]):
            if rule.admits_port(number, protocol, named) and rule.admits_peer(other, one.namespace):
                return Decision(side, True, one.key, index, f"rule {index} of {one.key} allows it")
    names = ", ".join(p.key for p in isolating)
    return Decision(
        side,
        False,
        isolating[0].key,
        None,
        f"{names} isolates {own.name} for {side} and no rule allows it",
    )


def verdict(
    source: Party, target: Party, number: int, protocol: str, known: Sequence[Policy]
) -> Verdict:
    """May `source` open a connection to this port of `target`? Answers may always come back; a pod may always reach
    itself, and a node its own pods. Ends with two families speak the first that both have."""
    if source.selectable and source.name == target.name:
        itself = "a pod may always reach itself"
        return Verdict(
            True, Decision("egress", True, reason=itself), Decision("ingress", True, reason=itself)
        )
    if (six := family(source, target)) is not None:
        source, target = over(source, six), over(target, six)
    egress = _decide("egress", source, target, number, protocol, target.ports, known)
    if source.host and source.node and source.node == target.node:
        ingress = Decision("ingress", True, reason="a node may always reach its own pods")
    else:
        ingress = _decide("ingress", target, source, number, protocol, target.ports, known)
    return Verdict(egress.allowed and ingress.allowed, egress, ingress)
