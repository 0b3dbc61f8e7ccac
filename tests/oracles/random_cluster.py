"""Random small clusters as manifests, and questions about them: what tests ask the oracle."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tests.oracles.network_policy import Manifest, Question, World

APPS, TIERS, TEAMS = ("web", "db", "api"), ("front", "back"), ("red", "blue")
PORTS = (80, 443, 5432, 8080)
PORT_NAMES = {80: "http", 443: "https", 5432: "pg", 8080: "alt"}
PROTOCOLS = ("TCP", "TCP", "TCP", "UDP")
OUTSIDE = ("203.0.113.9", "198.51.100.7")
SHARED = "198.51.100.77"  # an external address, of several Services
OUTSIDE_V6 = "2001:db8:99::9"


@dataclass
class Maker:
    """Makes one cluster. All choices come from `dice`, so that a seed is a cluster."""

    dice: random.Random

    def world(self) -> World:
        world = World(nodes=self.nodes(), namespaces=self.namespaces())
        for number in range(self.dice.randint(2, 6)):
            world.pods.append(self.pod(world, number))
        for number in range(self.dice.randint(0, 3)):
            self.service(world, number)
        for number in range(self.dice.randint(0, 5)):
            world.policies.append(self.policy(world, number))
        return world

    def nodes(self) -> list[Manifest]:
        return [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": f"n{n}"},
                "spec": {"podCIDRs": [f"10.244.{n}.0/24", f"fd00:{n}::/64"]},
                "status": {
                    "addresses": [
                        {"type": "Hostname", "address": f"n{n}"},
                        {"type": "InternalIP", "address": f"192.168.5.{n}"},
                        {"type": "InternalIP", "address": f"fd05::{n}"},
                    ]
                },
            }
            for n in (1, 2)
        ]

    def namespaces(self) -> list[Manifest]:
        return [
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": name,
                    "labels": {"kubernetes.io/metadata.name": name, **self.labels(team=TEAMS)},
                },
            }
            for name in ("shop", "data")
        ]

    def labels(self, **choices: tuple[str, ...]) -> dict[str, str]:
        return {
            key: self.dice.choice(values)
            for key, values in choices.items()
            if self.dice.random() < 0.8
        }

    def addresses(self, node: int, number: int) -> list[str]:
        four, six = f"10.244.{node}.{number + 5}", f"fd00:{node}::{number + 5:x}"
        return self.dice.choice([[four], [four], [four], [six], [four, six]])

    def pod(self, world: World, number: int) -> Manifest:
        node = self.dice.choice((1, 2))
        host = self.dice.random() < 0.1
        ips = [f"192.168.5.{node}"] if host else self.addresses(node, number)
        # whether a plugin resolves a port's name on the host's network is its own
        declared = [] if host else self.dice.sample(PORTS, self.dice.randint(0, 3))
        ports: list[Manifest] = [
            {"containerPort": p, "name": PORT_NAMES[p], "protocol": "TCP"} for p in declared
        ]
        phase = self.dice.choices(("Running", "Succeeded", "Failed"), (12, 1, 1))[0]
        metadata: Manifest = {
            "namespace": self.dice.choice(("shop", "data")),
            "name": f"p{number}",
            "labels": self.labels(app=APPS, tier=TIERS),
        }
        if phase == "Running" and self.dice.random() < 0.1:
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {
                "nodeName": f"n{node}",
                "hostNetwork": host,
                "containers": [{"name": "c", "image": "i", "ports": ports}],
            },
            "status": {"phase": phase, "podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]},
        }

    # --- Services

    def service(self, world: World, number: int) -> None:
        version = self.dice.choice((4, 4, 4, 6))
        kind = self.dice.choice(("cluster", "cluster", "headless", "node"))
        namespace = self.dice.choice(("shop", "data"))
        ports = [self.service_port(p, number) for p in self.dice.sample(PORTS, 2)]
        address = f"10.96.0.{number + 10}" if version == 4 else f"fd96::{number + 10:x}"
        spec: Manifest = {
            "selector": {"app": self.dice.choice(APPS[:2])},
            "ipFamilies": [f"IPv{version}"],
            "ports": ports,
            "clusterIP": "None" if kind == "headless" else address,
            "clusterIPs": ["None"] if kind == "headless" else [address],
        }
        if kind == "node":
            spec["type"] = "NodePort"
            spec["externalTrafficPolicy"] = self.dice.choice(("Cluster", "Local"))
        else:
            for port in ports:
                port.pop("nodePort")
        if kind == "cluster" and self.dice.random() < 0.2:
            spec["internalTrafficPolicy"] = "Local"
        if kind != "headless" and version == 4 and self.dice.random() < 0.5:
            spec["externalIPs"] = [SHARED]
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"namespace": namespace, "name": f"s{number}"},
            "spec": spec,
        }
        world.services.append(service)
        world.slices += self.slices(world, service, version)

    def service_port(self, number: int, service: int) -> Manifest:
        name = PORT_NAMES[number]
        target = self.dice.choice(PORTS)
        node_port = 30_000 + 10 * service + PORTS.index(number)
        return {
            "name": name,
            "port": number,
            "protocol": "TCP",
            "targetPort": target,
            "nodePort": node_port,
        }

    def slices(self, world: World, service: Manifest, version: int) -> list[Manifest]:
        """As the controller makes them: of the pods that the selector matches, in one slice or two."""
        namespace = service["metadata"]["namespace"]
        app = service["spec"]["selector"]["app"]
        chosen = [
            pod
            for pod in world.pods
            if pod["metadata"]["namespace"] == namespace
            and pod["metadata"]["labels"].get("app") == app
            and pod["status"]["phase"] == "Running"
        ]
        groups = [chosen] if self.dice.random() < 0.7 else [chosen[:1], chosen[1:]]
        made = [self.slice(service, version, n, group) for n, group in enumerate(groups)]
        if self.dice.random() < 0.2:  # of the family that the Service has not
            made.append(self.slice(service, 10 - version, len(groups), chosen))
        return made

    def slice(self, service: Manifest, version: int, number: int, pods: list[Manifest]) -> Manifest:
        name = service["metadata"]["name"]
        ports = [
            {"name": p["name"], "port": p["targetPort"], "protocol": p["protocol"]}
            for p in service["spec"]["ports"]
            if self.dice.random() < 0.95
        ]
        found = [self.endpoint(pod, version) for pod in pods]
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "namespace": service["metadata"]["namespace"],
                "name": f"{name}-{number}",
                "labels": {"kubernetes.io/service-name": name},
            },
            "addressType": f"IPv{version}",
            "ports": ports,
            "endpoints": [endpoint for endpoint in found if endpoint is not None],
        }

    def endpoint(self, pod: Manifest, version: int) -> Manifest | None:
        ips = [entry["ip"] for entry in pod["status"]["podIPs"]]
        own = [ip for ip in ips if (":" in ip) == (version == 6)]
        if not own:
            return None
        going = "deletionTimestamp" in pod["metadata"]
        serving = self.dice.random() < 0.9
        conditions = {"ready": serving and not going, "serving": serving, "terminating": going}
        if serving and self.dice.random() < 0.2:
            del conditions["serving"]  # which means the same
        return {
            "addresses": own[:1],
            "conditions": conditions,
            "nodeName": pod["spec"]["nodeName"],
            "targetRef": {
                "kind": "Pod",
                "name": pod["metadata"]["name"],
                "namespace": pod["metadata"]["namespace"],
            },
        }

    # --- policies

    def policy(self, world: World, number: int) -> Manifest:
        spec: Manifest = {"podSelector": self.selector(app=APPS, tier=TIERS)}
        types = self.dice.choice((None, ["Ingress"], ["Egress"], ["Ingress", "Egress"]))
        if types is not None:
            spec["policyTypes"] = types
        if types is None or "Ingress" in types:
            spec["ingress"] = [self.rule("from") for _ in range(self.dice.randint(0, 2))]
        if types is not None and "Egress" in types:
            spec["egress"] = [self.rule("to") for _ in range(self.dice.randint(0, 2))]
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {
                "namespace": self.dice.choice(("shop", "data")),
                "name": f"policy{number}",
            },
            "spec": spec,
        }

    def rule(self, side: str) -> Manifest:
        rule: Manifest = {}
        if self.dice.random() < 0.8:
            rule[side] = [self.peer() for _ in range(self.dice.randint(1, 2))]
        if self.dice.random() < 0.6:
            rule["ports"] = [self.port() for _ in range(self.dice.randint(1, 2))]
        return rule

    def peer(self) -> Manifest:
        kind = self.dice.choice(("pod", "pod", "namespace", "both", "block"))
        if kind == "block":
            return {"ipBlock": self.block()}
        peer: Manifest = {}
        if kind in ("pod", "both"):
            peer["podSelector"] = self.selector(app=APPS, tier=TIERS)
        if kind in ("namespace", "both"):
            peer["namespaceSelector"] = self.selector(team=TEAMS)
        return peer

    def block(self) -> Manifest:
        """All of a family, or what is outside: how a block is read for pods is the plugin's."""
        cidr = self.dice.choice(
            ("0.0.0.0/0", "::/0", "203.0.113.0/24", "192.168.5.0/24", "2001:db8::/32")
        )
        block: Manifest = {"cidr": cidr}
        if cidr == "203.0.113.0/24" and self.dice.random() < 0.5:
            block["except"] = ["203.0.113.8/29"]
        return block

    def port(self) -> Manifest:
        port: Manifest = {"protocol": self.dice.choice(PROTOCOLS)}
        draw = self.dice.random()
        if draw < 0.2:
            port["port"] = self.dice.choice(list(PORT_NAMES.values()))
        elif draw < 0.7:
            port["port"] = self.dice.choice(PORTS)
        elif draw < 0.85:
            port |= {"port": 80, "endPort": 5000}
        return port

    def selector(self, **choices: tuple[str, ...]) -> Manifest:
        draw = self.dice.random()
        if draw < 0.2:
            return {}
        key = self.dice.choice(list(choices))
        value: Any = self.dice.choice(choices[key])
        if draw < 0.6:
            return {"matchLabels": {key: value}}
        operator = self.dice.choice(("In", "NotIn", "Exists", "DoesNotExist"))
        expression: Manifest = {"key": key, "operator": operator}
        if operator in ("In", "NotIn"):
            expression["values"] = [value]
        return {"matchExpressions": [expression]}

    # --- questions

    def question(self, world: World) -> Question:
        source = self.source(world)
        protocol = self.dice.choice(PROTOCOLS)
        draw = self.dice.random()
        if "/" not in source and draw < 0.5 and (asked := self.node_port(world, source)):
            return asked
        if "/" not in source and draw < 0.7 and (asked := self.shared(world, source)):
            return asked
        if world.services and draw < 0.4 and "/" in source:
            service = self.dice.choice(world.services)
            name = f"{service['metadata']['namespace']}/{service['metadata']['name']}"
            port = self.dice.choice([p["port"] for p in service["spec"]["ports"]] + [81])
            return Question(source, f"svc/{name}", port)
        pod = self.dice.choice(world.pods)
        destination = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        return Question(source, destination, self.dice.choice(PORTS), protocol)

    def source(self, world: World) -> str:
        if self.dice.random() < 0.2:
            return self.dice.choice((*OUTSIDE, OUTSIDE_V6))
        pod = self.dice.choice(world.pods)
        return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"

    def node_port(self, world: World, source: str) -> Question | None:
        node = self.dice.choice(("192.168.5.1", "192.168.5.2"))
        services = [s for s in world.services if s["spec"].get("type") == "NodePort"]
        if not services or ":" in source:
            return None
        port = self.dice.choice(self.dice.choice(services)["spec"]["ports"])
        return Question(source, node, port["nodePort"])

    def shared(self, world: World, source: str) -> Question | None:
        if ":" in source or not any("externalIPs" in s["spec"] for s in world.services):
            return None
        return Question(source, SHARED, self.dice.choice(PORTS))
