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

LABEL = "synthetic"
PODS_A_SERVICE = 10
ZONES = ("zone-a", "zone-b", "zone-c")
NAMESPACES = 20


def _address(base: int, index: int) -> str:
    return f"{base}.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}"


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
            node = objects.node(
                name,
                _address(172, 0x100000 + index + 1),
                f"10.200.{index % 256}.0/24",
                ZONES[index % 3],
            )
            node["metadata"]["labels"][LABEL] = "true"
            self.store.put("nodes", node, own=True)
        for index in range(NAMESPACES if any(self._counts) else 0):
            self.store.put("namespaces", objects.namespace(f"load-{index:02d}"))
        pods, services = self._counts
        for _ in range(pods if self.node_names else 0):
            self._add_pod()
        for index in range(services):
            self._add_service(index)

    def _pod_template(self) -> Object:
        """The parts that all synthetic pods share: they are never changed in place."""
        bare = {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "app", "image": APP}]}}
        return defaults.pod(bare)

    def _add_pod(self) -> None:
        self._serial += 1
        index = self._serial
        app = f"app-{index % 500:03d}"
        namespace = f"load-{index % NAMESPACES:02d}"
        name = f"{app}-5c689d88bb-{index:05x}"
        node = self.node_names[index % len(self.node_names)]
        address = _address(11, index)
        started = now()
        container = {
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
        ready = {
            "type": "Ready",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": started,
        }
        pod = {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "generation": 1,
                "labels": {"app": app, "pod-template-hash": "5c689d88bb", LABEL: "true"},
            },
            "spec": {**self._template["spec"], "nodeName": node},
            "status": {
                "observedGeneration": 1,
                "phase": "Running",
                "podIP": address,
                "podIPs": [{"ip": address}],
                "hostIP": "172.16.0.1",
                "startTime": started,
                "containerStatuses": [container],
                "qosClass": "BestEffort",
                "conditions": [ready],
            },
        }
        self.store.put("pods", pod, own=True)

    def _add_service(self, index: int) -> None:
        app, namespace = f"app-{index % 500:03d}", f"load-{index % NAMESPACES:02d}"
        name = f"svc-{index:04d}"
        service = {
            "metadata": {"name": name, "namespace": namespace, "labels": {LABEL: "true"}},
            "spec": {
                "selector": {"app": app},
                "clusterIP": _address(10, 0x6E0000 + index),
                "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}],
            },
        }
        stored = self.store.put("services", defaults.service(service), own=True)
        endpoints = [
            {
                "addresses": [_address(11, number)],
                "nodeName": self.node_names[number % len(self.node_names)],
                "conditions": {"ready": True, "serving": True, "terminating": False},
            }
            for number in range(index + 1, min(index + 1 + PODS_A_SERVICE, self._counts[0] + 1))
            if self.node_names
        ]
        item = {
            "metadata": {
                "name": f"{name}-{index:05x}",
                "namespace": namespace,
                "generation": 1,
                "labels": {"kubernetes.io/service-name": name, LABEL: "true"},
                "ownerReferences": [owner("Service", stored)],
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
        }
        self.store.put("endpointslices", item, own=True)

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
            place = (
                f"load-{number % NAMESPACES:02d}",
                f"app-{number % 500:03d}-5c689d88bb-{number:05x}",
            )
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
