"""The controllers of the lab: Deployments and DaemonSets become pods, Services and pods become
EndpointSlices.

Each is a function from what the store holds to what it should hold; `follow` runs them after every
change.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import string
from collections.abc import Awaitable, Callable
from random import Random

from lab.api import defaults
from lab.api.status import ApiError
from lab.api.store import Object, ObjectStore
from lab.endpoint_slices import EndpointSlices
from lab.objects import NODES
from lab.ownership import is_ready, owned_by, owner, real_pods, remove_unowned

Terminate = Callable[[Object, Object], Object]
Check = Callable[[Object], None]
BURST_S = 0.02
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


class Controllers:
    """`nodes` are those that run pods; `terminate` begins a pod's end; `check` is PodSecurity
    admission."""

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
        self.slices = EndpointSlices(store, zones)
        self._terminate = terminate
        self._check = check
        self._random = Random("podwire lab")

    async def follow(self, since: int, after: Callable[[], Awaitable[None]]) -> None:
        """Reconcile after every burst of changes that matters and call `after`; for ever."""
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
                await asyncio.sleep(BURST_S)
                stirred.clear()
                self.reconcile()
                await after()
        finally:
            listening.cancel()

    def reconcile(self) -> None:
        self._remove_orphans()
        for item in list(self.store.items("deployments")):
            self._deployment(item)
        for item in list(self.store.items("daemonsets")):
            self._daemon_set(item)
        for item in list(self.store.items("replicasets")):
            self._replica_set(item)
        for item in list(self.store.items("services")):
            self.slices.update(item)

    # --- workloads

    def _remove_orphans(self) -> None:
        uids = {
            item["metadata"]["uid"]
            for resource in ("deployments", "replicasets", "daemonsets")
            for item in self.store.items(resource)
        }
        uids.difference_update(remove_unowned(self.store, "replicasets", uids))
        for pod in list(real_pods(self.store)):
            if is_of_workload(pod) and owned_by(pod) not in uids:
                self._end(pod)
        self.slices.remove_orphans()

    def _pods_of(self, item: Object) -> list[Object]:
        uid = item["metadata"]["uid"]
        return [
            p for p in real_pods(self.store, item["metadata"]["namespace"]) if owned_by(p) == uid
        ]

    def _end(self, pod: Object) -> None:
        if not pod["metadata"].get("deletionTimestamp"):
            self._terminate(pod, {"gracePeriodSeconds": 1})

    def _deployment(self, item: Object) -> None:
        """One ReplicaSet for the current template; those of earlier ones go first (strategy
        Recreate)."""
        namespace, count = item["metadata"]["namespace"], item["spec"].get("replicas", 1)
        wanted = replica_set(item)
        name = wanted["metadata"]["name"]
        self._remove_earlier(item, name)
        current = self.store.get("replicasets", namespace, name)
        if current is None:
            self.store.put("replicasets", wanted)
        elif current["spec"]["replicas"] != count:
            self.store.edit(
                "replicasets", namespace, name, lambda r: r["spec"].update(replicas=count)
            )
        pods = self._pods_of(current) if current else []
        ready = sum(is_ready(pod) for pod in pods)
        counts = {
            "observedGeneration": item["metadata"].get("generation", 1),
            "replicas": len(pods),
            "updatedReplicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        self._set_status("deployments", item, counts)

    def _remove_earlier(self, deployment: Object, current: str) -> None:
        """A Deployment's ReplicaSets other than `current`, with their pods."""
        metadata = deployment["metadata"]
        for item in list(self.store.items("replicasets", metadata["namespace"])):
            if owned_by(item) == metadata["uid"] and item["metadata"]["name"] != current:
                self.store.remove("replicasets", metadata["namespace"], item["metadata"]["name"])
                for pod in self._pods_of(item):
                    self._end(pod)

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
        """The node for one more replica: of those that the template names (or all), the one with
        the fewest."""
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


def is_of_workload(pod: Object) -> bool:
    references = pod["metadata"].get("ownerReferences", ())
    return any(one["kind"] in ("ReplicaSet", "DaemonSet") for one in references)


def replica_set(deployment: Object) -> Object:
    """The ReplicaSet of a Deployment's current template."""
    metadata, spec = deployment["metadata"], deployment["spec"]
    template = spec["template"]
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
    of_template = {"pod-template-hash": digest}
    labels = {**template["metadata"].get("labels", {}), **of_template}
    return {
        "metadata": {
            "name": f"{metadata['name']}-{digest}",
            "namespace": metadata["namespace"],
            "labels": labels,
            "generation": 1,
            "ownerReferences": [owner("Deployment", deployment)],
        },
        "spec": {
            "replicas": spec.get("replicas", 1),
            "selector": {"matchLabels": {**spec["selector"].get("matchLabels", {}), **of_template}},
            "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
        },
    }
