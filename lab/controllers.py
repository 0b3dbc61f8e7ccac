"""The controllers of the lab: Deployments and DaemonSets become pods, Services and pods become EndpointSlices.

Each is a function from what the store holds to what it should hold; `follow` runs them after every change.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import string
from collections.abc import Awaitable, Callable, Iterable
from random import Random
from typing import Any

from lab.api import defaults
from lab.api.resources import BY_KIND
from lab.api.selectors import matches_labels
from lab.api.status import ApiError
from lab.api.store import Object, ObjectStore
from lab.objects import NODES

Terminate = Callable[[Object, Object], Object]
Check = Callable[[Object], None]
SETTLE_S = 0.02
WATCHED = frozenset(
    (
        "deployments",
        "replicasets",
        "daemonsets",
        "pods",
        "services",
        "networkpolicies",
        "namespaces",
        "nodes",
    )
)


def owner(kind: str, item: Object) -> Object:
    return {
        "apiVersion": BY_KIND[kind].group_version,
        "kind": kind,
        "name": item["metadata"]["name"],
        "uid": item["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned_by(item: Object) -> str:
    """The uid of an object's controller."""
    return next(
        (str(o["uid"]) for o in item["metadata"].get("ownerReferences", ()) if o.get("controller")),
        "",
    )


def is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


class Controllers:
    """`nodes` are those that run pods; `terminate` begins a pod's end; `check` is PodSecurity admission."""

    def __init__(
        self,
        store: ObjectStore,
        nodes: list[str],
        zones: dict[str, str],
        terminate: Terminate,
        check: Check,
    ):
        self.store = store
        self.nodes = nodes
        self.zones = zones
        self._terminate = terminate
        self._check = check
        self._random = Random("podwire lab")

    async def follow(self, since: int, after: Callable[[], Awaitable[None]]) -> None:
        """Settle after every burst of changes that matters, then call `after`; for ever."""
        stirred = asyncio.Event()

        async def listen() -> None:
            async for change in self.store.watch(since):
                if change.resource in WATCHED and not change.item["metadata"].get("labels", {}).get(
                    "synthetic"
                ):
                    stirred.set()

        listening = asyncio.create_task(listen())
        try:
            while True:
                await stirred.wait()
                await asyncio.sleep(SETTLE_S)
                stirred.clear()
                self.settle()
                await after()
        finally:
            listening.cancel()

    def settle(self) -> None:
        self._remove_orphans()
        for item in list(self.store.items("deployments")):
            self._deployment(item)
        for item in list(self.store.items("daemonsets")):
            self._daemon_set(item)
        for item in list(self.store.items("replicasets")):
            self._replica_set(item)
        for item in list(self.store.items("services")):
            self._slices(item)

    # --- workloads

    def _remove_orphans(self) -> None:
        uids = {
            i["metadata"]["uid"]
            for r in ("deployments", "replicasets", "daemonsets")
            for i in self.store.items(r)
        }
        for item in [
            i for i in self.store.items("replicasets") if owned_by(i) and owned_by(i) not in uids
        ]:
            self.store.remove(
                "replicasets", item["metadata"]["namespace"], item["metadata"]["name"]
            )
            uids.discard(item["metadata"]["uid"])
        for pod in list(self._real_pods()):
            references = pod["metadata"].get("ownerReferences", ())
            if (
                any(o["kind"] in ("ReplicaSet", "DaemonSet") for o in references)
                and owned_by(pod) not in uids
            ):
                self._end(pod)
        services = {s["metadata"]["uid"] for s in self.store.items("services")}
        for item in [
            i
            for i in self.store.items("endpointslices")
            if owned_by(i) and owned_by(i) not in services
        ]:
            self.store.remove(
                "endpointslices", item["metadata"]["namespace"], item["metadata"]["name"]
            )

    def _real_pods(self, namespace: str = "") -> Iterable[Object]:
        return (
            p
            for p in self.store.items("pods", namespace)
            if "synthetic" not in p["metadata"].get("labels", {})
        )

    def _pods_of(self, item: Object) -> list[Object]:
        uid = item["metadata"]["uid"]
        return [p for p in self._real_pods(item["metadata"]["namespace"]) if owned_by(p) == uid]

    def _end(self, pod: Object) -> None:
        if not pod["metadata"].get("deletionTimestamp"):
            self._terminate(pod, {"gracePeriodSeconds": 1})

    def _deployment(self, item: Object) -> None:
        """One ReplicaSet for the current template; those of earlier ones go first (strategy Recreate)."""
        metadata, spec = item["metadata"], item["spec"]
        digest = hashlib.sha256(json.dumps(spec["template"], sort_keys=True).encode()).hexdigest()[
            :10
        ]
        name = f"{metadata['name']}-{digest}"
        mine = [
            r
            for r in self.store.items("replicasets", metadata["namespace"])
            if owned_by(r) == metadata["uid"]
        ]
        current = next((r for r in mine if r["metadata"]["name"] == name), None)
        for old in mine:
            if old is not current:
                self.store.remove("replicasets", metadata["namespace"], old["metadata"]["name"])
                for pod in self._pods_of(old):
                    self._end(pod)
        labels = {**spec["template"]["metadata"].get("labels", {}), "pod-template-hash": digest}
        if current is None:
            template = {
                **spec["template"],
                "metadata": {**spec["template"]["metadata"], "labels": labels},
            }
            selector = {
                "matchLabels": {
                    **spec["selector"].get("matchLabels", {}),
                    "pod-template-hash": digest,
                }
            }
            made = {
                "metadata": {
                    "name": name,
                    "namespace": metadata["namespace"],
                    "labels": labels,
                    "generation": 1,
                    "ownerReferences": [owner("Deployment", item)],
                },
                "spec": {
                    "replicas": spec.get("replicas", 1),
                    "selector": selector,
                    "template": template,
                },
            }
            self.store.put("replicasets", made)
        elif current["spec"]["replicas"] != spec.get("replicas", 1):
            count = spec.get("replicas", 1)
            self.store.edit(
                "replicasets",
                metadata["namespace"],
                name,
                lambda r: r["spec"].update(replicas=count),
            )
        pods = self._pods_of(current) if current else []
        ready = sum(is_ready(p) for p in pods)
        counts = {
            "observedGeneration": metadata.get("generation", 1),
            "replicas": len(pods),
            "updatedReplicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        self._set_status("deployments", item, counts)

    def _set_status(self, resource: str, item: Object, status: Object) -> None:
        place = item["metadata"]["namespace"], item["metadata"]["name"]
        self.store.edit(
            resource, *place, lambda i: i.update(status={**i.get("status", {}), **status})
        )

    def _replica_set(self, item: Object) -> None:
        pods = self._pods_of(item)
        live = [p for p in pods if not p["metadata"].get("deletionTimestamp")]
        wanted = item["spec"].get("replicas", 1)
        for pod in self._in_order(item, live)[wanted:]:
            self._end(pod)
        for _ in range(wanted - len(live)):
            made = self._make("ReplicaSet", item, self._place(item, live))
            if made is None:
                break
            live.append(made)
        counts = {"replicas": len(live), "readyReplicas": sum(is_ready(p) for p in live)}
        self._set_status("replicasets", item, counts)

    def _nodes_for(self, item: Object) -> list[str]:
        annotations = item["spec"]["template"]["metadata"].get("annotations", {})
        return annotations[NODES].split(",") if NODES in annotations else self.nodes

    def _in_order(self, item: Object, pods: list[Object]) -> list[Object]:
        """Pods in the order of their nodes: the last ones go first when there are too many."""
        order = {name: index for index, name in enumerate(self._nodes_for(item))}
        return sorted(pods, key=lambda p: order.get(p["spec"].get("nodeName", ""), len(order)))

    def _place(self, item: Object, live: list[Object]) -> str:
        """The node for one more replica: of those that the template names (or all), the one with the fewest."""
        nodes = self._nodes_for(item)
        selector = item["spec"]["template"]["spec"].get("nodeSelector")
        if selector:
            nodes = [n for n in nodes if self._node_matches(n, selector)] or nodes
        return min(nodes, key=lambda n: sum(p["spec"].get("nodeName") == n for p in live))

    def _node_matches(self, name: str, selector: dict[str, str]) -> bool:
        labels = (self.store.get("nodes", "", name) or {"metadata": {}})["metadata"].get(
            "labels", {}
        )
        return all(labels.get(k) == v for k, v in selector.items())

    def _make(self, kind: str, item: Object, node: str) -> Object | None:
        template, metadata = item["spec"]["template"], item["metadata"]
        suffix = "".join(self._random.choices(string.ascii_lowercase + string.digits, k=5))
        pod = {
            "metadata": {
                "name": f"{metadata['name']}-{suffix}",
                "generateName": f"{metadata['name']}-",
                "namespace": metadata["namespace"],
                "labels": dict(template["metadata"].get("labels", {})),
                "generation": 1,
                "ownerReferences": [owner(kind, item)],
            },
            "spec": {**template["spec"], "nodeName": template["spec"].get("nodeName") or node},
        }
        pod = {**defaults.pod(pod), "status": {"phase": "Pending", "qosClass": "BestEffort"}}
        with contextlib.suppress(ApiError):
            self._check(pod)
            return self.store.put("pods", pod)
        return None

    def _daemon_set(self, item: Object) -> None:
        pods = self._pods_of(item)
        selector = item["spec"]["template"]["spec"].get("nodeSelector") or {}
        nodes = [n for n in self.nodes if self._node_matches(n, selector)]
        for pod in pods:
            if pod["spec"]["nodeName"] not in nodes:
                self._end(pod)
        there = {p["spec"]["nodeName"] for p in pods}
        for node in nodes:
            if node not in there:
                self._make("DaemonSet", item, node)
        ready = sum(is_ready(p) for p in pods)
        counts = {
            "currentNumberScheduled": len(pods),
            "numberMisscheduled": 0,
            "desiredNumberScheduled": len(nodes),
            "numberReady": ready,
            "observedGeneration": item["metadata"].get("generation", 1),
            "updatedNumberScheduled": len(pods),
            "numberAvailable": ready,
            "numberUnavailable": len(nodes) - ready,
        }
        self._set_status("daemonsets", item, counts)

    # --- Services

    def _slices(self, service: Object) -> None:
        metadata, spec = service["metadata"], service["spec"]
        selector = spec.get("selector")
        if not selector or "synthetic" in metadata.get("labels", {}):
            return
        pods = [p for p in self._real_pods(metadata["namespace"]) if matches_labels(selector, p)]
        pods = [
            p
            for p in pods
            if p.get("status", {}).get("podIP") and p["status"]["phase"] == "Running"
        ]
        groups: dict[str, tuple[list[Object], list[Object]]] = {}
        for pod in pods:
            ports = [self._port(p, pod) for p in spec.get("ports", ())]
            groups.setdefault(json.dumps(ports), (ports, []))[1].append(self._endpoint(pod))
        if not groups:
            groups[""] = ([], [])
        known = [
            s
            for s in self.store.items("endpointslices", metadata["namespace"])
            if owned_by(s) == metadata["uid"]
        ]
        for index, (ports, endpoints) in enumerate(groups.values()):
            self._put_slice(service, known[index] if index < len(known) else None, ports, endpoints)
        for extra in known[len(groups) :]:
            self.store.remove("endpointslices", metadata["namespace"], extra["metadata"]["name"])

    def _port(self, port: Object, pod: Object) -> Object:
        target: Any = port.get("targetPort", port["port"])
        if isinstance(target, str) and not target.isdigit():
            named = [
                p
                for c in pod["spec"]["containers"]
                for p in c.get("ports", ())
                if p.get("name") == target
            ]
            target = named[0]["containerPort"] if named else None
        found = {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP")}
        return {**found, "port": int(target)} if target is not None else found

    def _endpoint(self, pod: Object) -> Object:
        ready, ending = is_ready(pod), bool(pod["metadata"].get("deletionTimestamp"))
        node = pod["spec"]["nodeName"]
        reference = {"kind": "Pod", **{k: pod["metadata"][k] for k in ("namespace", "name", "uid")}}
        return {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {"ready": ready and not ending, "serving": ready, "terminating": ending},
            "targetRef": reference,
            "nodeName": node,
            "zone": self.zones.get(node, ""),
        }

    def _put_slice(
        self, service: Object, known: Object | None, ports: list[Object], endpoints: list[Object]
    ) -> None:
        if known is not None:
            if (known.get("ports"), known.get("endpoints")) == (ports, endpoints):
                return
            metadata = {
                **known["metadata"],
                "generation": known["metadata"].get("generation", 1) + 1,
            }
        else:
            name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
            metadata = {
                "name": f"{name}-{defaults.suffix()}",
                "generateName": f"{name}-",
                "namespace": namespace,
                "generation": 1,
                "labels": {
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    "kubernetes.io/service-name": name,
                },
                "ownerReferences": [owner("Service", service)],
            }
        body = {"metadata": metadata, "addressType": "IPv4", "endpoints": endpoints, "ports": ports}
        self.store.put("endpointslices", body)
