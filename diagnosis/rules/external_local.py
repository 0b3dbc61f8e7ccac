"""externalTrafficPolicy is Local, and some nodes have no local endpoint.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import NodeRow, ServiceRow
from collectors.findings import Evidence, Finding
from diagnosis.rule import Rule
from diagnosis.rules._services import node_ports
from diagnosis.snapshot import Snapshot, listed
from diagnosis.subjects import service_subject

# labels of nodes that stand for a service of the cloud: EKS Fargate, Virtual Kubelet
VIRTUAL = {("eks.amazonaws.com/compute-type", "fargate"), ("type", "virtual-kubelet")}
RULE = Rule(
    id="external_local",
    title="Nodes without a local endpoint drop outside traffic: externalTrafficPolicy is Local",
    scope="Service",
    stage="cause",
    inputs=("Services", "nodes"),
    symptoms=("connect", "timeout", "nodes"),
    screen="services",
    criterion="kube-proxy forwards outside traffic to local endpoints only; of a load balancer's "
    "Service, where connections to such a node fail",
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
    in vain. What its own pods ask goes to any endpoint (KEP-1669, kube-proxy)."""
    ports = {port.node_port for port in service.targets if port.node_port}
    return any(
        talk.unanswered
        and not _is_inside(snapshot, talk.client)
        and (
            talk.server in service.balancer_ips
            or (talk.port in ports and snapshot.node_at(talk.server) == node)
        )
        for host in snapshot.hosts
        if host.name == node
        for talk in host.conversations
    )


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
