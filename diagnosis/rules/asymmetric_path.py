"""One direction between two nodes is tunnelled and the other is not: replies are dropped where a
firewall or the CNI expects one of them.

Facts: docs/reference/mtu.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding, Subject
from diagnosis.addresses import inside
from diagnosis.node_routes import PodRoute, pod_route
from diagnosis.rule import Rule
from diagnosis.snapshot import Snapshot

RULE = Rule(
    id="asymmetric_path",
    title="One direction between two nodes goes over an overlay, the other natively",
    scope="node",
    stage="cause",
    inputs=("links", "nodes"),
    symptoms=("nodes", "timeout", "large"),
    screen="node",
    criterion="one route to the other node's pods is over an overlay device and the route back "
    "is not",
    false_friends=(
        "both directions carry traffic and MTUs fit",
        "the pods are of two of Calico's pools, which are set so",
    ),
    confidence="certain",
    fix="kubectl -n kube-system get pods -o wide  # the CNI agents of the two nodes: same "
    "version and configuration? Restart the older one",
    fix_kind="shell",
    verify="ip route get names the same kind of device on both",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    paths = dict(_paths(snapshot))
    for (here, there), path in paths.items():
        back = paths.get((there, here))
        if back is None or not here < there or path.overlay == back.overlay:
            continue
        if _mode(snapshot, path.pod) == _mode(snapshot, back.pod):
            yield _finding(snapshot, (here, path), (there, back))


def _mode(snapshot: Snapshot, address: str) -> tuple[str, ...]:
    """How Calico is to carry what goes to that pod, by the pool of its address."""
    pools = snapshot.setting("calico ippools")
    own = (
        name.removesuffix(".cidr")
        for name, cidr in pools.items()
        if name.endswith(".cidr") and inside(address, cidr)
    )
    pool = next(own, "")
    return tuple(pools.get(f"{pool}.{mode}", "") for mode in ("ipipMode", "vxlanMode"))


def _paths(snapshot: Snapshot) -> Iterator[tuple[tuple[str, str], PodRoute]]:
    for host in snapshot.of_kind("node"):
        for other in snapshot.nodes:
            path = pod_route(snapshot, host, other) if other.name != host.node else None
            if path is not None:
                yield (host.node, other.name), path


def _finding(
    snapshot: Snapshot, here: tuple[str, PodRoute], there: tuple[str, PodRoute]
) -> Finding:
    tunnel, native = (here[1], there[1]) if here[1].overlay else (there[1], here[1])

    def route(node: str, path: PodRoute) -> Evidence:
        text = f"{path.route.destination} dev {path.route.device}"
        return snapshot.fact(text, "ip route", f"node {node}")

    return RULE.finding(
        subject=Subject(kind="node", name=here[0], detail=f"↔ {there[0]}"),
        title=f"One direction goes over {tunnel.route.device}, the other natively over "
        f"{native.route.device}",
        evidence=(route(*here), route(*there)),
    )
