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
from asyncio import create_task
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from random import Random

from lab.api.metadata import (
    annotations_of,
    generation_of,
    is_ending,
    labels_of,
    name_of,
    namespace_of,
    node_of,
    owners_of,
    place_of,
    uid_of,
)
from lab.api.status import ApiError
from lab.api.store import Object, ObjectStore
from lab.endpoint_slices import EndpointSlices
from lab.objects import NODES, metadata, new_pod
from lab.ownership import is_ready, is_synthetic, owned_by, owner, real_pods, remove_unowned

Terminate = Callable[[Object, Object], Object]
Check = Callable[[Object], None]
BURST_S = 0.02
SUFFIX = string.ascii_lowercase + string.digits
OWNERS = ("deployments", "replicasets", "daemonsets")
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
    """`zones` are those of the nodes that run pods; `terminate` begins a pod's end; `check` is
    PodSecurity admission."""

    def __init__(
        self,
        store: ObjectStore,
        zones: dict[str, str],
        terminate: Terminate,
        check: Check,
    ):
        self.store = store
        self.nodes = list(zones)
        self.slices = EndpointSlices(store, zones)
        self._terminate = terminate
        self._check = check
        self._random = Random("podwire lab")

    async def follow(self, since: int, after: Callable[[], Awaitable[None]]) -> None:
        """Reconcile after every burst of changes that matters and call `after`; for ever."""
        stirred = asyncio.Event()
        listening = create_task(self._listen(since, stirred))
        try:
            while True:
                await stirred.wait()
                await asyncio.sleep(BURST_S)
                stirred.clear()
                self.reconcile()
                await after()
        finally:
            listening.cancel()

    async def _listen(self, since: int, stirred: asyncio.Event) -> None:
        async for change in self.store.watch(since):
            if change.resource in WATCHED and not is_synthetic(change.item):
                stirred.set()

    def reconcile(self) -> None:
        self._remove_orphans()
        self._for_each("deployments", self._deployment)
        self._for_each("daemonsets", self._daemon_set)
        self._for_each("replicasets", self._replica_set)
        self._for_each("services", self.slices.update)

    def _for_each(self, resource: str, reconcile: Callable[[Object], None]) -> None:
        for item in list(self.store.items(resource)):
            reconcile(item)

    # --- workloads

    def _remove_orphans(self) -> None:
        uids = {uid_of(item) for resource in OWNERS for item in self.store.items(resource)}
        uids.difference_update(remove_unowned(self.store, "replicasets", uids))
        for pod in list(real_pods(self.store)):
            if is_of_workload(pod) and owned_by(pod) not in uids:
                self._end(pod)
        self.slices.remove_orphans()

    def _pods_of(self, item: Object) -> list[Object]:
        pods = real_pods(self.store, namespace_of(item))
        return [pod for pod in pods if owned_by(pod) == uid_of(item)]

    def _end(self, pod: Object) -> None:
        if not is_ending(pod):
            self._terminate(pod, {"gracePeriodSeconds": 1})

    def _deployment(self, item: Object) -> None:
        """One ReplicaSet for the current template; those of earlier ones go first (strategy
        Recreate), or once its pods are ready."""
        wanted = replica_set(item)
        current = self.store.get("replicasets", *place_of(wanted))
        pods = self._pods_of(current) if current else []
        if not _rolls(item) or ready_count(pods) >= wanted["spec"]["replicas"]:
            self._remove_earlier(item, name_of(wanted))
        self._scale(current, wanted)
        self._set_status("deployments", item, deployment_counts(item, pods))

    def _scale(self, current: Object | None, wanted: Object) -> None:
        """Create the ReplicaSet, or give it the number of replicas that is wanted."""
        if current is None:
            self.store.put("replicasets", wanted)
        else:
            scaled = partial(_set_replicas, count=wanted["spec"]["replicas"])
            self.store.edit("replicasets", *place_of(wanted), scaled)

    def _remove_earlier(self, deployment: Object, current: str) -> None:
        """A Deployment's ReplicaSets other than `current`, with their pods."""
        for item in self._replica_sets_of(deployment):
            if name_of(item) != current:
                self._remove_replica_set(item)

    def _replica_sets_of(self, deployment: Object) -> list[Object]:
        items = self.store.items("replicasets", namespace_of(deployment))
        return [item for item in items if owned_by(item) == uid_of(deployment)]

    def _remove_replica_set(self, item: Object) -> None:
        self.store.remove("replicasets", *place_of(item))
        for pod in self._pods_of(item):
            self._end(pod)

    def _set_status(self, resource: str, item: Object, status: Object) -> None:
        self.store.edit(resource, *place_of(item), partial(_update_status, status=status))

    def _replica_set(self, item: Object) -> None:
        live = [pod for pod in self._pods_of(item) if not is_ending(pod)]
        wanted = item["spec"].get("replicas", 1)
        for pod in self._in_order(item, live)[wanted:]:
            self._end(pod)
        self._add_replicas(item, live, wanted - len(live))
        counts = {"replicas": len(live), "readyReplicas": ready_count(live)}
        self._set_status("replicasets", item, counts)

    def _add_replicas(self, item: Object, live: list[Object], count: int) -> None:
        """Add pods to those that live, as far as they are admitted."""
        for _ in range(count):
            made = self._make("ReplicaSet", item, self._place(item, live))
            if made is None:
                break
            live.append(made)

    def _nodes_for(self, item: Object) -> list[str]:
        """Those that the template names, or all."""
        named = annotations_of(item["spec"]["template"]).get(NODES)
        return self.nodes if named is None else named.split(",")

    def _in_order(self, item: Object, pods: list[Object]) -> list[Object]:
        """Pods in the order of their nodes: the last ones go first when there are too many."""
        order = {name: index for index, name in enumerate(self._nodes_for(item))}
        return sorted(pods, key=lambda pod: order.get(node_of(pod), len(order)))

    def _place(self, item: Object, live: list[Object]) -> str:
        """The node for one more replica: of those that the template names (or all), the one with
        the fewest."""
        nodes = self._nodes_for(item)
        counts = Counter(map(node_of, live))
        return min(self._selected(item, nodes) or nodes, key=lambda node: counts[node])

    def _selected(self, item: Object, nodes: list[str]) -> list[str]:
        """Of some nodes those that a template's nodeSelector matches."""
        selector = item["spec"]["template"]["spec"].get("nodeSelector") or {}
        return [node for node in nodes if self._node_matches(node, selector)]

    def _node_matches(self, name: str, selector: dict[str, str]) -> bool:
        node = self.store.get("nodes", "", name)
        return selector.items() <= (labels_of(node) if node else {}).items()

    def _make(self, kind: str, item: Object, node: str) -> Object | None:
        pod = new_pod(
            {
                "metadata": self._pod_metadata(kind, item),
                "spec": _pod_spec(item["spec"]["template"], node),
            }
        )
        with contextlib.suppress(ApiError):
            self._check(pod)
            return self.store.put("pods", pod)
        return None

    def _pod_metadata(self, kind: str, item: Object) -> Object:
        namespace, name = place_of(item)
        suffix = "".join(self._random.choices(SUFFIX, k=5))
        labels = dict(labels_of(item["spec"]["template"]))
        return {
            **metadata(namespace, f"{name}-{suffix}", labels),
            "generateName": f"{name}-",
            "ownerReferences": [owner(kind, item)],
        }

    def _daemon_set(self, item: Object) -> None:
        pods, nodes = self._pods_of(item), self._selected(item, self.nodes)
        for pod in pods:
            if node_of(pod) not in nodes:
                self._end(pod)
        for node in missing_from(nodes, pods):
            self._make("DaemonSet", item, node)
        self._set_status("daemonsets", item, daemon_counts(item, pods, len(nodes)))


def _rolls(deployment: Object) -> bool:
    return bool(deployment["spec"].get("strategy", {}).get("type") == "RollingUpdate")


def _pod_spec(template: Object, node: str) -> Object:
    """On that node, if the template names none."""
    spec = template["spec"]
    return {**spec, "nodeName": spec.get("nodeName") or node}


def _update_status(item: Object, status: Object) -> None:
    item["status"] = {**item.get("status", {}), **status}


def _set_replicas(item: Object, count: int) -> None:
    item["spec"]["replicas"] = count


def deployment_counts(item: Object, pods: list[Object]) -> Object:
    ready = ready_count(pods)
    return {
        "observedGeneration": generation_of(item),
        "replicas": len(pods),
        "updatedReplicas": len(pods),
        "readyReplicas": ready,
        "availableReplicas": ready,
    }


def ready_count(pods: Iterable[Object]) -> int:
    return sum(map(is_ready, pods))


def missing_from(nodes: list[str], pods: Iterable[Object]) -> list[str]:
    """Nodes without one of these pods."""
    there = set(map(node_of, pods))
    return [node for node in nodes if node not in there]


def daemon_counts(item: Object, pods: list[Object], wanted: int) -> Object:
    ready = ready_count(pods)
    return {
        "currentNumberScheduled": len(pods),
        "numberMisscheduled": 0,
        "desiredNumberScheduled": wanted,
        "numberReady": ready,
        "observedGeneration": generation_of(item),
        "updatedNumberScheduled": len(pods),
        "numberAvailable": ready,
        "numberUnavailable": wanted - ready,
    }


def is_of_workload(pod: Object) -> bool:
    return any(one["kind"] in ("ReplicaSet", "DaemonSet") for one in owners_of(pod))


def replica_set(deployment: Object) -> Object:
    """The ReplicaSet of a Deployment's current template."""
    namespace, name = place_of(deployment)
    digest = template_hash(deployment)
    own = {"pod-template-hash": digest}
    labels = {**labels_of(deployment["spec"]["template"]), **own}
    owners = {"ownerReferences": [owner("Deployment", deployment)]}
    return {
        "metadata": {**metadata(namespace, f"{name}-{digest}", labels), **owners},
        "spec": _replica_set_spec(deployment["spec"], labels, own),
    }


def template_hash(deployment: Object) -> str:
    text = json.dumps(deployment["spec"]["template"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _replica_set_spec(spec: Object, labels: Object, own: Object) -> Object:
    """The Deployment's, with the label that sets its pods apart from those of earlier templates."""
    template = spec["template"]
    return {
        "replicas": spec.get("replicas", 1),
        "selector": {"matchLabels": {**spec["selector"].get("matchLabels", {}), **own}},
        "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
    }
