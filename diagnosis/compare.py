"""Healthy against unhealthy: the same readings of two pods or nodes, and what differs, first what
matters.

What must differ between two healthy ones (addresses, names, each node's own pod CIDR) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from collectors.events import LinkRow, PodRow, RouteRow
from collectors.frozen import frozen
from collectors.kernel.counters import describe
from collectors.kernel.derived_figures import CONNTRACK_FILL
from diagnosis.node_routes import is_overlay, network
from diagnosis.reachability import selectors
from diagnosis.reachability.network_policy import policies
from diagnosis.reachability.policy_model import Policy
from diagnosis.snapshot import Snapshot, TargetView, listed

Weight = Literal["matters", "differs"]
TIMES, LEAST = 5.0, 0.2  # a rate of trouble that is five times the other's, and felt (a second)
SHARE = 10.0  # per cent of fill or of CPU time
NONE = "–"
# Settings that decide whether packets travel at all, or for how long they are remembered.
WEIGHTY = (
    "net.ipv4.ip_forward",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.default.rp_filter",
    "net.netfilter.nf_conntrack_max",
    "net.bridge.bridge-nf-call-iptables",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_mtu_probing",
    "net.core.somaxconn",
    "net.ipv4.neigh.default.gc_thresh3",
    "net.netfilter.nf_conntrack_tcp_be_liberal",
    "net.netfilter.nf_conntrack_tcp_timeout_established",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv4.tcp_congestion_control",
    "net.core.default_qdisc",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.conf.all.send_redirects",
)


@frozen
class Difference:
    """`here` and `there` are what the two have; `source` where it is read."""

    what: str
    here: str
    there: str
    weight: Weight
    source: str


@frozen
class Pair:
    """The two that are compared."""

    here: TargetView
    there: TargetView

    def both(self, read: Callable[[TargetView], Any]) -> tuple[Any, Any]:
        return read(self.here), read(self.there)

    @property
    def networks_known(self) -> bool:
        return self.here.network is not None and self.there.network is not None


def compare(
    here: TargetView,
    there: TargetView,
    snapshot: Snapshot,
    own: Mapping[str, str],
    other: Mapping[str, str],
) -> list[Difference]:
    """`own` and `other` are all settings of the two, where they were read."""
    pair = Pair(here, there)
    found = [
        *_links(pair),
        *_ports_of_pods(pair),
        *_routes(pair),
        *_resolver(pair),
        *_kernel(pair),
        *(_all_settings(own, other) if own and other else _known_settings(pair)),
        *_packet_filters(pair),
        *_conntrack_fill(pair),
        *_trouble(pair),
        *_pods(pair, snapshot),
        *_services(pair, snapshot),
    ]
    return sorted(found, key=lambda difference: difference.weight != "matters")


def _differ(
    what: str, values: tuple[object, object], source: str, weight: Weight = "matters"
) -> Iterator[Difference]:
    here, there = values
    if here != there:
        yield Difference(what, _shown(here), _shown(there), weight, source)


def _shown(value: object) -> str:
    return NONE if value in (None, "") else str(value)


# --- interfaces


def _is_pods_own(link: LinkRow) -> bool:
    """An end of a pod's veth pair: each node has its own."""
    return link.kind == "veth" and not link.name.startswith("eth")


def _links(pair: Pair) -> Iterator[Difference]:
    mine, theirs = pair.both(_links_by_name)
    for name in dict.fromkeys((*mine, *theirs)):
        one, two = mine.get(name), theirs.get(name)
        if one is None or two is None:
            values = (_link(one), _link(two))
            yield from _differ(f"interface {name}", values, "ip link", "differs")
        else:
            yield from _link_properties(name, one, two)


def _links_by_name(view: TargetView) -> dict[str, LinkRow]:
    return {link.name: link for link in view.links if not _is_pods_own(link)}


def _link_properties(name: str, one: LinkRow, two: LinkRow) -> Iterator[Difference]:
    yield from _differ(f"MTU of {name}", (one.mtu, two.mtu), "ip link")
    yield from _differ(f"state of {name}", (one.state, two.state), "ip link")
    yield from _differ(f"kind of {name}", (one.kind, two.kind), "ip link", "differs")
    yield from _differ(f"hairpin of {name}", (one.hairpin, two.hairpin), "bridge link")


def _link(link: LinkRow | None) -> str:
    return f"{link.kind or 'device'}, MTU {link.mtu}, {link.state}" if link else ""


def _ports_of_pods(pair: Pair) -> Iterator[Difference]:
    modes = pair.both(_hairpin_modes)
    if all(modes):
        yield from _differ("hairpin of pods' ports", modes, "bridge link")


def _hairpin_modes(view: TargetView) -> str:
    """`off, on` where both are met; '' where no port of a pod is known to have one."""
    modes = map(_hairpin_mode, filter(_is_pods_own, view.links))
    return ", ".join(sorted(set(filter(None, modes))))


def _hairpin_mode(port: LinkRow) -> str:
    if port.hairpin is None:
        return ""
    return "on" if port.hairpin else "off"


# --- routes


def _route(view: TargetView, row: RouteRow) -> str:
    """What a route does, without the addresses that are its own."""
    device = "overlay" if is_overlay(view, row.device) else row.device
    mtu = f" mtu {row.mtu}" if row.mtu else ""
    return f"dev {device}{mtu}{' via a gateway' if row.gateway else ''}"


def _route_table(view: TargetView) -> dict[str, str]:
    """IPv4 destinations and what their routes do; not the route to a gateway itself."""
    gateways = {row.gateway for row in view.routes}
    return {
        row.destination: _route(view, row)
        for row in view.routes
        if ":" not in row.destination and row.destination not in gateways
    }


def _routes(pair: Pair) -> Iterator[Difference]:
    if not pair.networks_known:
        return
    mine, theirs = pair.both(_route_table)
    default = (mine.get("default"), theirs.get("default"))
    yield from _differ("default route", default, "ip route")
    for destination in sorted({*mine, *theirs} - {"default"}):
        values = (mine.get(destination), theirs.get(destination))
        yield from _route_differs(pair, destination, values)
    yield from _differ("routes over an overlay", (_tunnelled(mine), _tunnelled(theirs)), "ip route")


def _route_differs(
    pair: Pair, destination: str, values: tuple[str | None, str | None]
) -> Iterator[Difference]:
    if any(pair.both(lambda view: _is_linked(view, destination))):
        return
    weight: Weight = "matters" if None in values else "differs"
    yield from _differ(f"route to {destination}", values, "ip route", weight)


def _tunnelled(table: Mapping[str, str]) -> int:
    return sum("overlay" in text for text in table.values())


def _is_linked(view: TargetView, destination: str) -> bool:
    """Whether a destination is a link of it: the other one has a route to it instead."""
    wanted = network(destination)
    if wanted is None:
        return False
    links = (network(text) for link in view.links for text in link.addresses)
    return any(
        own is not None and own.version == wanted.version and own.overlaps(wanted) for own in links
    )


# --- names, kernel, settings


def _resolver(pair: Pair) -> Iterator[Difference]:
    one, two = pair.here.network, pair.there.network
    if one is None or two is None:
        return
    servers = (listed(one.nameservers), listed(two.nameservers))
    yield from _differ("nameservers", servers, "resolv.conf")
    yield from _differ("ndots", (one.ndots, two.ndots), "resolv.conf")
    yield from _differ("search domains", pair.both(_search), "resolv.conf")


def _search(view: TargetView) -> str:
    """The search list with a pod's own namespace as NAMESPACE: it differs between healthy pods."""
    names = view.network.search if view.network else ()
    if view.pod is None:
        return " ".join(names)
    own = f"{view.pod.namespace}.svc."
    return " ".join(_of_any_namespace(name, own) for name in names)


def _of_any_namespace(name: str, own: str) -> str:
    return f"NAMESPACE.svc.{name.removeprefix(own)}" if name.startswith(own) else name


def _kernel(pair: Pair) -> Iterator[Difference]:
    if pair.networks_known:
        yield from _differ("kernel", pair.both(lambda view: view.kernel), "uname -r")


def _all_settings(own: Mapping[str, str], other: Mapping[str, str]) -> Iterator[Difference]:
    for name in sorted({*own, *other}):
        weight: Weight = "matters" if name in WEIGHTY else "differs"
        yield from _differ(name, (own.get(name), other.get(name)), "sysctl", weight)


def _known_settings(pair: Pair) -> Iterator[Difference]:
    """Those that are read with the counters."""
    for name in sorted({*_setting_names(pair), "conntrack_max"}):
        values = (pair.here.values.get(name), pair.there.values.get(name))
        yield from _differ(name.removeprefix("sysctl "), values, "sysctl")


def _setting_names(pair: Pair) -> Iterator[str]:
    names = (*pair.here.values, *pair.there.values)
    return (name for name in names if name.startswith("sysctl "))


# --- loads


def _packet_filters(pair: Pair) -> Iterator[Difference]:
    mine, theirs = pair.both(_rule_counts)
    for backend in sorted({*mine, *theirs}) if mine and theirs else ():
        one, two = mine.get(backend, 0), theirs.get(backend, 0)
        if 100 * abs(one - two) > SHARE * max(one, two):
            yield Difference(f"rules of {backend}", f"{one:,}", f"{two:,}", "matters", backend)


def _rule_counts(view: TargetView) -> dict[str, int]:
    return {row.backend: row.rules for row in view.filter_rows}


def _conntrack_fill(pair: Pair) -> Iterator[Difference]:
    one, two = pair.both(_fill)
    if one is not None and two is not None and abs(one - two) >= SHARE:
        values = (f"{one:.0f} %", f"{two:.0f} %")
        yield from _differ("conntrack fill", values, "nf_conntrack_count")


def _fill(view: TargetView) -> float | None:
    share = CONNTRACK_FILL.share(view.values)
    return share.percent if share else None


def _trouble(pair: Pair) -> Iterator[Difference]:
    """Counters of trouble that move here and not there, or far faster, the fastest first."""
    for name, one, two in sorted(_rates(pair), key=lambda row: -max(row[1:])):
        counter = describe(name)
        if _far_apart(one, two) and counter.trouble:
            yield from _differ(name, (f"{one:.3g}/s", f"{two:.3g}/s"), counter.source)


def _rates(pair: Pair) -> Iterator[tuple[str, float, float]]:
    """A second, of counters that are of a whole namespace, not of one CPU."""
    for name in dict.fromkeys((*pair.here.deltas, *pair.there.deltas)):
        if not name.startswith(("cpu/", "softnet/")):
            yield name, pair.here.rate(name), pair.there.rate(name)


def _far_apart(one: float, two: float) -> bool:
    low, high = sorted((one, two))
    return high >= LEAST and high >= TIMES * low


# --- objects


def _pods(pair: Pair, snapshot: Snapshot) -> Iterator[Difference]:
    one, two = pair.here.pod, pair.there.pod
    if one is None or two is None:
        return
    selecting = (_selecting(snapshot, one), _selecting(snapshot, two))
    yield from _differ("policies that select it", selecting, "NetworkPolicies")
    yield from _differ("host network", (one.host_network, two.host_network), "pod")
    yield from _differ("workload", (one.workload, two.workload), "pod", "differs")


def _selecting(snapshot: Snapshot, pod: PodRow) -> str:
    own = (policy for policy in policies(snapshot.policies) if policy.namespace == pod.namespace)
    return listed((policy.name for policy in own if _selects(policy, pod)), 6)


def _selects(policy: Policy, pod: PodRow) -> bool:
    matches = selectors.compiled(policy.spec.get("podSelector") or {})
    return matches(dict(pod.labels))


def _services(pair: Pair, snapshot: Snapshot) -> Iterator[Difference]:
    """Services of which one is a ready endpoint and the other is not, where both are of one
    workload."""
    one, two = pair.here.pod, pair.there.pod
    if one is not None and two is not None and one.workload == two.workload:
        serving = (_serving(snapshot, one), _serving(snapshot, two))
        yield from _differ("ready endpoint of", serving, "EndpointSlices")


def _serving(snapshot: Snapshot, pod: PodRow) -> str:
    """The Services that it is a ready endpoint of."""
    own = (row for row in snapshot.slices if row.namespace == pod.namespace)
    return listed(sorted(row.service for row in own if pod.ip in row.ready), 6)
