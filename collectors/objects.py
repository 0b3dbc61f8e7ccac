"""What a cluster holds, as rows: pods, nodes, Services, policies and the rest, as far as podwire
looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from collectors.frozen import frozen

Labels = tuple[tuple[str, str], ...]  # sorted


class ContainerPort(NamedTuple):
    """`host_port` 0 for none; `host_ip` '' for every address of the node."""

    name: str
    number: int
    protocol: str
    host_port: int = 0
    host_ip: str = ""


class ServicePort(NamedTuple):
    """`target` is a number or the name of a container's port; `node_port` 0 for none."""

    name: str
    number: int
    protocol: str
    target: str
    node_port: int = 0


class Endpoint(NamedTuple):
    """`pod` is the name of the pod that it leads to, '' for none. `hints` are the zones that "
    "it is meant for."""

    address: str
    ready: bool
    node: str = ""
    zone: str = ""
    pod: str = ""
    serving: bool = False
    terminating: bool = False
    hints: tuple[str, ...] = ()
    hostname: str = ""


@frozen
class PodRow:
    namespace: str
    name: str
    uid: str
    node: str
    ip: str
    phase: str
    ready: str  # "1/1"
    restarts: int
    created: float
    host_network: bool = False
    ips: tuple[str, ...] = ()  # of both families, where there are two
    workload: str = ""  # what owns it: Deployment/backend; '' for a bare pod
    labels: Labels = ()
    ports: tuple[ContainerPort, ...] = ()  # that its containers declare
    message: str = ""  # of a container that waits or has ended
    ended: bool = (
        False  # Succeeded or Failed: it has no network any more, and its address may be another's
    )
    replicas: int | None = None  # of a workload's template in a manifest; None for an actual pod
    host_ips: tuple[str, ...] = ()  # of its node
    dns_policy: str = ""
    nameservers: tuple[str, ...] = ()  # of its dnsConfig
    never_ready: bool = False  # not since it began
    program: str = ""  # a digest of its containers' images, commands and arguments
    hostname: str = ""  # that it asks for: with `subdomain` it has a name in DNS
    subdomain: str = ""
    absent: str = ""  # why a workload of a manifest has no pods; '' where it has
    generated_labels: tuple[str, ...] = ()  # of a manifest's: keys that a controller gives values
    egress_limit: int = 0  # bits a second, by an annotation for the CNI's bandwidth plugin
    ingress_limit: int = 0
    asks: tuple[str, ...] = ()  # Services by namespace/name that its configuration names
    host_aliases: Labels = ()  # (name, address) of its /etc/hosts, in their order
    kind: str = "pods"

    @property
    def addresses(self) -> tuple[str, ...]:
        """Of all families; that of a pod that has none yet is ''."""
        return self.ips or (self.ip,)

    @property
    def all_ready(self) -> bool:
        """Whether each container that it is to have is ready."""
        have, _, want = self.ready.partition("/")
        return have == want


@frozen
class NodeRow:
    name: str
    address: str
    zone: str
    ready: bool
    os: str
    arch: str
    namespace: str = ""
    pod_cidrs: tuple[str, ...] = ()
    kernel: str = ""
    labels: Labels = ()
    addresses: tuple[str, ...] = ()  # every InternalIP and ExternalIP
    kind: str = "nodes"


@frozen
class NamespaceRow:
    name: str
    namespace: str = ""
    labels: Labels = ()
    terminating: bool = False
    kind: str = "namespaces"


@frozen
class ScaledRow:
    """A workload of no replicas, with the labels that its pods would have."""

    namespace: str
    name: str
    labels: Labels = ()
    kind: str = "scaledtozero"


@frozen
class ServiceRow:
    namespace: str
    name: str
    ips: tuple[str, ...]
    ports: tuple[str, ...]  # "80/TCP"
    type: str
    selector: Labels = ()
    targets: tuple[ServicePort, ...] = ()
    external_policy: str = ""  # externalTrafficPolicy
    internal_policy: str = ""
    publish_not_ready: bool = False
    external_name: str = ""
    distribution: str = ""  # trafficDistribution
    outer_ips: tuple[str, ...] = ()  # externalIPs, and those of its load balancer
    balancer_ips: tuple[str, ...] = ()  # those of its load balancer alone
    source_ranges: tuple[str, ...] = ()  # loadBalancerSourceRanges
    headless: bool = False  # clusterIP: None
    affinity: str = ""  # sessionAffinity, '' for None
    families: tuple[str, ...] = ()  # ipFamilies; () where they are not said
    balancer_names: tuple[str, ...] = ()  # host names of its load balancer
    proxied_ips: tuple[str, ...] = ()  # of its load balancer, with ipMode Proxy
    ranges_annotated: bool = False  # source_ranges are from the annotation
    kind: str = "services"

    @property
    def selector_text(self) -> str:
        """As kubectl's -l has it: app=web,tier=front."""
        return ",".join(f"{key}={value}" for key, value in self.selector)

    def selects(self, row: PodRow | ScaledRow) -> bool:
        """Whether its selector matches that; without one it selects nothing."""
        is_near = bool(self.selector) and row.namespace == self.namespace
        return is_near and set(self.selector) <= set(row.labels)


@frozen
class SliceRow:
    """An EndpointSlice: which addresses answer for a Service, and which of them are ready;
    `changed` when it was written last."""

    namespace: str
    name: str
    service: str
    ready: tuple[str, ...]
    not_ready: tuple[str, ...]
    ports: tuple[ContainerPort, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    changed: float = 0.0
    kind: str = "endpointslices"


@frozen
class PolicyRow:
    """A NetworkPolicy. `spec` is its specification as JSON (ASCII, so safe to show); `changed`
    when somebody wrote it last."""

    namespace: str
    name: str
    spec: str
    changed: float = 0.0
    kind: str = "networkpolicies"


@frozen
class ForeignPolicyRow:
    """A policy of another API than networking.k8s.io: Calico's, Cilium's, network-policy-api's,
    and their tiers.

    `object_kind` and `api_version` together say what it is. `spec` is its specification as plain
    JSON values, strings made safe to show; Cilium's `specs` stand in it as `specs`. `namespace` is
    '' for those of the whole cluster. `kind` is cuttingpolicies for what may only cut.
    """

    namespace: str
    name: str
    api_version: str
    object_kind: str
    spec: Mapping[str, Any]
    labels: Labels = ()
    kind: str = "foreignpolicies"

    def __hash__(self) -> int:
        return hash((self.api_version, self.object_kind, self.namespace, self.name))

    @property
    def group(self) -> str:
        return self.api_version.partition("/")[0]


@frozen
class ProbeRow:
    """An Event of the kubelet: a probe of a pod that failed, what it said, how often and when
    last."""

    namespace: str
    name: str
    pod: str
    message: str
    count: int
    last: float
    kind: str = "events"


class Backend(NamedTuple):
    """Where an Ingress leads a host and path; `port` a number or a name."""

    host: str
    path: str
    service: str
    port: str


@frozen
class IngressRow:
    """`annotations` are those that a diagnosis looks at."""

    namespace: str
    name: str
    class_name: str
    backends: tuple[Backend, ...] = ()
    annotations: Labels = ()
    tls: bool = False
    kind: str = "ingresses"


@frozen
class SettingsRow:
    """How a part of the cluster's network is configured (flannel, calico ippools, cilium,
    kube-proxy): the settings by the names that their documentation uses, and the object that they
    are of."""

    name: str
    source: str
    values: Labels
    namespace: str = ""
    kind: str = "networking"


Row = (
    PodRow
    | NodeRow
    | NamespaceRow
    | ServiceRow
    | SliceRow
    | PolicyRow
    | ForeignPolicyRow
    | SettingsRow
    | ProbeRow
    | IngressRow
    | ScaledRow
)
