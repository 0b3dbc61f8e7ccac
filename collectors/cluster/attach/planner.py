"""What podwire may add to stand at a target, found out before anything is added: reads, reviews and dry runs only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from collectors.cluster.api.access_review import allowed
from collectors.cluster.api.connection import Cluster, pod_path, quote
from collectors.cluster.api.rest import STRATEGIC
from collectors.cluster.attach.container_specs import (
    LADDER,
    PREFIX,
    AccessLevel,
    debug_container,
    node_pod,
)
from collectors.cluster.attach.settings import AttachSettings
from collectors.errors import ClusterError, Forbidden, NotFound, TargetGone
from collectors.frozen import frozen
from collectors.sanitize import sanitize
from collectors.target import Target

MIRROR = "kubernetes.io/config.mirror"
NO_DRY_RUN = "does not support dry run"
_BY_RBAC = re.compile(r" cannot \w+ resource ")
CREATE_ASKED = (
    35  # the minor version since which a WebSocket exec needs `create` as well (KEP-4006)
)
Way = Literal["reuse", "add", "exec", "node pod"]
Object = Mapping[str, Any]


@frozen
class Offer:
    """A way to stand at a target. `cost` says what it cannot do; `manifest` is the very object that would be sent,
    None where nothing is; `tried` whether the API server accepted it in a dry run."""

    target: Target
    way: Way
    level: str
    cost: str
    namespace: str
    pod: str
    container: str
    manifest: dict[str, Any] | None = None
    tried: bool = True


@frozen
class Plan:
    """What can be done at a target. `refusals` say why not more, each a sentence; `carried` counts podwire's
    containers that the pod's spec holds already."""

    target: Target
    offer: Offer | None = None
    refusals: tuple[str, ...] = ()
    carried: int = 0
    shares_node: bool = False  # a host-network pod: its figures are the node's


class Refused(Exception):
    """Nothing can be added to this target; the message is a sentence."""


class Planner:
    """`session` marks what this console adds as its own."""

    def __init__(self, cluster: Cluster, settings: AttachSettings, session: str = "") -> None:
        self.cluster = cluster
        self.settings = settings
        self.session = session

    async def pod(self, target: Target) -> Plan:
        """The best way into a pod. TargetGone where the chosen pod is no more."""
        where = f"{target.namespace}/{target.name}"
        try:
            found = await self.cluster.rest.get(
                pod_path(target.namespace, target.name), what=f"pod {where}"
            )
        except NotFound:
            raise TargetGone(f"The pod {where} is gone. Choose another from the list.") from None
        if target.uid and found.get("metadata", {}).get("uid") != target.uid:
            raise TargetGone(
                f"The pod {where} was replaced by another of the same name. Choose it anew from the list."
            )
        spec = found.get("spec") or {}
        plan = Plan(target, carried=_carried(found), shares_node=bool(spec.get("hostNetwork")))
        try:
            _refuse_pod(found, where)
            architecture = await self._node_fit(str(spec.get("nodeName") or ""), where)
            await self._may_exec(target.namespace)
        except Refused as reason:
            return replace(plan, refusals=(str(reason),))
        live = _live_container(found)
        if live:
            offer = Offer(target, "reuse", "reused", "", target.namespace, target.name, live)
            return replace(plan, offer=offer)
        added, refusals = await self._ladder(target, architecture)
        if added is None:
            added = _existing(target, found)
            if added is not None:
                refusals = (
                    *refusals,
                    f"What is left is the pod's own container {added.container}.",
                )
        return replace(plan, offer=added, refusals=refusals)

    async def _ladder(
        self, target: Target, architecture: str
    ) -> tuple[Offer | None, tuple[str, ...]]:
        """The best level that a dry run of the very patch lets through, and why not those above."""
        if self.cluster.rest.read_only:
            return None, ("--read-only: no debug container is added.",)
        refusals: list[str] = []
        for level in LADDER:
            spec = debug_container(
                level, self.settings.image_for(architecture), self.settings.pull_policy
            )
            offer = _addition(target, level, spec)
            try:
                await self._patch(target, offer, dry_run=True)
            except ClusterError as error:
                if NO_DRY_RUN in str(error):
                    return replace(offer, tried=False), (
                        _reason(error, "Admission cannot be asked beforehand"),
                    )
                if error.status in (0, 401):
                    raise
                by_rbac = isinstance(error, Forbidden) and _BY_RBAC.search(str(error))
                reason = _reason(
                    error,
                    "No debug container" if by_rbac else f"Not with the rights '{level.name}'",
                )
                refusals.append(reason)
                if by_rbac or isinstance(error, NotFound):
                    return None, (reason,)
                continue
            return offer, tuple(refusals)
        return None, tuple(refusals)

    async def _patch(self, target: Target, offer: Offer, dry_run: bool) -> None:
        await self.cluster.rest.request(
            "PATCH",
            f"{pod_path(target.namespace, target.name)}/ephemeralcontainers",
            {"dryRun": "All"} if dry_run else {},
            offer.manifest,
            STRATEGIC,
            what="add a debug container",
        )

    async def _lacking_exec(self, namespace: str) -> list[str]:
        """An exec over WebSocket is a GET, authorised as `get`; since 1.35 the server asks for `create` as well."""
        verbs = ("get", "create") if minor_of(self.cluster.version) >= CREATE_ASKED else ("get",)
        return [
            verb
            for verb in verbs
            if not await allowed(self.cluster, verb, "pods", "exec", namespace)
        ]

    async def _may_exec(self, namespace: str) -> None:
        if self.cluster.rest.read_only:
            raise Refused(
                "--read-only: nothing is run in the cluster, so no packets, sockets or counters of pods."
            )
        if verbs := await self._lacking_exec(namespace):
            raise Refused(_no_exec(self.cluster.user, verbs, namespace, "add a container"))

    async def _node_fit(self, name: str, where: str) -> str:
        """The node's architecture, '' where nodes may not be read. Refused where our image cannot run there."""
        if not name:
            return ""
        try:
            node = await self.cluster.rest.get(f"/api/v1/nodes/{quote(name)}", what=f"node {name}")
        except (Forbidden, NotFound):
            return ""
        info = (node.get("status") or {}).get("nodeInfo") or {}
        architecture = sanitize(info.get("architecture") or "", 20)
        labels = (node.get("metadata") or {}).get("labels") or {}
        if (info.get("operatingSystem") or labels.get("kubernetes.io/os")) == "windows":
            raise Refused(_windows(where, name))
        conditions = (node.get("status") or {}).get("conditions") or ()
        ready: Object = next((c for c in conditions if c.get("type") == "Ready"), {})
        if ready.get("status") == "Unknown":
            told = sanitize(ready.get("message") or "no reason given", 200).rstrip(".")
            raise Refused(
                f"The node {sanitize(name)} has stopped reporting ({told}): nothing can be started or run there."
            )
        if self.settings.lacks(architecture):
            raise Refused(
                f"{sanitize(name)} is {architecture}, and {self.settings.image} is not built for that. Name an image that "
                f'is: --image, or [images] {architecture} = "…" in the configuration.'
            )
        return architecture

    async def node(self, target: Target, near: str = "") -> Plan:
        """A node pod, in the first namespace that lets a dry run of it through; `near` is a namespace to try, too."""
        plan = Plan(target, shares_node=True)
        try:
            architecture = await self._node_fit(target.name, target.name)
            if self.cluster.rest.read_only:
                raise Refused("--read-only: no node pod is added.")
        except Refused as reason:
            return replace(plan, refusals=(str(reason),))
        refusals: list[str] = []
        namespaces = self._namespaces(near)
        closed = {name: verbs for name in namespaces if (verbs := await self._lacking_exec(name))}
        if len(closed) == len(namespaces):
            text = _no_exec(
                self.cluster.user, next(iter(closed.values())), ", ".join(closed), "start a pod"
            )
            return replace(plan, refusals=(text,))
        for namespace in (name for name in namespaces if name not in closed):
            offer = self._node_offer(target, namespace, architecture)
            try:
                await self.cluster.rest.request(
                    "POST",
                    f"/api/v1/namespaces/{quote(namespace)}/pods",
                    {"dryRun": "All"},
                    offer.manifest,
                    what=f"create a pod on {target.name}",
                )
            except ClusterError as error:
                if error.status in (0, 401):
                    raise
                if NO_DRY_RUN in str(error):
                    return replace(plan, offer=replace(offer, tried=False))
                refusals.append(_reason(error, f"No node pod in {namespace}"))
                continue
            return replace(plan, offer=offer)
        return replace(plan, refusals=tuple(refusals))

    def _namespaces(self, near: str) -> Sequence[str]:
        if self.settings.node_namespace:
            return [self.settings.node_namespace]
        return list(
            dict.fromkeys(n for n in ("default", near, self.cluster.namespace, "kube-system") if n)
        )

    def _node_offer(self, target: Target, namespace: str, architecture: str) -> Offer:
        settings = self.settings
        spec = node_pod(
            target.name,
            namespace,
            settings.image_for(architecture),
            self.session,
            settings.pull_policy,
            settings.pull_secrets,
        )
        return Offer(
            target, "node pod", "node pod", "", namespace, spec["metadata"]["name"], "podwire", spec
        )


def minor_of(version: str) -> int:
    """36 of `v1.36.2`; of what cannot be read, the newest: more is asked for then."""
    found = re.match(r"v?1\.(\d+)", version)
    return int(found[1]) if found else 999


def _no_exec(user: str, verbs: Sequence[str], where: str, could: str) -> str:
    return (
        f"{user} may not {' and '.join(verbs)} pods/exec in {sanitize(where)}: podwire could {could} but not look into it, "
        "so it adds none. `podwire doctor` prints the Role that is missing."
    )


def _reason(error: ClusterError, what: str) -> str:
    text = str(error)
    said = (
        text.partition("): ")[2]
        if text.startswith(("Refused (", "Not found (", "The API server answered"))
        else text
    )
    return f"{what}: {said or text}".rstrip(".") + "."


def _addition(target: Target, level: AccessLevel, spec: dict[str, Any]) -> Offer:
    manifest = {"spec": {"ephemeralContainers": [spec]}}
    return Offer(
        target, "add", level.name, level.cost, target.namespace, target.name, spec["name"], manifest
    )


def lower_levels(offer: Offer, settings: AttachSettings) -> list[Offer]:
    """The offers below this one, for a write that is refused although its dry run was not."""
    names = [level.name for level in LADDER]
    if offer.way != "add" or offer.manifest is None:
        return []
    image = offer.manifest["spec"]["ephemeralContainers"][0]["image"]
    below = LADDER[names.index(offer.level) + 1 :]
    return [
        _addition(offer.target, level, debug_container(level, image, settings.pull_policy))
        for level in below
    ]


def _windows(where: str, node: str) -> str:
    what = (
        f"{where} is on the Windows node {sanitize(node)}"
        if "/" in where
        else f"{sanitize(node)} is a Windows node"
    )
    return (
        f"{what}: its network is not Linux's, and podwire's tools do not run "
        "there. Look from the other end: open a pod on a Linux node that talks to it."
    )


def _refuse_pod(pod: Object, where: str) -> None:
    """Refused, with the way round, for a pod that no debug container can help."""
    metadata, spec, status = (pod.get(part) or {} for part in ("metadata", "spec", "status"))
    phase, node = status.get("phase"), sanitize(spec.get("nodeName") or "", 253)
    if phase in ("Succeeded", "Failed"):
        raise Refused(
            f"The pod {where} has ended ({phase}): it has no network any more. Its node can be opened."
        )
    if metadata.get("deletionTimestamp"):
        raise Refused(
            f"The pod {where} is being deleted: nothing can be added to it. Open the one that replaces it."
        )
    if MIRROR in (metadata.get("annotations") or {}):
        raise Refused(
            f"{where} is a static pod: its spec is a file on {node}, and the API server takes no debug container for "
            "it. Open its node instead."
        )
    if (spec.get("os") or {}).get("name") == "windows":
        raise Refused(_windows(where, node))
    if not node:
        raise Refused(
            f"The pod {where} is on no node yet: {_unscheduled(status)}. Open it once it runs."
        )
    if phase == "Unknown":
        raise Refused(
            f"The node {node} has stopped reporting, the state of {where} is unknown. Look at the node first."
        )
    if not status.get("podIP"):
        raise Refused(
            f"The pod {where} has no network yet: its sandbox is not there. See its events on {node}."
        )


def _unscheduled(status: Object) -> str:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("message"):
            return sanitize(condition["message"], 300).rstrip(".")
    return "it waits for the scheduler"


def _carried(pod: Object) -> int:
    entries = (pod.get("spec") or {}).get("ephemeralContainers") or ()
    return sum(str(entry.get("name")).startswith(PREFIX) for entry in entries)


def _live_container(pod: Object) -> str:
    for entry in (pod.get("status") or {}).get("ephemeralContainerStatuses") or ():
        if str(entry.get("name")).startswith(PREFIX) and "running" in (entry.get("state") or {}):
            return str(entry["name"])
    return ""


def _existing(target: Target, pod: Object) -> Offer | None:
    """The pod's own containers, the default one first: nothing is added, but what they lack is lacking."""
    running = [
        str(entry.get("name"))
        for entry in (pod.get("status") or {}).get("containerStatuses") or ()
        if "running" in (entry.get("state") or {})
    ]
    wanted = ((pod.get("metadata") or {}).get("annotations") or {}).get(
        "kubectl.kubernetes.io/default-container"
    )
    if not running:
        return None
    name = wanted if wanted in running else running[0]
    cost = "needs a shell there; what its image lacks is lacking here (ss, tcpdump)"
    return Offer(
        target, "exec", "existing container", cost, target.namespace, target.name, str(name)
    )
