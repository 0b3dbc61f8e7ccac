"""Which pod may talk to which, worked out from Kubernetes' documentation alone, over plain manifests.

An oracle for tests: it shares no code with the product and was written without reading it. Sources:
kubernetes.io, concepts 'Network Policies', 'Service', 'EndpointSlices', 'Virtual IPs and Service
Proxies'. The documentation says that traffic to and from the node where a pod runs is always
allowed; plugins hold to it for what comes from the node, and police what a pod sends to it (Calico,
Cilium, kube-router): so does this.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from typing import Any

Manifest = dict[str, Any]
FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Question:
    """`source` and `destination` are pods as `namespace/name`, addresses, or (destination only)
    `svc/namespace/name`."""

    source: str
    destination: str
    port: int
    protocol: str = "TCP"


@dataclass(frozen=True)
class Party:
    """An end of a connection: its address, and the pod behind it where there is one that policies
    can select."""

    address: str
    pod: Manifest | None = None
    node: str = ""  # on which it runs, or which it is

    @property
    def selectable(self) -> Manifest | None:
        """A pod on the host's network is the node, to a policy."""
        return None if self.pod is None or host_network(self.pod) else self.pod


def host_network(pod: Manifest) -> bool:
    return bool(pod["spec"].get("hostNetwork"))


def name_of(item: Manifest) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def family(address: str) -> int:
    return ip_address(address).version


@dataclass
class World:
    """Manifests by kind, as a cluster would hold them."""

    nodes: list[Manifest] = field(default_factory=list)
    namespaces: list[Manifest] = field(default_factory=list)
    pods: list[Manifest] = field(default_factory=list)
    services: list[Manifest] = field(default_factory=list)
    slices: list[Manifest] = field(default_factory=list)
    policies: list[Manifest] = field(default_factory=list)

    # --- who is who

    def addresses(self, pod: Manifest) -> list[str]:
        if pod["status"]["phase"] in FINISHED:
            return []  # its sandbox is gone; somebody else may have the address
        return [entry["ip"] for entry in pod["status"].get("podIPs", ())]

    def party(self, address: str) -> Party:
        for pod in self.pods:
            if address in self.addresses(pod) and not host_network(pod):
                return Party(address, pod, pod["spec"]["nodeName"])
        for node in self.nodes:
            if address in node_addresses(node):
                return Party(address, None, node["metadata"]["name"])
        return Party(address)

    def pod(self, name: str) -> Manifest:
        return next(pod for pod in self.pods if name_of(pod) == name)

    def sources(self, text: str) -> list[Party]:
        """A party per address of the source."""
        if "/" not in text:
            return [self.party(text)]
        pod = self.pod(text)
        return [Party(ip, pod, pod["spec"]["nodeName"]) for ip in self.addresses(pod)]

    # --- policies

    def policies_of(self, pod: Manifest, direction: str) -> list[Manifest]:
        return [p for p in self.policies if self._selects(p, pod) and direction in types_of(p)]

    def _selects(self, policy: Manifest, pod: Manifest) -> bool:
        same = policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
        return same and matches(policy["spec"].get("podSelector"), labels(pod))

    def permitted(self, source: Party, to: Party, port: int, protocol: str) -> bool:
        """Whether policies of both ends let a packet through that is already translated."""
        if ip_address(to.address).is_loopback or source.address == to.address:
            return True  # a pod cannot block access to itself
        if source.node and source.node == to.node and source.selectable is None:
            return True  # a node always reaches its own pods: the kubelet probes them
        return self._side(source, to, "Egress", to, port, protocol) and self._side(
            to, source, "Ingress", to, port, protocol
        )

    def _side(
        self, own: Party, peer: Party, direction: str, server: Party, port: int, protocol: str
    ) -> bool:
        pod = own.selectable
        applying = self.policies_of(pod, direction) if pod is not None else []
        if not applying:
            return True
        return any(
            self._rule_admits(policy, rule, direction, peer)
            and port_admitted(rule.get("ports"), server.pod, port, protocol)
            for policy in applying
            for rule in policy["spec"].get(direction.lower()) or ()
        )

    def _rule_admits(self, policy: Manifest, rule: Manifest, direction: str, peer: Party) -> bool:
        peers = rule.get("to" if direction == "Egress" else "from")
        if not peers:
            return True
        namespace = policy["metadata"]["namespace"]
        return any(self._peer_matches(entry, namespace, peer) for entry in peers)

    def _peer_matches(self, entry: Manifest, namespace: str, peer: Party) -> bool:
        if "ipBlock" in entry:
            return in_block(peer.address, entry["ipBlock"])
        pod = peer.selectable
        if pod is None:
            return False
        if "namespaceSelector" in entry:
            owner = next(
                n for n in self.namespaces if n["metadata"]["name"] == pod["metadata"]["namespace"]
            )
            if not matches(entry["namespaceSelector"], labels(owner)):
                return False
        elif pod["metadata"]["namespace"] != namespace:
            return False
        return "podSelector" not in entry or matches(entry["podSelector"], labels(pod))

    # --- Services

    def slices_of(self, service: Manifest, version: int) -> list[Manifest]:
        label = "kubernetes.io/service-name"
        return [
            s
            for s in self.slices
            if s["metadata"]["namespace"] == service["metadata"]["namespace"]
            and labels(s).get(label) == service["metadata"]["name"]
            and s["addressType"] == f"IPv{version}"
        ]

    def backends(
        self, service: Manifest, port: Manifest | None, version: int, local_to: str | None
    ) -> list[tuple[str, int]]:
        """(address, port) of the endpoints that get traffic; port 0 is 'not translated'. `local_to`
        is the node whose endpoints alone count."""
        found: dict[str, list[tuple[str, int]]] = {"ready": [], "terminating": []}
        for item in self.slices_of(service, version):
            numbers = slice_ports(item, port) if port is not None else [0]
            for endpoint in item["endpoints"]:
                if local_to is not None and endpoint.get("nodeName") != local_to:
                    continue
                kind = condition(endpoint)
                if kind:
                    found[kind] += [
                        (address, number)
                        for address in endpoint["addresses"][:1]
                        for number in numbers
                    ]
        headless = port is None
        return found["ready"] or ([] if headless else found["terminating"])

    # --- the answer

    def answer(self, question: Question) -> str:
        """'allowed' (each backend is reachable), 'denied' (none is), 'partly', or 'unknown' where
        the documentation leaves it to the network plugin."""
        outcomes: list[bool | None] = []
        for source in self.sources(question.source):  # the first family that works out is used
            outcomes = outcomes or list(self._of(source, question))
        if not any(outcomes):
            return "denied" if False in outcomes or not outcomes else "unknown"
        if False in outcomes:
            return "partly"
        return "unknown" if None in outcomes else "allowed"

    def _of(self, source: Party, asked: Question) -> Iterator[bool | None]:
        """An outcome per endpoint that a connection from this address could reach."""
        if asked.destination.startswith("svc/"):
            yield from self._of_service(source, asked)
        elif "/" in asked.destination:
            pod = self.pod(asked.destination)
            for address in self.addresses(pod):
                if family(address) == family(source.address):
                    to = Party(address, pod, pod["spec"]["nodeName"])
                    yield self.permitted(source, to, asked.port, asked.protocol)
        else:
            yield from self._of_address(source, asked)

    def _through(self, source: Party, to: Party, port: int, protocol: str) -> bool | None:
        """By a Service. A pod cannot block access to itself; whether its policies are asked all the
        same of what its own Service sends back to it is the plugin's."""
        allowed = self.permitted(source, to, port, protocol)
        if source.address != to.address or source.selectable is None:
            return allowed
        sides = (source, to, "Egress"), (to, source, "Ingress")
        asked = all(self._side(a, b, d, to, port, protocol) for a, b, d in sides)
        return allowed if asked else None

    def _of_service(self, source: Party, asked: Question) -> Iterator[bool | None]:
        service = next(s for s in self.services if f"svc/{name_of(s)}" == asked.destination)
        spec = service["spec"]
        if spec.get("clusterIP") == "None":
            for address, _ in self.backends(service, None, family(source.address), None):
                yield self.permitted(source, self.party(address), asked.port, asked.protocol)
            return
        if not any(family(ip) == family(source.address) for ip in spec["clusterIPs"]):
            return
        port = service_port(service, "port", asked)
        if port is None:
            return
        local = source.node if spec.get("internalTrafficPolicy") == "Local" else None
        for address, number in self.backends(service, port, family(source.address), local):
            yield self._through(source, self.party(address), number, asked.protocol)

    def _of_address(self, source: Party, asked: Question) -> Iterator[bool | None]:
        if family(asked.destination) != family(source.address):
            return
        for service in self.services:
            if asked.destination in service["spec"].get("clusterIPs", ()):
                by_name = replace(asked, destination=f"svc/{name_of(service)}")
                yield from self._of_service(source, by_name)
                return
        if any(asked.destination in s["spec"].get("externalIPs", ()) for s in self.services):
            yield from self._by_external_ip(source, asked)
            return
        node = next((n for n in self.nodes if asked.destination in node_addresses(n)), None)
        if node is not None and source.pod is None and not source.node:
            found = self._node_port(asked)
            if found is not None:
                yield from self._through_node_port(source, node, *found, asked.protocol)
                return
        yield self.permitted(source, self.party(asked.destination), asked.port, asked.protocol)

    def _by_external_ip(self, source: Party, asked: Question) -> Iterator[bool | None]:
        """From outside, by whichever node receives it. Services may share the address: the port
        and the protocol say which is meant, and none is reached by another port."""
        for service in self.services:
            port = service_port(service, "port", asked)
            if port is not None and asked.destination in service["spec"].get("externalIPs", ()):
                for node in self.nodes:
                    yield from self._through_node_port(source, node, service, port, asked.protocol)
                return

    def _node_port(self, asked: Question) -> tuple[Manifest, Manifest] | None:
        for service in self.services:
            if service["spec"].get("type") == "NodePort":
                port = service_port(service, "nodePort", asked)
                if port is not None:
                    return service, port
        return None

    def _through_node_port(
        self, source: Party, node: Manifest, service: Manifest, port: Manifest, protocol: str
    ) -> Iterator[bool | None]:
        """From outside, at a node. Cluster hides the source behind the node; Local keeps it. At a
        pod of that node policies may see it before it is hidden."""
        name, version = node["metadata"]["name"], family(source.address)
        if not any(family(ip) == version for ip in service["spec"]["clusterIPs"]):
            return  # a Service is of the families of its ClusterIPs, its node ports, too
        local = service["spec"].get("externalTrafficPolicy") == "Local"
        seen_as = source
        if not local:
            own = next(a for a in node_addresses(node) if family(a) == version)
            seen_as = Party(own, None, name)
        for address, number in self.backends(service, port, version, name if local else None):
            to = self.party(address)
            hidden = self.permitted(seen_as, to, number, protocol)
            plain = self.permitted(source, to, number, protocol)
            undecided = not local and to.node == name and to.selectable and hidden != plain
            yield None if undecided else hidden


# --- small parts


def labels(item: Manifest) -> dict[str, str]:
    found: dict[str, str] = item["metadata"].get("labels") or {}
    return found


def node_addresses(node: Manifest) -> list[str]:
    wanted = ("InternalIP", "ExternalIP")
    return [a["address"] for a in node["status"]["addresses"] if a["type"] in wanted]


def types_of(policy: Manifest) -> list[str]:
    spec = policy["spec"]
    given: list[str] | None = spec.get("policyTypes")
    return given or ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def matches(selector: Manifest | None, have: dict[str, str]) -> bool:
    """A label selector: an empty one matches everything."""
    selector = selector or {}
    equal = all(have.get(k) == v for k, v in (selector.get("matchLabels") or {}).items())
    return equal and all(
        expression_holds(one, have) for one in selector.get("matchExpressions") or ()
    )


def expression_holds(expression: Manifest, have: dict[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return key in have and have[key] in values
        case "NotIn":
            return key not in have or have[key] not in values
        case "Exists":
            return key in have
        case "DoesNotExist":
            return key not in have
    raise AssertionError(expression)


def in_block(address: str, block: Manifest) -> bool:
    own = ip_address(address)

    def inside(cidr: str) -> bool:
        network = ip_network(cidr)
        return network.version == own.version and own in network

    return inside(block["cidr"]) and not any(inside(cidr) for cidr in block.get("except") or ())


def port_admitted(
    ports: list[Manifest] | None, server: Manifest | None, port: int, protocol: str
) -> bool:
    """`server` is the pod that is connected to: names of ports are those of its containers."""
    if not ports:
        return True
    return any(
        entry.get("protocol", "TCP") == protocol and number_admitted(entry, server, port, protocol)
        for entry in ports
    )


def number_admitted(entry: Manifest, server: Manifest | None, port: int, protocol: str) -> bool:
    wanted = entry.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return any(
            declared.get("name") == wanted
            and declared["containerPort"] == port
            and declared.get("protocol", "TCP") == protocol
            for container in (server or {"spec": {"containers": ()}})["spec"]["containers"]
            for declared in container.get("ports", ())
        )
    last: Any = entry.get("endPort", wanted)
    return bool(wanted <= port <= last)


def service_port(service: Manifest, key: str, asked: Question) -> Manifest | None:
    for port in service["spec"].get("ports", ()):
        if port.get(key) == asked.port and port.get("protocol", "TCP") == asked.protocol:
            found: Manifest = port
            return found
    return None


def slice_ports(item: Manifest, port: Manifest) -> list[int]:
    """The numbers that a slice gives for a port of its Service: matched by name."""
    return [
        entry["port"]
        for entry in item.get("ports") or ()
        if (entry.get("name") or "") == (port.get("name") or "")
        and entry.get("protocol", "TCP") == port.get("protocol", "TCP")
    ]


def condition(endpoint: Manifest) -> str:
    """'ready', 'terminating' (serving still: used where nothing else is left) or ''. What is not
    said of ready and serving is true (API reference, EndpointSlice: EndpointConditions)."""
    state = endpoint.get("conditions") or {}
    if state.get("ready", True):
        return "ready"
    return "terminating" if state.get("serving", True) and state.get("terminating") else ""
