"""Objects without namespaces behind them: thousands of pods, Services and nodes, with churn, for
inventory tests.

They carry the label `synthetic`, which keeps the lab's controllers, kube-proxy and policies away
from them. What is created on a synthetic node runs at once; an exec there is answered by
lab.synthetic_stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from random import Random

from lab import objects
from lab.api import defaults
from lab.api.metadata import Place, containers_of, is_ending, labels_of, node_of, place_of
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
NODE_ADDRESS = "172.16.0.1"
RUNNING: Object = {"observedGeneration": 1, "phase": "Running", "qosClass": "BestEffort"}
READY: Object = {"type": "Ready", "status": "True", "lastProbeTime": None}
HTTP_PORT: Object = {"name": "http", "protocol": "TCP"}
CONTAINER: Object = {
    "name": "app",
    "lastState": {},
    "ready": True,
    "restartCount": 0,
    "image": APP,
    "imageID": KNOWN[APP].id,
    "started": True,
}


def _address(base: int, index: int) -> str:
    return f"{base}.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}"


def _namespace(index: int) -> str:
    return f"load-{index % NAMESPACES:02d}"


def _app(index: int) -> str:
    return f"app-{index % 500:03d}"


def _pod_key(index: int) -> tuple[str, str]:
    """Namespace and name of the pod of that number."""
    return _namespace(index), f"{_app(index)}-{TEMPLATE_HASH}-{index:05x}"


def _pod_metadata(index: int) -> Object:
    namespace, name = _pod_key(index)
    labels = {"app": _app(index), "pod-template-hash": TEMPLATE_HASH, LABEL: "true"}
    return {"name": name, "namespace": namespace, "generation": 1, "labels": labels}


def _running_status(index: int) -> Object:
    address, started = _address(11, index), now()
    return {
        **RUNNING,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "hostIP": NODE_ADDRESS,
        "startTime": started,
        "containerStatuses": [_running_container(index, started)],
        "conditions": [{**READY, "lastTransitionTime": started}],
    }


def _running_container(index: int, started: str) -> Object:
    state = {"running": {"startedAt": started}}
    return {**CONTAINER, "state": state, "containerID": f"containerd://{index:064x}"}


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
        return node_of(pod) in self._is_node

    # --- what there is from the start

    def populate(self) -> None:
        pods, services = self._counts
        for index, name in enumerate(self.node_names):
            self._add_node(index, name)
        for index in range(NAMESPACES if pods or services else 0):
            self.store.put("namespaces", objects.namespace(_namespace(index)))
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
        spec = {**self._template["spec"], "nodeName": self._node_of(index)}
        pod = {"metadata": _pod_metadata(index), "spec": spec, "status": _running_status(index)}
        self.store.put("pods", pod, own=True)

    def _node_of(self, index: int) -> str:
        return self.node_names[index % len(self.node_names)]

    def _add_service(self, index: int) -> None:
        metadata = {"name": f"svc-{index:04d}", "namespace": _namespace(index)}
        service = {
            "metadata": {**metadata, "labels": {LABEL: "true"}},
            "spec": _service_spec(index),
        }
        stored = self.store.put("services", defaults.service(service), own=True)
        self._add_slice(index, stored)

    def _add_slice(self, index: int, service: Object) -> None:
        item = {
            "metadata": _slice_metadata(index, service),
            "addressType": "IPv4",
            "endpoints": self._endpoints(index),
            "ports": [{**HTTP_PORT, "port": 8080}],
        }
        self.store.put("endpointslices", item, own=True)

    def _endpoints(self, index: int) -> list[Object]:
        """Of the Service of that number: the pods from that number on."""
        if not self.node_names:
            return []
        last = min(index + PODS_A_SERVICE, self._counts[0])
        return [self._endpoint(number) for number in range(index + 1, last + 1)]

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
            oldest = max(1, self._serial - self._counts[0] + 1)
            pod = self.store.get("pods", *_pod_key(self._random.randint(oldest, self._serial)))
            if pod is not None:
                self._change(pod)
            yield

    def _change(self, pod: Object) -> None:
        """It goes and another comes, or its container was restarted."""
        if self._random.random() < 0.5:
            self.store.remove("pods", *place_of(pod))
            self._add_pod()
        else:
            self.store.put("pods", {**pod, "status": _restarted(pod["status"])}, own=True)

    async def follow(self, since: int) -> None:
        """Let what is created on synthetic nodes run at once, and end at once; for ever."""
        async for change in self.store.watch(since):
            ours = change.resource == "pods" and self.covers(change.item)
            if ours and change.kind != "DELETED":
                self._follow_pod(change.item, created=change.kind == "ADDED")

    def _follow_pod(self, pod: Object, created: bool) -> None:
        if is_ending(pod):
            self.store.remove("pods", *place_of(pod))
        elif (created and _is_by_hand(pod)) or _lacks_ephemeral(pod):
            self._start(place_of(pod))

    def _start(self, place: Place) -> None:
        self.store.edit("pods", *place, _run)


def _is_by_hand(pod: Object) -> bool:
    """Created through the API, on a synthetic node."""
    return LABEL not in labels_of(pod)


def _run(pod: Object) -> None:
    """Report everything of a pod as running."""
    spec = pod["spec"]
    states = [_started(one, False) for one in spec["containers"]]
    states += [_started(one, True) for one in spec.get("ephemeralContainers", ())]
    address = pod["status"].get("podIP") or NODE_ADDRESS
    pod["status"] = status_of(pod, states, ((NODE_ADDRESS,), (address,)))


def _started(spec: Object, ephemeral: bool) -> ContainerState:
    state = ContainerState(spec, ephemeral)
    state.start(find(spec["image"]) or KNOWN[APP], 0, 0)
    state.ready = not ephemeral
    return state


def _lacks_ephemeral(pod: Object) -> bool:
    """Whether a status does not say what the spec's ephemeral containers do."""
    wanted = containers_of(pod, "ephemeralContainers")
    known = pod["status"].get("ephemeralContainerStatuses", ())
    return _names(wanted) != _names(known)


def _names(items: Iterable[Object]) -> set[str]:
    return {one["name"] for one in items}


def _restarted(status: Object) -> Object:
    """A status whose first container was restarted once more."""
    entry = status["containerStatuses"][0]
    restarted = {**entry, "restartCount": entry["restartCount"] + 1}
    return {**status, "containerStatuses": [restarted]}


def _service_spec(index: int) -> Object:
    return {
        "selector": {"app": _app(index)},
        "clusterIP": _address(10, 0x6E0000 + index),
        "ports": [{**HTTP_PORT, "port": 80, "targetPort": 8080}],
    }


def _slice_metadata(index: int, service: Object) -> Object:
    namespace, name = place_of(service)
    return {
        "name": f"{name}-{index:05x}",
        "namespace": namespace,
        "generation": 1,
        "labels": {"kubernetes.io/service-name": name, LABEL: "true"},
        "ownerReferences": [owner("Service", service)],
    }
