"""The ends of Calico's rules: selectors of pods and network sets, nets, ports and protocols, and
their negations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from collectors.events import ForeignPolicyRow
from collectors.frozen import frozen
from diagnosis.reachability import calico_selectors
from diagnosis.reachability.address_blocks import Block, block_of
from diagnosis.reachability.calico_selectors import GLOBAL, Expression, SelectorError
from diagnosis.reachability.certainty import Doubt, Match, all_of, any_of, doubt, negated
from diagnosis.reachability.parties import NAME_LABEL, Party, is_ipv6, why_generated
from diagnosis.reachability.policy_model import Port
from diagnosis.reachability.selectors import CASE, differing_in_case, shown_labels

NAMESPACE, ORCHESTRATOR = "projectcalico.org/namespace", "projectcalico.org/orchestrator"
ACCOUNT, ACCOUNT_PREFIX = "projectcalico.org/serviceaccount", "pcsa."
NAMESPACE_PREFIX, NAMESPACE_NAME = "pcns.", "projectcalico.org/name"
UNEVALUATED = ("serviceAccounts", "services", "domains")
Spec = Mapping[str, Any]


@frozen
class NetworkSet:
    """Addresses under labels, which selectors of rules select as they select pods: a NetworkSet,
    or a HostEndpoint with its expectedIPs. `namespace` '' is a global one. `doubt`: it has names in
    DNS, too (Calico Enterprise)."""

    namespace: str
    labels: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    doubt: Doubt | None = None

    def match(self, party: Party) -> Match:
        named = False if party.in_cluster else self.doubt or False
        return any_of((*(block.match(party) for block in self.blocks), named))

    def unknown(self, key: str) -> str:
        """Which of its labels are not known: those that it has of its namespace."""
        if not self.namespace or not key.startswith(NAMESPACE_PREFIX):
            return ""
        return (
            f"the labels of namespace {self.namespace}, as its NetworkSets have them, are not known"
        )

    def unknown_of_namespace(self, key: str) -> str:
        if key in ("", NAMESPACE, NAMESPACE_NAME):
            return ""
        return self.unknown(f"{NAMESPACE_PREFIX}{key}")


def set_of(row: ForeignPolicyRow) -> NetworkSet:
    own = {NAMESPACE: row.namespace} if row.namespace else {GLOBAL: ""}
    labels = {**dict(row.labels), **own}
    domains = row.spec.get("allowedEgressDomains")
    reason = f"{row.object_kind} {row.name}: allowedEgressDomains is not evaluated"
    return NetworkSet(
        row.namespace,
        tuple(labels.items()),
        _blocks(row.spec.get("nets") or row.spec.get("expectedIPs")),
        doubt(reason) if domains else None,
    )


def _blocks(cidrs: object) -> tuple[Block, ...]:
    found = (block_of(cidr) for cidr in (cidrs if isinstance(cidrs, Sequence) else ()))
    return tuple(block for block in found if block is not None)


def labels_of(party: Party) -> dict[str, str]:
    """The labels under which Calico knows a pod: its own, and those of its namespace with a
    prefix."""
    inherited = {
        f"{NAMESPACE_PREFIX}{key}": value for key, value in (party.namespace_labels or {}).items()
    }
    fixed = {
        NAMESPACE: party.namespace,
        ORCHESTRATOR: "k8s",
        f"{NAMESPACE_PREFIX}{NAMESPACE_NAME}": party.namespace,
    }
    return {**dict(party.labels or {}), **inherited, **fixed}


def unknown_of(party: Party) -> Callable[[str], str]:
    """Which labels of a pod are not known, and why."""

    def unknown(key: str) -> str:
        if key == ACCOUNT or key.startswith(ACCOUNT_PREFIX):
            return f"the service account of {party.name} is not listed ({key} is asked)"
        if reason := why_generated(party, key):
            return reason
        if party.namespace_known or not key.startswith(NAMESPACE_PREFIX):
            return ""
        return f"the labels of namespace {party.namespace} are not known ({key} is asked)"

    return unknown


def _known(key: str) -> str:
    return ""


@frozen
class Entity:
    """A rule's `source` or `destination`: everything that is given must hold."""

    where: str
    namespace: str = ""  # to which a selector without namespaceSelector is limited; '' for none
    selector: Expression | None = None
    no_selector: Expression | None = None
    namespaces: Expression | None = None
    nets: tuple[Block, ...] | None = None
    no_nets: tuple[Block, ...] = ()
    sets: tuple[NetworkSet, ...] = ()
    doubt: Doubt | None = None
    relative: bool = False

    @classmethod
    def of(cls, spec: Spec, *, where: str, namespace: str, sets: Sequence[NetworkSet]) -> Entity:
        given = [field for field in UNEVALUATED if spec.get(field)]
        reasons = [f"{where}.{field} is not evaluated" for field in given]
        found: dict[str, Expression | None] = {}
        for field in ("selector", "notSelector", "namespaceSelector"):
            try:
                text = spec.get(field)
                found[field] = calico_selectors.compiled(str(text)) if text else None
            except SelectorError as error:
                found[field] = None
                reasons.append(f"{where}.{field}: {error}")
        return cls(
            where=where,
            namespace=namespace,
            selector=found["selector"],
            no_selector=found["notSelector"],
            namespaces=found["namespaceSelector"],
            nets=_blocks(spec["nets"]) if spec.get("nets") else None,
            no_nets=_blocks(spec.get("notNets")),
            sets=tuple(sets),
            doubt=Doubt(tuple(reasons)) if reasons else None,
        )

    @property
    def unrestricted(self) -> bool:
        given = (self.selector, self.no_selector, self.namespaces, self.nets, self.doubt)
        return not any(one is not None for one in given) and not self.no_nets

    @property
    def limits_endpoints(self) -> bool:
        """Whether only pods and members of sets match. Of a policy with a namespace any selector
        means endpoints of that namespace, notSelector included."""
        given = self.selector is not None or self.namespaces is not None
        return given or bool(self.namespace and self.no_selector is not None)

    def match(self, party: Party, own: Party) -> Match:
        return all_of(self._conditions(party))

    def _conditions(self, party: Party) -> Iterator[Match]:
        if self.nets is not None:
            yield any_of(block.match(party) for block in self.nets)
        if self.no_nets:
            yield negated(any_of(block.match(party) for block in self.no_nets))
        if self.limits_endpoints:
            yield self._selected(party)
        if self.no_selector is not None:
            yield self._not_selected(party, self.no_selector)
        if self.doubt is not None:
            yield self.doubt

    def _selected(self, party: Party) -> Match:
        """As a pod, or by its address as a member of a network set."""
        if party.unsure:
            return doubt(party.unsure)
        return any_of((self._as_pod(party), self._in_set(party)))

    def _as_pod(self, party: Party) -> Match:
        if not party.selectable:
            return False
        return all_of(
            (
                self._namespace_of_pod(party),
                self.selector is None or self.selector.match(labels_of(party), unknown_of(party)),
            )
        )

    def _namespace_of_pod(self, party: Party) -> Match:
        if self.namespaces is None:
            return not self.namespace or party.namespace == self.namespace

        def unknown(key: str) -> str:
            if party.namespace_known:
                return ""
            return f"the labels of namespace {party.namespace} are not known ({key} is asked)"

        name = {NAMESPACE: party.namespace, NAMESPACE_NAME: party.namespace}
        labels = {**(party.namespace_labels or {NAME_LABEL: party.namespace}), **name}
        return self.namespaces.match(labels, lambda key: "" if key == GLOBAL else unknown(key))

    def _in_set(self, party: Party) -> Match:
        return any_of(self._member(one, party) for one in self.sets)

    def _member(self, one: NetworkSet, party: Party) -> Match:
        labels = dict(one.labels)
        selected = self.selector is None or self.selector.match(labels, one.unknown)
        return all_of((self._set_is_meant(one), selected, one.match(party)))

    def _set_is_meant(self, one: NetworkSet) -> Match:
        if self.namespaces is None:
            return not self.namespace or one.namespace == self.namespace
        names = dict.fromkeys((NAMESPACE, NAMESPACE_NAME), one.namespace)
        labels = names if one.namespace else {GLOBAL: ""}
        return self.namespaces.match(labels, one.unknown_of_namespace)

    def _not_selected(self, party: Party, selector: Expression) -> Match:
        """Neither as a pod nor by its address as a member of a network set, of any namespace."""
        if party.unsure:
            return doubt(party.unsure)
        as_pod = party.selectable and selector.match(labels_of(party), unknown_of(party))
        members = (
            all_of((selector.match(dict(one.labels), one.unknown), one.match(party)))
            for one in self.sets
        )
        return negated(any_of((as_pod, *members)))

    def miss(self, party: Party) -> str:
        if self.nets is not None and not any_of(b.match(party) for b in self.nets):
            return f"{', '.join(party.ips)} is not in {', '.join(b.text for b in self.nets)}"
        if hole := next((b for b in self.no_nets if b.match(party) is True), None):
            return f"{', '.join(party.ips)} is in {hole.text}, which notNets excepts"
        if self.limits_endpoints and self._selected(party) is False:
            return self._endpoint_miss(party)
        if self.no_selector is not None:
            return f"{self._endpoint(party)} matches notSelector {self.no_selector.text}"
        return ""

    def _endpoint_miss(self, party: Party) -> str:
        if party.host:
            return "it is on the host's network: selectors never match it"
        if not party.selectable:
            return "it is not a pod: selectors never match it"
        return self._namespace_miss(party) or self._pod_miss(party)

    def _endpoint(self, party: Party) -> str:
        """An end as what matches a selector: a pod with its labels, or a member of a set."""
        if not party.selectable:
            return f"{', '.join(party.ips)} is in a network set that"
        return f"pod {party.name} ({self._labels_of(party)})"

    def _namespace_miss(self, party: Party) -> str:
        if self._namespace_of_pod(party) is not False:
            return ""
        if self.namespaces is None:
            return f"the selector means pods of {self.namespace} alone, this is {party.namespace}"
        has = shown_labels(party.namespace_labels or {})
        return (
            f"namespace {party.namespace} does not match namespaceSelector "
            f"{self.namespaces.text} (it has {has})"
        )

    def _pod_miss(self, party: Party) -> str:
        wanted = f"selector {self.selector.text}" if self.selector else self.text
        return f"pod {party.name} does not match {wanted} ({self._labels_of(party)})"

    def _near_label(self, party: Party) -> str:
        """The label that the selector asks for in another case."""
        tests = calico_selectors.tests_of(self.selector.text) if self.selector else ()
        labels = party.labels or {}
        for key, values in tests:
            if labels.get(key) not in values and (near := differing_in_case(key, values, labels)):
                return f"{near}: {CASE}"
        return ""

    def _labels_of(self, party: Party) -> str:
        has = f"it has {self._near_label(party) or shown_labels(party.labels or {})}"
        if any(s and NAMESPACE_PREFIX in s.text for s in (self.selector, self.no_selector)):
            has += f"; its namespace {shown_labels(party.namespace_labels or {})}"
        return has

    @property
    def text(self) -> str:
        parts = [f"selector {self.selector.text}"] if self.selector else []
        parts += [f"namespaceSelector {self.namespaces.text}"] if self.namespaces else []
        parts += [f"notSelector {self.no_selector.text}"] if self.no_selector else []
        parts += [f"nets {', '.join(b.text for b in self.nets)}"] if self.nets else []
        return " and ".join(parts) or "everybody"


# --- ports

NUMBERS = {"6": "TCP", "17": "UDP", "132": "SCTP", "1": "ICMP", "58": "ICMPV6", "136": "UDPLITE"}


def _protocol(value: object) -> str:
    text = str(value).upper()
    return NUMBERS.get(text, text)


@frozen
class ProtocolPorts:
    """What a rule says of protocol and destination ports, its negations included."""

    protocol: str  # '' for every one
    no_protocol: str
    ports: tuple[Port, ...] | None
    no_ports: tuple[Port, ...]
    ip_version: int = 0  # 0 for both

    @classmethod
    def of(cls, entry: Spec) -> ProtocolPorts:
        destination = entry.get("destination") or {}
        ports = destination.get("ports")
        return cls(
            protocol=_protocol(entry["protocol"]) if entry.get("protocol") else "",
            no_protocol=_protocol(entry["notProtocol"]) if entry.get("notProtocol") else "",
            ports=tuple(_port(port) for port in ports) if ports else None,
            no_ports=tuple(_port(port) for port in destination.get("notPorts") or ()),
            ip_version=int(entry.get("ipVersion") or 0),
        )

    @property
    def named(self) -> bool:
        by_name = any(port.name for port in (*(self.ports or ()), *self.no_ports))
        return by_name or bool(self.ip_version)

    def match(self, number: int, protocol: str, destination: Party) -> Match:
        if self.protocol not in ("", protocol) or protocol == self.no_protocol:
            return False
        wanted: Match = True
        if self.ports is not None:
            wanted = any_of(port.match(number, protocol, destination) for port in self.ports)
        excluded = any_of(port.match(number, protocol, destination) for port in self.no_ports)
        return all_of((wanted, negated(excluded), self._version(destination)))

    def _version(self, destination: Party) -> Match:
        if not self.ip_version:
            return True
        if not destination.ips:
            return doubt(f"the address family of {destination.name} is not known (ipVersion)")
        return any(is_ipv6(ip) == (self.ip_version == 6) for ip in destination.ips)

    @property
    def text(self) -> str:
        listed = ", ".join(port.text for port in self.ports or ())
        parts = [f"{listed or 'every port'}{f'/{self.protocol}' if self.protocol else ''}"]
        parts += [f"not {', '.join(port.text for port in self.no_ports)}"] if self.no_ports else []
        parts += [f"not {self.no_protocol}"] if self.no_protocol else []
        over = f" over IPv{self.ip_version}" if self.ip_version else ""
        return " but ".join(parts) + over


def _port(value: object) -> Port:
    """A number, `80:90`, or the name of a container's port."""
    text = str(value)
    first, colon, last = text.partition(":")
    if first.isdecimal() and (not colon or last.isdecimal()):
        return Port("", int(first), int(last) if colon else None)
    return Port("", name=text)
