"""What the lab is made of, as data: nodes, workloads, Services and their addresses.

Everything else in the lab (links, NAT rules, DNS names, API objects) is derived from these tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lab.images import APP, SHELL_APP

UNDERLAY_PREFIX = 24
OVERLAY_PORT = 8472  # flannel's VXLAN port (Linux default), not IANA's 4789
OVERLAY_VNI = 1
OVERLAY_MTU = 1450  # 1500 - 50 bytes of VXLAN over IPv4
DNS_SERVICE_IP = "10.96.0.10"
CLUSTER_DOMAIN = "cluster.local"
POD_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/12"


@dataclass(frozen=True, slots=True)
class Node:
    """A node: its underlay address and the /24 from which its pods get addresses."""

    name: str
    address: str
    pod_prefix: str  # first three octets of the node's pod CIDR
    zone: str
    control_plane: bool = False
    address6: str = ""  # of IPv6, where the lab has both families
    pod_prefix6: str = ""  # of a /64: fd00:244:1

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.address, self.address6)))

    @property
    def pod_cidrs(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.pod_cidr, self.pod_cidr6)))

    @property
    def gateway6(self) -> str:
        return f"{self.pod_prefix6}::1"

    @property
    def vtep6(self) -> str:
        return f"{self.pod_prefix6}::"

    @property
    def pod_cidr6(self) -> str:
        return f"{self.pod_prefix6}::/64" if self.pod_prefix6 else ""

    @property
    def gateway(self) -> str:
        return f"{self.pod_prefix}.1"

    @property
    def vtep(self) -> str:
        return f"{self.pod_prefix}.0"

    @property
    def pod_cidr(self) -> str:
        return f"{self.pod_prefix}.0/24"

    @property
    def vtep_mac(self) -> str:
        octets = [int(o) for o in self.address.split(".")]
        return "02:77:" + ":".join(f"{o:02x}" for o in octets)


SYSTEM_NAMESPACES = ("default", "kube-system", "kube-flannel", "kube-node-lease")


@dataclass(frozen=True, slots=True)
class TopologyWorkload:
    """A Deployment of the lab: which program its pods run (lab/workload.py), and on which nodes."""

    namespace: str
    app: str
    args: tuple[str, ...]
    nodes: tuple[str, ...]
    port: int | None = None
    image: str = APP
    ready_path: str = ""  # of an HTTP readiness probe


@dataclass(frozen=True, slots=True)
class Service:
    namespace: str
    name: str
    cluster_ip: str
    selector: str  # value of the `app` (or `k8s-app`) label
    ports: tuple[tuple[str, str, int, int], ...]  # name, protocol, port, target port
    node_port: int | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    nodes: tuple[Node, ...]
    workloads: tuple[TopologyWorkload, ...]
    services: tuple[Service, ...]
    idle: tuple[str, ...] = ()  # namespaces with one bare, idle, non-root pod
    security: dict[str, str] = field(
        default_factory=dict
    )  # namespace: PodSecurity level that is enforced
    external_names: dict[str, str] = field(default_factory=dict)

    @property
    def dual_stack(self) -> bool:
        return any(node.address6 for node in self.nodes)

    @property
    def namespaces(self) -> tuple[str, ...]:
        used = (workload.namespace for workload in self.workloads)
        return tuple(sorted({*SYSTEM_NAMESPACES, *self.idle, *used}))


DEFAULT = Topology(
    nodes=(
        Node("node1", "10.0.77.11", "10.244.1", "zone-a", control_plane=True),
        Node("node2", "10.0.77.12", "10.244.2", "zone-b"),
    ),
    workloads=(
        TopologyWorkload("kube-system", "kube-dns", ("dns",), ("node1",), 53),
        TopologyWorkload("shop", "backend", ("serve", "8080"), ("node1", "node2"), 8080),
        TopologyWorkload(
            "shop", "catalog", ("serve", "8080"), ("node2", "node1"), 8080, ready_path="/ready"
        ),
        TopologyWorkload("shop", "frontend", ("short", "backend", "80", "20"), ("node1", "node2")),
        TopologyWorkload("shop", "checkout", ("keepalive", "catalog", "80", "12"), ("node1",)),
        TopologyWorkload("shop", "search", ("lookups", "12"), ("node2",), image=SHELL_APP),
    ),
    services=(
        Service(
            "kube-system",
            "kube-dns",
            DNS_SERVICE_IP,
            "kube-dns",
            (("dns", "UDP", 53, 53), ("dns-tcp", "TCP", 53, 53)),
        ),
        Service("shop", "backend", "10.96.181.95", "backend", (("http", "TCP", 80, 8080),)),
        Service("shop", "catalog", "10.96.44.20", "catalog", (("http", "TCP", 80, 8080),)),
        Service(
            "shop",
            "storefront",
            "10.96.77.30",
            "backend",
            ports=(("http", "TCP", 80, 8080),),
            node_port=30080,
        ),
    ),
    idle=("base", "locked"),
    security={"base": "baseline", "locked": "restricted"},
    external_names={"api.payments.example": "203.0.113.10", "cdn.assets.example": "203.0.113.20"},
)
DUAL_STACK = replace(
    DEFAULT,
    nodes=tuple(
        replace(node, address6=f"fd00:77::1{number}", pod_prefix6=f"fd00:244:{number}")
        for number, node in enumerate(DEFAULT.nodes, 1)
    ),
)
