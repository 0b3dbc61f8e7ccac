"""Calico's policies, tiers and network sets as its API server and calicoctl validate them
(libcalico-go/lib/validator/v3 of v3.30 and v3.32, and the rules in CEL of its definitions).

Felix, which enforces them, drops what these refuse, so that they hold for what was written to
crd.projectcalico.org/v1 as well, except for nets, of which it reads addresses and host bits, too.
Fields have the types of the schema already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from collectors.calico_expressions import SelectorError, parsed
from collectors.manifests.documents import FieldPath
from collectors.manifests.field_tests import (
    address,
    cidr,
    dns_label,
    network_of,
    no_template,
    one_of,
    port_number,
)
from collectors.manifests.problems import FieldProblems
from collectors.sanitize import sanitize

ACTIONS = ("Allow", "Deny", "Log", "Pass")
PROTOCOLS = ("TCP", "UDP", "ICMP", "ICMPv6", "SCTP", "UDPLite")
WITH_PORTS = ("TCP", "UDP", "SCTP", "6", "17", "132")
ICMP = {"ICMP": 4, "1": 4, "ICMPv6": 6, "58": 6}
PORTS = ("ports", "notPorts")
ENDS = ("source", "destination")
FAR = {"ingress": "source", "egress": "destination"}  # the end that is not the policy's own pod
PORT_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_.-")
# tiers that are of Calico's making: their order, and what they do at their end
OWN_TIERS: dict[str, tuple[float, str]] = {
    "default": (1_000_000, "Deny"),
    "kube-admin": (1_000, "Pass"),
    "kube-baseline": (10_000_000, "Pass"),
    "adminnetworkpolicy": (1_000, ""),
    "baselineadminnetworkpolicy": (10_000_000, ""),
}
NAMESPACE = "projectcalico.org/namespace"
GLOBAL_NOT_HERE = "global() may stand only in the namespaceSelector of a source or destination"
_action = one_of(ACTIONS)
_type = one_of(("Ingress", "Egress"))
Spec = Mapping[str, Any]


def selector(text: str) -> str:
    """Why a text is not a selector expression."""
    try:
        parsed(text)
    except SelectorError as error:
        return no_template(text) or f"is not a selector of Calico: {sanitize(str(error), 200)}"
    return ""


def _own_selector(text: str) -> str:
    return GLOBAL_NOT_HERE if "global(" in text else selector(text)


def _namespace_selector(text: str) -> str:
    reason = selector(text)
    alone = "".join(text.split()) == "global()"
    mixed = "global(" in text and not alone
    return reason or ("global() cannot be combined with other selectors" if mixed else "")


def check_policy(body: Spec, problems: FieldProblems) -> None:
    spec = body.get("spec") or {}
    problems.test(name_of(body), ("metadata", "name"), _policy_name)
    for name in ("selector", "namespaceSelector", "serviceAccountSelector"):
        problems.test(spec.get(name), ("spec", name), _own_selector)
    types = spec.get("types") or ()
    for number, one in enumerate(types):
        problems.test(one, ("spec", "types", number), _type)
    if len(set(types)) < len(types):
        problems.add(("spec", "types"), "names a type twice")
    _check_forwarded(spec, problems)
    for side in FAR:
        for number, rule in enumerate(spec.get(side) or ()):
            path: FieldPath = ("spec", side, number)
            _check_rule(rule, path, problems)
            for here, net in _nets(rule, path):
                problems.test(net, here, net_or_address if _is_stored(body) else _strict_cidr)
            _check_direction(rule, side, path, problems)
            if body.get("kind") == "GlobalNetworkPolicy":
                _check_service_namespace(rule, side, path, problems)


def name_of(body: Spec) -> Any:
    return (body.get("metadata") or {}).get("name")


def _policy_name(name: str) -> str:
    """NAME or TIER.NAME; `knp.default.` and `ossg.default.` stand before names of other origin."""
    if name.startswith(("knp.default.", "ossg.default.")):
        return ""
    parts = name.split(".")
    if len(parts) > 2:
        return f"{sanitize(name, 80)!r} has more than one dot: NAME or TIER.NAME is allowed"
    return next(filter(None, map(dns_label, parts)), "")


def _check_forwarded(spec: Spec, problems: FieldProblems) -> None:
    if spec.get("preDNAT") and (spec.get("egress") or "Egress" in (spec.get("types") or ())):
        problems.add(("spec", "preDNAT"), "cannot be true beside rules or the type of egress")
    given = [name for name in ("doNotTrack", "preDNAT") if spec.get(name)]
    if len(given) > 1:
        problems.add(("spec", "preDNAT"), "cannot be true beside doNotTrack")
    if given and not spec.get("applyOnForward"):
        problems.add(("spec", given[0]), "needs applyOnForward: true")


def _check_rule(rule: Spec, path: FieldPath, problems: FieldProblems) -> None:
    problems.required(rule.get("action"), (*path, "action"), _action)
    for name in ("protocol", "notProtocol"):
        problems.test(rule.get(name), (*path, name), _protocol)
    problems.test(rule.get("ipVersion"), (*path, "ipVersion"), _ip_version)
    _check_icmp(rule, path, problems)
    _check_http(rule, path, problems)
    for end in ENDS:
        entity = rule.get(end) or {}
        _check_entity(entity, (*path, end), problems)
        _check_ports(entity, rule.get("protocol"), (*path, end), problems)
    _check_families(rule, path, problems)


def _protocol(value: Any) -> str:
    text = str(value)
    if text.isascii() and text.isdecimal():
        return "" if 1 <= int(text[:4]) <= 255 else "must be between 1 and 255"
    return one_of(PROTOCOLS)(text)


def _ip_version(value: int) -> str:
    return "" if value in (4, 6) else "must be 4 or 6"


def _check_icmp(rule: Spec, path: FieldPath, problems: FieldProblems) -> None:
    if rule.get("icmp") is not None and str(rule.get("protocol")) not in ICMP:
        problems.add((*path, "icmp"), "needs the protocol ICMP or ICMPv6")
    for name in ("icmp", "notICMP"):
        given = rule.get(name) or {}
        if given.get("code") is not None and given.get("type") is None:
            problems.add((*path, name, "code"), "needs a type")
    _check_icmp_version(rule, path, problems)


def _check_icmp_version(rule: Spec, path: FieldPath, problems: FieldProblems) -> None:
    version = rule.get("ipVersion")
    for name in ("protocol", "notProtocol"):
        wanted = ICMP.get(str(rule.get(name)))
        if wanted and version not in (None, wanted):
            problems.add((*path, "ipVersion"), f"must be {wanted} with {name} {rule[name]}")


def _check_http(rule: Spec, path: FieldPath, problems: FieldProblems) -> None:
    if rule.get("http") is None:
        return
    if rule.get("action") != "Allow":
        problems.add((*path, "http"), "may stand only in a rule that allows")
    if str(rule.get("protocol") or "TCP") not in ("TCP", "6"):
        problems.add((*path, "http"), f"needs the protocol TCP, not {rule['protocol']}")


def _check_direction(rule: Spec, side: str, path: FieldPath, problems: FieldProblems) -> None:
    near = "source" if side == "egress" else "destination"
    if (rule.get(near) or {}).get("services") is not None:
        problems.add((*path, near, "services"), f"may not stand there in a rule of {side}")
    if side == "egress" and rule.get("http") is not None:
        problems.add((*path, "http"), "may not stand in a rule of egress")


def _check_service_namespace(
    rule: Spec, side: str, path: FieldPath, problems: FieldProblems
) -> None:
    services = (rule.get(FAR[side]) or {}).get("services")
    if services is not None and not services.get("namespace"):
        problems.add((*path, FAR[side], "services", "namespace"), "is required")


def _check_entity(entity: Spec, path: FieldPath, problems: FieldProblems) -> None:
    for name in ("selector", "notSelector"):
        problems.test(entity.get(name), (*path, name), _own_selector)
    problems.test(
        entity.get("namespaceSelector"), (*path, "namespaceSelector"), _namespace_selector
    )
    accounts = entity.get("serviceAccounts") or {}
    problems.test(accounts.get("selector"), (*path, "serviceAccounts", "selector"), selector)
    if entity.get("services") is not None:
        _check_services(entity, path, problems)


BESIDE_SERVICES = ("namespaceSelector", "selector", "notSelector", "nets", "notNets")


def _check_services(entity: Spec, path: FieldPath, problems: FieldProblems) -> None:
    if not entity["services"].get("name"):
        problems.add((*path, "services", "name"), "is required")
    beside = [name for name in BESIDE_SERVICES if entity.get(name)]
    beside += ["serviceAccounts"] if entity.get("serviceAccounts") is not None else []
    beside += [name for name in PORTS if entity.get(name) and path[-1] == "destination"]
    for name in beside:
        problems.add((*path, name), "cannot stand beside services")


def _check_ports(entity: Spec, protocol: Any, path: FieldPath, problems: FieldProblems) -> None:
    for name in PORTS:
        ports = entity.get(name) or ()
        for number, port in enumerate(ports):
            problems.test(port, (*path, name, number), port_or_range)
        if ports and protocol is not None and str(protocol) not in WITH_PORTS:
            problems.add((*path, name), f"need the protocol TCP, UDP or SCTP, not {protocol}")


def port_or_range(value: Any) -> str:
    """A number, `80:90`, or the name of a container's port."""
    if isinstance(value, int):
        return port_number(value)
    first, colon, last = value.partition(":")
    if _digits(first) and (not colon or _digits(last)):
        return _range(int(first), int(last) if colon else int(first), value)
    good = 0 < len(value) <= 128 and set(value.lower()) <= PORT_NAME_CHARACTERS
    shown = f"{sanitize(value, 60)!r} is not a port: a number, a range as 80:90, or a name"
    return "" if good else no_template(value) or shown


def _digits(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _range(first: int, last: int, text: str) -> str:
    if first > last:
        return f"{sanitize(text, 40)!r}: a range must not end below its beginning"
    return port_number(first) or port_number(last)


def _is_stored(body: Spec) -> bool:
    """Whether no validation of Calico's came before: kubectl wrote to what Calico stores."""
    return str(body.get("apiVersion")).startswith("crd.")


def _strict_cidr(value: str) -> str:
    """Without bits of a host: 10.0.0.0/8, neither 10.0.0.1/8 nor an address alone."""
    network = network_of(value)
    if network is None:
        length = 128 if ":" in value else 32
        hint = "" if address(value) else f": of one address it is {value}/{length}"
        return f"{cidr(value)}{hint}"
    first = ip_address(value.partition("/")[0])
    return "" if first == network.network_address else f"has bits of a host: it is {network}"


def _check_families(rule: Spec, path: FieldPath, problems: FieldProblems) -> None:
    """The nets of a rule are of one family, and of that of `ipVersion`."""
    version = rule.get("ipVersion")
    met: set[int] = {version} if version in (4, 6) else set()
    for here, net in _nets(rule, path):
        family = 6 if ":" in net else 4
        if met and family not in met:
            beside = f"the ipVersion {version}" if version else f"nets of IPv{met.pop()}"
            problems.add(here, f"is of IPv{family}, beside {beside}")
            return
        met.add(family)


def _nets(rule: Spec, path: FieldPath) -> Iterator[tuple[FieldPath, str]]:
    for end in ENDS:
        for name in ("nets", "notNets"):
            for number, net in enumerate((rule.get(end) or {}).get(name) or ()):
                yield (*path, end, name, number), net


def check_tier(body: Spec, problems: FieldProblems) -> None:
    spec, name = body.get("spec") or {}, name_of(body)
    problems.test(name, ("metadata", "name"), dns_label)
    order, action = OWN_TIERS.get(name or "", (None, ""))
    if order is not None and spec.get("order") not in (None, order):
        problems.add(("spec", "order"), f"must be {order:,.0f} for this tier")
    if action and spec.get("defaultAction") not in (None, action):
        problems.add(("spec", "defaultAction"), f"must be {action} for this tier")


def check_network_set(body: Spec, problems: FieldProblems) -> None:
    if NAMESPACE in ((body.get("metadata") or {}).get("labels") or {}):
        problems.add(("metadata", "labels", NAMESPACE), "is a label that Calico sets itself")
    problems.test_each((body.get("spec") or {}).get("nets"), ("spec", "nets"), net_or_address)


def net_or_address(value: str) -> str:
    return "" if not address(value) else cidr(value)


def check_host_endpoint(body: Spec, problems: FieldProblems) -> None:
    spec = body.get("spec") or {}
    problems.required(spec.get("node"), ("spec", "node"))
    if not spec.get("interfaceName") and not spec.get("expectedIPs"):
        problems.add(("spec",), "needs an interfaceName or expectedIPs")
    for number, one in enumerate(spec.get("expectedIPs") or ()):
        problems.test(one, ("spec", "expectedIPs", number), address)
