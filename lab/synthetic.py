"""Objects without namespaces behind them: thousands of pods, Services and nodes, with churn, for
inventory tests.

They carry the label `synthetic`, which keeps the lab's controllers, kube-proxy and policies away
from them. What is created on a synthetic node runs at once; an exec there is answered by
lab.synthetic_stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random

from lab import objects
from lab.api import defaults
from lab.api.store import Object, ObjectStore, now
from lab.images import APP, KNOWN, find
from lab.ownership import owner
from lab.podstatus import ContainerState, status_of
from lab.topology import Node

LABEL = "synthetic"
PODS_A_SERVICE = 10
ZONES = ("zone-a", "zone-b", "zone-c")
NAMESPACES = 20
TEMPLATE_HASH = "5c689d88bb"


def _address(base: int, index: int) -> str:
    return f"{base}.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}"


def _namespace(index: int) -> str:
    return f"load-{index % NAMESPACES:02d}"


def _app(index: int) -> str:
    return f"app-{index % 500:03d}"


def _pod_key(index: int) -> tuple[str, str]:
    """Namespace and name of the pod of that number."""
    return _namespace(index), f"{_app(index)}-{TEMPLATE_HASH}-{index:05x}"


def _running_status(index: int) -> Object:
    address, started = _address(11, index), now()
    ready = {
        "type": "Ready",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": started,
    }
    return {
        "observedGeneration": 1,
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "hostIP": "172.16.0.1",
        "startTime": started,
        "containerStatuses": [_running_container(index, started)],
        "qosClass": "BestEffort",
        "conditions": [ready],
    }


def _running_container(index: int, started: str) -> Object:
    return {
        "name": "app",
        "state": {"running": {"startedAt": started}},
        "lastState": {},
        "ready": True,
        "restartCount": 0,
        "image": APP,
        "imageID": KNOWN[APP].id,
        "containerID": f"containerd://{index:064x}",
        "started": True,
    }


class Synthetic:
    def __init__(
        self, store: ObjectStore, pods: int, services: int, nodes: int, churn: float
    ) -> None:
        """`churn`: changes of pods a second."""
        self.store = store
        self.node_names = [f"synth-{index:04d}" for index in range(nodes)]
        self._is_node = frozenset(self.node_names)
        self._counts = (pods, services)
        self._churn = churn
        self._random = Random("podwire synthetic")
        self._serial = 0
        self._template = self._pod_template()

    def covers(self, pod: Object) -> bool:
        return pod["spec"].get("nodeName") in self._is_node

    # --- what there is from the start

    def populate(self) -> None:
        for index, name in enumerate(self.node_names):
            self._add_node(index, name)
        for index in range(NAMESPACES if any(self._counts) else 0):
            self.store.put("namespaces", objects.namespace(f"load-{index:02d}"))
        pods, services = self._counts
        for _ in range(pods if self.node_names else 0):
            self._add_pod()
        for index in range(services):
            self._add_service(index)

    def _add_node(self, index: int, name: str) -> None:
        spec = Node(
            name=name,
            address=_address(172, 0x100000 + index + 1),
            pod_prefix=f"10.200.{index % 256}",
            zone=ZONES[index % 3],
        )
        node = objects.node(spec)
        node["metadata"]["labels"][LABEL] = "true"
        self.store.put("nodes", node, own=True)

    def _pod_template(self) -> Object:
        """The parts that all synthetic pods share: they are never changed in place."""
        bare = {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "app", "image": APP}]}}
        return defaults.pod(bare)

    def _add_pod(self) -> None:
        self._serial += 1
        index = self._serial
        namespace, name = _pod_key(index)
        app = _app(index)
        pod = {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "generation": 1,
                "labels": {"app": app, "pod-template-hash": TEMPLATE_HASH, LABEL: "true"},
            },
            "spec": {**self._template["spec"], "nodeName": self._node_of(index)},
            "status": _running_status(index),
        }
        self.store.put("pods", pod, own=True)

    def _node_of(self, index: int) -> str:
        return self.node_names[index % len(self.node_names)]

    def _add_service(self, index: int) -> None:
        service = {
            "metadata": {
                "name": f"svc-{index:04d}",
                "namespace": _namespace(index),
                "labels": {LABEL: "true"},
            },
            "spec": {
                "selector": {"app": _app(index)},
                "clusterIP": _address(10, 0x6E0000 + index),
                "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}],
            },
        }
        stored = self.store.put("services", defaults.service(service), own=True)
        self._add_slice(index, stored)

    def _add_slice(self, index: int, service: Object) -> None:
        metadata = service["metadata"]
        last = min(index + PODS_A_SERVICE, self._counts[0]) if self.node_names else 0
        item = {
            "metadata": {
                "name": f"{metadata['name']}-{index:05x}",
                "namespace": metadata["namespace"],
                "generation": 1,
                "labels": {"kubernetes.io/service-name": metadata["name"], LABEL: "true"},
                "ownerReferences": [owner("Service", service)],
            },
            "addressType": "IPv4",
            "endpoints": [self._endpoint(number) for number in range(index + 1, last + 1)],
            "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
        }
        self.store.put("endpointslices", item, own=True)

    def _endpoint(self, index: int) -> Object:
        return {
            "addresses": [_address(11, index)],
            "nodeName": self._node_of(index),
            "conditions": {"ready": True, "serving": True, "terminating": False},
        }

    # --- what happens

    async def live(self) -> None:
        """Churn for ever: restarts, and pods that go while others come."""
        if not self._churn or not self._counts[0]:
            return
        steps = self._steps()
        while True:
            await asyncio.sleep(1 / self._churn)
            next(steps)

    def _steps(self) -> Iterator[None]:
        while True:
            number = self._random.randint(max(1, self._serial - self._counts[0] + 1), self._serial)
            place = _pod_key(number)
            pod = self.store.get("pods", *place)
            if pod is not None and self._random.random() < 0.5:
                self.store.remove("pods", *place)
                self._add_pod()
            elif pod is not None:
                (entry,) = pod["status"]["containerStatuses"][:1]
                restarted = {**entry, "restartCount": entry["restartCount"] + 1}
                status = {**pod["status"], "containerStatuses": [restarted]}
                self.store.put("pods", {**pod, "status": status}, own=True)
            yield

    async def follow(self, since: int) -> None:
        """Let what is created on synthetic nodes run at once, and end at once; for ever."""
        async for change in self.store.watch(since):
            pod = change.item
            if change.resource != "pods" or change.kind == "DELETED" or not self.covers(pod):
                continue
            metadata = pod["metadata"]
            place = (metadata["namespace"], metadata["name"])
            if metadata.get("deletionTimestamp"):
                self.store.remove("pods", *place)
            elif (
                change.kind == "ADDED" and LABEL not in metadata.get("labels", {})
            ) or self._lacks(pod):
                self._start(place)

    def _lacks(self, pod: Object) -> bool:
        wanted = {c["name"] for c in pod["spec"].get("ephemeralContainers", ())}
        return wanted != {e["name"] for e in pod["status"].get("ephemeralContainerStatuses", ())}

    def _start(self, place: tuple[str, str]) -> None:
        def run(pod: Object) -> None:
            states = {}
            for key, ephemeral in (("containers", False), ("ephemeralContainers", True)):
                states[key] = [ContainerState(c, ephemeral) for c in pod["spec"].get(key, ())]
                for state in states[key]:
                    state.start(find(state.spec["image"]) or KNOWN[APP], 0, 0)
                    state.ready = not ephemeral
            address = pod["status"].get("podIP") or "172.16.0.1"
            pod["status"] = status_of(
                pod, states["containers"], states["ephemeralContainers"], ("172.16.0.1", address)
            )

        self.store.edit("pods", *place, run)
