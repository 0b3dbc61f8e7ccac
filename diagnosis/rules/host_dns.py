"""A pod on the host's network asks its node's resolver, which knows no name of the cluster.

With hostNetwork the kubelet reads dnsPolicy ClusterFirst as Default:
https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-dns-policy
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from collectors.events import PodRow, ServiceRow
from collectors.findings import Evidence, Finding
from diagnosis.addresses import LOOPBACK, addresses_of
from diagnosis.by_key import by_key
from diagnosis.rule import Rule
from diagnosis.rules._dns import SOURCE
from diagnosis.rules._services import is_dns
from diagnosis.snapshot import KUBERNETES, Snapshot, TargetView, listed
from diagnosis.subjects import pod_subject, workload_name

RULE = Rule(
    id="host_dns",
    title="A pod on the host's network asks for names of the cluster, which its node's resolver "
    "does not know",
    scope="pod",
    stage="cause",
    inputs=("pods", "Services", "DNS", "resolv.conf"),
    symptoms=("name", "connect"),
    screen="pods",
    criterion="hostNetwork with dnsPolicy ClusterFirst, and a Service's name in the pod's "
    "configuration, or NXDOMAIN for one that the node's address asked for",
    false_friends=(
        "the node's resolv.conf leads to the cluster's DNS",
        "the name is that of a certificate, and nobody asks for it",
        "the pod's /etc/hosts has the name (hostAliases)",
    ),
    fix_kind="shell",
    verify="getent hosts kubernetes.default.svc in the pod answers",
)
PATCH = (
    "# the pod's own resolver is the cluster's only with ClusterFirstWithHostNet\n"
    "kubectl -n {namespace} patch {kind} {name} --type merge -p "
    """'{{"spec":{{"template":{{"spec":{{"dnsPolicy":"ClusterFirstWithHostNet"}}}}}}}}'"""
)
BARE = (
    "kubectl -n {namespace} get pod {name} -o yaml  # write it again with dnsPolicy: "
    "ClusterFirstWithHostNet"
)
ROLLED_OUT = ("Deployment", "StatefulSet", "DaemonSet")
LINK_LOCAL = "169.254."  # of a cache of the cluster's DNS on the node
SYSTEM = "kube-system"


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    services = {f"{row.namespace}/{row.name}": row for row in snapshot.services}
    pods = [pod for pod in snapshot.pods if _asks_the_node(pod) and services]
    configured = [pod for pod in pods if _is_configured(snapshot, services, pod)]
    for alike in by_key(configured, lambda pod: (pod.namespace, pod.workload or pod.name)).values():
        yield _of_configured(snapshot, services, alike)
    yield from _of_questions(snapshot, services, pods, {pod.node for pod in configured})


def _asks_the_node(pod: PodRow) -> bool:
    is_default = pod.dns_policy in ("", "ClusterFirst")
    return pod.host_network and is_default and bool(pod.node) and not pod.ended


def _is_configured(snapshot: Snapshot, services: dict[str, ServiceRow], pod: PodRow) -> bool:
    return bool(_names(snapshot, services, pod)) and not _knows_the_cluster(snapshot, pod.node)


def _names(snapshot: Snapshot, services: dict[str, ServiceRow], pod: PodRow) -> list[str]:
    """Services that its configuration names: not its own (a server's certificate has that name),
    nor the API server's, by which tokens are issued."""
    named = (services[name] for name in pod.asks if name in services)
    return [
        f"{row.name}.{row.namespace}.svc"
        for row in named
        if pod not in snapshot.selected(row) and (row.namespace, row.name) != KUBERNETES
        if not _is_in_hosts(pod, f"{row.name}.{row.namespace}")
    ]


def _is_in_hosts(pod: PodRow, name: str) -> bool:
    """Whether its /etc/hosts has that name, with or without what follows (hostAliases)."""
    return any(alias == name or alias.startswith(f"{name}.") for alias, _ in pod.host_aliases)


def _knows_the_cluster(snapshot: Snapshot, node: str) -> bool:
    """Whether the node's resolv.conf, where it was read, leads to the cluster's DNS, or to a cache
    that may."""
    cluster = {ip for service in snapshot.services if is_dns(service) for ip in service.ips}
    servers = {one for view in _on_node(snapshot, node) for one in _nameservers(view)}
    return any(one in cluster or one.startswith(LINK_LOCAL) for one in servers)


def _on_node(snapshot: Snapshot, node: str) -> Iterator[TargetView]:
    """Vantage points in the node's own network: the node, else the pods there that are open."""
    views = [view for view in snapshot.targets if view.node == node and _is_host(view)]
    nodes = [view for view in views if view.kind == "node"]
    yield from nodes or views


def _is_host(view: TargetView) -> bool:
    return view.kind == "node" or (view.pod is not None and view.pod.host_network)


def _nameservers(view: TargetView) -> tuple[str, ...]:
    return view.network.nameservers if view.network else ()


# --- by the pod's configuration


def _of_configured(
    snapshot: Snapshot, services: dict[str, ServiceRow], pods: Sequence[PodRow]
) -> Finding:
    pod = pods[0]
    names = _names(snapshot, services, pod)
    missing = [f for one in pods for f in _missing(snapshot, services, one.node) if f[0] in names]
    return RULE.finding(
        subject=pod_subject(pod),
        severity="critical" if missing else "warning",
        title=f"It is on the host's network and asks its node's resolver: {listed(names)} "
        f"{'does' if len(names) == 1 else 'do'} not resolve{_others(pods)}",
        evidence=(*_about(snapshot, pod, names), *_questions(snapshot, missing)),
        confidence="certain" if missing else "likely",
        fix=_fix(pod),
    )


def _others(pods: Sequence[PodRow]) -> str:
    return f" (and {len(pods) - 1} more of its workload)" if len(pods) > 1 else ""


def _about(snapshot: Snapshot, pod: PodRow, names: Iterable[str]) -> Iterator[Evidence]:
    policy = f"hostNetwork, dnsPolicy {pod.dns_policy or 'ClusterFirst'}"
    yield snapshot.fact(policy, f"pod {pod.namespace}/{pod.name}")
    if text := listed(names):
        yield snapshot.fact(f"its command, arguments or environment name {text}", "pods")
    for view in _on_node(snapshot, pod.node):
        if servers := listed(_nameservers(view)):
            yield view.fact(f"nameserver {servers}", "/etc/resolv.conf")


def _fix(pod: PodRow) -> str:
    kind, name = pod.workload.partition("/")[0], workload_name(pod)
    if kind in ROLLED_OUT:
        return PATCH.format(namespace=pod.namespace, kind=kind.lower(), name=name)
    return BARE.format(namespace=pod.namespace, name=pod.name)


# --- by questions that a capture saw

Missing = tuple[str, str, TargetView]  # name.namespace.svc, as it was asked, and where


def _missing(snapshot: Snapshot, services: dict[str, ServiceRow], node: str) -> Iterator[Missing]:
    """Names of Services that the node's own addresses asked for, and that do not exist. What a pod
    asked for as well may have left with the node's address."""
    for view in _on_node(snapshot, node):
        asked = view.lookups.missing if view.lookups else {}
        own = {name for client in asked if _is_of(snapshot, view, client) for name in asked[client]}
        others = {
            name
            for client, names in asked.items()
            if client in snapshot.by_address
            for name in names
        }
        for name in sorted(own - others):
            if service := service_named(services, name):
                yield f"{service.name}.{service.namespace}.svc", name, view


def _is_of(snapshot: Snapshot, view: TargetView, client: str) -> bool:
    own = {address for link in view.links for address in addresses_of(link)}
    return client.startswith(LOOPBACK) or client in own or snapshot.node_at(client) == view.node


def service_named(services: dict[str, ServiceRow], name: str) -> ServiceRow | None:
    """`backend.shop`, `backend.shop.svc`, and what follows."""
    labels = name.lower().rstrip(".").split(".")
    if len(labels) < 2 or (len(labels) > 2 and labels[2] != "svc"):
        return None
    return services.get(f"{labels[1]}/{labels[0]}")


def _of_questions(
    snapshot: Snapshot,
    services: dict[str, ServiceRow],
    pods: Sequence[PodRow],
    said: set[str],
) -> Iterator[Finding]:
    """Of nodes on which no pod is configured so: which pod asks is not seen, where several may."""
    for node, own in by_key(pods, lambda pod: pod.node).items():
        missing = list(_missing(snapshot, services, node))
        if node in said or not missing or _knows_the_cluster(snapshot, node):
            continue
        yield _of_one_of(snapshot, _likeliest(own, missing), missing)


def _likeliest(pods: Sequence[PodRow], missing: Sequence[Missing]) -> Sequence[PodRow]:
    """Those of the namespace that is asked for, else those that are not the cluster's own."""
    namespaces = {name.split(".")[1] for name, _, _ in missing}
    near = [pod for pod in pods if pod.namespace in namespaces]
    return near or [pod for pod in pods if pod.namespace != SYSTEM] or pods


def _of_one_of(snapshot: Snapshot, pods: Sequence[PodRow], missing: Sequence[Missing]) -> Finding:
    view = missing[0][2]
    names = listed(dict.fromkeys(name for name, _, _ in missing))
    candidates = listed(f"{pod.namespace}/{pod.name}" for pod in pods)
    alone = len(pods) == 1
    who = "It is on the host's network" if alone else f"A pod on {view.node}'s network"
    which = "" if alone else f"; one of {candidates}"
    return RULE.finding(
        subject=pod_subject(pods[0]) if alone else view.subject,
        title=f"{who} and asks the node's resolver for {names}, which it does not know{which}",
        evidence=(*_about(snapshot, pods[0], ()), *_questions(snapshot, missing)),
        confidence="likely" if alone else "possible",
        fix="\n".join(dict.fromkeys(map(_fix, pods[:3]))),
    )


def _outside(snapshot: Snapshot, view: TargetView) -> list[str]:
    """The servers that are not the cluster's."""
    known = snapshot.by_address.keys() | snapshot.service_by_address.keys()
    return [one for one in (view.lookups.servers if view.lookups else ()) if one not in known]


def _questions(snapshot: Snapshot, missing: Sequence[Missing]) -> Iterator[Evidence]:
    if missing:
        names = listed(dict.fromkeys(asked for _, asked, _ in missing))
        view = missing[0][2]
        servers = listed(_outside(snapshot, view))
        by = f", of {servers}" if servers else ""
        text = f"NXDOMAIN for {names}{by}, asked by the node's own address"
        yield view.fact(text, SOURCE)
