"""Good against bad: the same readings of two pods or two nodes, and what differs, first what matters.

What must differ between two healthy ones (addresses, names, each node's own pod CIDR) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from collectors.events import LinkRow, RouteRow
from collectors.frozen import frozen
from collectors.kernel.counters import describe
from diagnosis.node_routes import is_overlay, network
from diagnosis.reachability.network_policy import policies
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


def compare(
    here: TargetView,
    there: TargetView,
    snapshot: Snapshot,
    own: Mapping[str, str],
    other: Mapping[str, str],
) -> list[Difference]:
    """`own` and `other` are all settings of the two, where they were read."""
    found = [
        *_links(here, there),
        *_routes(here, there),
        *_resolver(here, there),
        *_kernel(here, there),
        *_settings(here, there, own, other),
        *_rules(here, there),
        *_fill(here, there),
        *_trouble(here, there),
        *_policies(here, there, snapshot),
        *_services(here, there, snapshot),
    ]
    return sorted(found, key=lambda d: d.weight != "matters")


def _differ(
    what: str, here: object, there: object, weight: Weight, source: str
) -> Iterator[Difference]:
    if here != there:
        mine, theirs = ((NONE if value in (None, "") else str(value)) for value in (here, there))
        yield Difference(what, mine, theirs, weight, source)


def _is_pods_own(link: LinkRow) -> bool:
    """An end of a pod's veth pair: each node has its own."""
    return link.kind == "veth" and not link.name.startswith("eth")


def _links(here: TargetView, there: TargetView) -> Iterator[Difference]:
    mine, theirs = (
        {
            link.name: link
            for link in (view.network.links if view.network else ())
            if not _is_pods_own(link)
        }
        for view in (here, there)
    )
    for name in [*mine, *(n for n in theirs if n not in mine)]:
        one, two = mine.get(name), theirs.get(name)
        if one is None or two is None:
            yield from _differ(f"interface {name}", _link(one), _link(two), "differs", "ip link")
            continue
        yield from _differ(f"MTU of {name}", one.mtu, two.mtu, "matters", "ip link")
        yield from _differ(f"state of {name}", one.state, two.state, "matters", "ip link")
        yield from _differ(f"kind of {name}", one.kind, two.kind, "differs", "ip link")
        yield from _differ(f"hairpin of {name}", one.hairpin, two.hairpin, "matters", "bridge link")
    ports = [
        sum(_is_pods_own(link) for link in (view.network.links if view.network else ()))
        for view in (here, there)
    ]
    hairpins = [
        {
            link.hairpin
            for link in (view.network.links if view.network else ())
            if _is_pods_own(link)
        }
        - {None}
        for view in (here, there)
    ]
    if all(ports) and all(hairpins):
        one_way, other_way = map(_words, hairpins)
        yield from _differ("hairpin of pods' ports", one_way, other_way, "matters", "bridge link")


def _words(values: set[bool | None]) -> str:
    return ", ".join(sorted("on" if value else "off" for value in values))


def _link(link: LinkRow | None) -> str:
    return f"{link.kind or 'device'}, MTU {link.mtu}, {link.state}" if link else ""


def _route(view: TargetView, row: RouteRow) -> str:
    """What a route does, without the addresses that are its own."""
    way = "overlay" if is_overlay(view, row.device) else row.device
    return (
        f"dev {way}{f' mtu {row.mtu}' if row.mtu else ''}{' via a gateway' if row.gateway else ''}"
    )


def _table(view: TargetView) -> dict[str, str]:
    """IPv4 destinations and what their routes do; the route to a gateway itself is its own business."""
    rows = view.network.routes if view.network else ()
    gateways = {row.gateway for row in rows}
    return {
        row.destination: _route(view, row)
        for row in rows
        if ":" not in row.destination and row.destination not in gateways
    }


def _routes(here: TargetView, there: TargetView) -> Iterator[Difference]:
    if here.network is None or there.network is None:
        return
    mine, theirs = _table(here), _table(there)
    yield from _differ(
        "default route", mine.get("default"), theirs.get("default"), "matters", "ip route"
    )
    own = {text for text in (*mine, *theirs) if _own(here, text) or _own(there, text)}
    for destination in sorted((set(mine) | set(theirs)) - own - {"default"}):
        one, two = mine.get(destination), theirs.get(destination)
        weight: Weight = "matters" if one is None or two is None else "differs"
        yield from _differ(f"route to {destination}", one, two, weight, "ip route")
    tunnelled = [sum("overlay" in way for way in table.values()) for table in (mine, theirs)]
    yield from _differ("routes over an overlay", tunnelled[0], tunnelled[1], "matters", "ip route")


def _own(view: TargetView, destination: str) -> bool:
    """Whether a destination is a link of one of the two: the other one has a route to it instead."""
    wanted = network(destination)
    for link in view.network.links if view.network else ():
        for text in link.addresses:
            found = network(text)
            if (
                wanted is not None
                and found is not None
                and wanted.version == found.version
                and wanted.overlaps(found)
            ):
                return True
    return False


def _resolver(here: TargetView, there: TargetView) -> Iterator[Difference]:
    if here.network is None or there.network is None:
        return
    one, two = here.network, there.network
    yield from _differ(
        "nameservers", listed(one.nameservers), listed(two.nameservers), "matters", "resolv.conf"
    )
    yield from _differ("ndots", one.ndots, two.ndots, "matters", "resolv.conf")
    mine, theirs = _search(here), _search(there)
    yield from _differ("search domains", mine, theirs, "matters", "resolv.conf")


def _search(view: TargetView) -> str:
    """The search list with a pod's own namespace as NAMESPACE: it differs between healthy pods."""
    own = f"{view.pod.namespace}.svc." if view.pod else ""
    names = [
        f"NAMESPACE.svc.{n.removeprefix(own)}" if own and n.startswith(own) else n
        for n in (view.network.search if view.network else ())
    ]
    return " ".join(names)


def _kernel(here: TargetView, there: TargetView) -> Iterator[Difference]:
    if here.network is not None and there.network is not None:
        yield from _differ(
            "kernel", here.network.kernel, there.network.kernel, "matters", "uname -r"
        )


def _settings(
    here: TargetView, there: TargetView, own: Mapping[str, str], other: Mapping[str, str]
) -> Iterator[Difference]:
    if own and other:
        for name in sorted(set(own) | set(other)):
            weight: Weight = "matters" if name in WEIGHTY else "differs"
            yield from _differ(name, own.get(name), other.get(name), weight, "sysctl")
        return
    for name in sorted(
        {n for view in (here, there) for n in view.values if n.startswith("sysctl ")}
        | {"conntrack_max"}
    ):
        yield from _differ(
            name.removeprefix("sysctl "),
            here.values.get(name),
            there.values.get(name),
            "matters",
            "sysctl",
        )


def _rules(here: TargetView, there: TargetView) -> Iterator[Difference]:
    mine, theirs = (
        {row.backend: row for row in (view.rules.rows if view.rules else ())}
        for view in (here, there)
    )
    for backend in sorted(set(mine) | set(theirs)) if mine and theirs else ():
        one, two = (side[backend].rules if backend in side else 0 for side in (mine, theirs))
        if abs(one - two) > max(one, two) / SHARE:
            yield Difference(f"rules of {backend}", f"{one:,}", f"{two:,}", "matters", backend)


def _fill(here: TargetView, there: TargetView) -> Iterator[Difference]:
    shares = []
    for view in (here, there):
        most = view.values.get("conntrack_max", 0)
        shares.append(100 * view.values.get("conntrack_count", 0) / most if most else None)
    one, two = shares
    if one is not None and two is not None and abs(one - two) >= SHARE:
        yield Difference(
            "conntrack fill", f"{one:.0f} %", f"{two:.0f} %", "matters", "nf_conntrack_count"
        )


def _trouble(here: TargetView, there: TargetView) -> Iterator[Difference]:
    """Counters of trouble that move here and not there, or far faster, the fastest first."""
    names = [
        n
        for view in (here, there)
        for n in view.deltas
        if describe(n).trouble and not n.startswith(("cpu/", "softnet/"))
    ]
    rates = [(name, here.rate(name), there.rate(name)) for name in dict.fromkeys(names)]
    for name, one, two in sorted(rates, key=lambda row: -max(row[1:])):
        low, high = sorted((one, two))
        if high >= LEAST and high >= TIMES * low:
            yield Difference(name, f"{one:.3g}/s", f"{two:.3g}/s", "matters", describe(name).source)


def _policies(here: TargetView, there: TargetView, snapshot: Snapshot) -> Iterator[Difference]:
    if here.pod is None or there.pod is None:
        return
    known = policies(snapshot.policies)
    mine, theirs = (
        [p.name for p in known if pod.namespace == p.namespace and p.pods(dict(pod.labels))]
        for pod in (here.pod, there.pod)
    )
    yield from _differ(
        "policies that select it", listed(mine, 6), listed(theirs, 6), "matters", "NetworkPolicies"
    )
    yield from _differ(
        "host network", here.pod.host_network, there.pod.host_network, "matters", "pod"
    )
    yield from _differ("workload", here.pod.workload, there.pod.workload, "differs", "pod")


def _services(here: TargetView, there: TargetView, snapshot: Snapshot) -> Iterator[Difference]:
    """Services of which one is a ready endpoint and the other is not, where both are of one workload."""
    if here.pod is None or there.pod is None or here.pod.workload != there.pod.workload:
        return
    mine, theirs = (
        sorted(
            row.service
            for row in snapshot.slices
            if row.namespace == pod.namespace and pod.ip in row.ready
        )
        for pod in (here.pod, there.pod)
    )
    yield from _differ(
        "ready endpoint of", listed(mine, 6), listed(theirs, 6), "matters", "EndpointSlices"
    )
