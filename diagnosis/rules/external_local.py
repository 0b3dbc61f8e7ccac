"""externalTrafficPolicy is Local, and some nodes have no local endpoint.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from collectors.events import NodeRow, ServiceRow
from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._services import node_ports
from diagnosis.snapshot import Conversation, Snapshot, listed
from diagnosis.subjects import service_subject

# labels of nodes that stand for a service of the cloud: EKS Fargate, Virtual Kubelet
VIRTUAL = {("eks.amazonaws.com/compute-type", "fargate"), ("type", "virtual-kubelet")}
KEPT_OUT = Threshold(
    "a health check, where other nodes answer that client, from",
    5,
    "times as many connections",
    CONVENTION,
)
RULE = Rule(
    id="external_local",
    title="Nodes without a local endpoint drop outside traffic: externalTrafficPolicy is Local",
    scope="Service",
    stage="cause",
    inputs=("Services", "nodes"),
    symptoms=("connect", "timeout", "nodes"),
    screen="services",
    criterion="kube-proxy forwards outside traffic to local endpoints only; of a load balancer's "
    "Service, where connections to such a node fail; of a node port, unless clients outside are "
    "seen to use other nodes alone",
    thresholds=(KEPT_OUT,),
    false_friends=("the load balancer's health check keeps those nodes out",),
    confidence="certain",
    fix="kubectl -n {namespace} patch service {name} -p "
    '\'{{"spec":{{"externalTrafficPolicy":"Cluster"}}}}\'  # or a replica on every node, or '
    "health checks on healthCheckNodePort",
    fix_kind="shell",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    workers = [node.name for node in snapshot.nodes if node.ready and not _is_virtual(node)]
    for service in snapshot.services:
        if not _is_local(service):
            continue
        local = _nodes_with_endpoints(snapshot, service)
        without = [name for name in workers if name not in local]
        if _is_balanced(service):
            without = [name for name in without if _fails_at(snapshot, service, name)]
        elif without and _are_kept_out(snapshot, service, without):
            continue
        if local and without:
            yield _finding(snapshot, service, sorted(local), without)


def _is_virtual(node: NodeRow) -> bool:
    """Whether there is no machine that could be asked: each pod has one of its own."""
    return not set(node.labels).isdisjoint(VIRTUAL)


def _is_local(service: ServiceRow) -> bool:
    return service.external_policy == "Local" and service.type in ("NodePort", "LoadBalancer")


def _is_balanced(service: ServiceRow) -> bool:
    """Whether a load balancer asks healthCheckNodePort, and keeps such nodes out."""
    return service.type == "LoadBalancer" and bool(service.balancer_ips or service.balancer_names)


def _fails_at(snapshot: Snapshot, service: ServiceRow, node: str) -> bool:
    """Whether that node was asked for it from outside, by its node port or the balancer's address,
    without an answer, by more than a balancer's health check. What its own pods ask goes to any
    endpoint (KEP-1669, kube-proxy)."""
    asked = _asked_from_outside(snapshot, service)
    served = Counter[str]()
    for name, talk in asked:
        served[talk.client] += talk.answered if name != node else 0
    return any(
        KEPT_OUT.value * talk.unanswered > served[talk.client]
        for name, talk in asked
        if name == node and talk.unanswered
    )


def _are_kept_out(snapshot: Snapshot, service: ServiceRow, nodes: list[str]) -> bool:
    """Whether clients outside use a node port, and these nodes, which are open, are not asked for
    it in earnest: something in front of the nodes checks their health."""
    open_nodes = {host.name for host in snapshot.hosts}
    asked = _asked_from_outside(snapshot, service)
    used = any(talk.answered for name, talk in asked if name not in nodes)
    return used and all(
        name in open_nodes and not _fails_at(snapshot, service, name) for name in nodes
    )


def _asked_from_outside(snapshot: Snapshot, service: ServiceRow) -> list[tuple[str, Conversation]]:
    """(node, what it saw): connections to its node ports, or to the balancer's address."""
    ports = {port.node_port for port in service.targets if port.node_port}
    return [
        (host.name, talk)
        for host in snapshot.hosts
        for talk in host.conversations
        if not _is_inside(snapshot, talk.client)
        and (
            talk.server in service.balancer_ips
            or (talk.port in ports and snapshot.node_at(talk.server) == host.name)
        )
    ]


def _is_inside(snapshot: Snapshot, client: str) -> bool:
    return client in snapshot.by_address or client in snapshot.node_addresses


def _nodes_with_endpoints(snapshot: Snapshot, service: ServiceRow) -> set[str]:
    """Ready, or ending and answering still: kube-proxy uses those where none is (KEP-1669)."""
    ends = (end for row in snapshot.slices_behind(service) for end in row.endpoints)
    return {end.node for end in ends if end.ready or (end.serving and end.terminating)}


def _finding(
    snapshot: Snapshot, service: ServiceRow, local: list[str], without: list[str]
) -> Finding:
    ports = node_ports(service)
    verb = "drops" if len(without) == 1 else "drop"
    return RULE.finding(
        subject=service_subject(service),
        title=f"{listed(without)} {verb} outside traffic for this Service: "
        "externalTrafficPolicy is Local and no ready endpoint runs there",
        evidence=_evidence(snapshot, service, local, without, ports),
        namespace=service.namespace,
        name=service.name,
        verify=f"curl to each node's port {ports or '…'} is answered",
    )


def _evidence(
    snapshot: Snapshot, service: ServiceRow, local: list[str], without: list[str], ports: str
) -> Iterator[Evidence]:
    source = f"Service {service.namespace}/{service.name}"
    where = f"ready endpoints on {listed(local)}; none on {listed(without)}"
    yield snapshot.fact("externalTrafficPolicy: Local", source)
    yield snapshot.fact(where, "EndpointSlices")
    if ports:
        yield snapshot.fact(f"node ports {ports}", source)
