"""What podwire may add to look at a target, found out before anything is added.

Reads, access reviews and dry runs only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from collectors.cluster.api.access_review import ResourceRight, allowed
from collectors.cluster.api.connection import Cluster, pod_path, quote
from collectors.cluster.api.rest import STRATEGIC
from collectors.cluster.attach.container_specs import (
    ACCESS_LEVELS,
    PREFIX,
    AccessLevel,
    debug_container,
    node_pod,
)
from collectors.cluster.attach.settings import AttachSettings
from collectors.cluster.attach.target_refusals import Refused, check_node, check_pod
from collectors.errors import ClusterError, Forbidden, NotFound, TargetGone
from collectors.frozen import frozen
from collectors.sanitize import sanitize
from collectors.target import Target

NO_DRY_RUN = "does not support dry run"
_BY_RBAC = re.compile(r" cannot \w+ resource ")
# the minor version since which a WebSocket exec needs `create` as well (KEP-4006)
CREATE_ASKED = 35
AttachMethod = Literal["reuse", "add", "exec", "node pod"]
Object = Mapping[str, Any]


@frozen
class Offer:
    """How podwire can attach to a target, and with which access level.

    `cost` says what cannot be seen from there; `manifest` is the very object that would be sent,
    None where nothing is; `tried` whether the API server accepted it in a dry run.
    """

    target: Target
    method: AttachMethod
    level: str
    cost: str
    namespace: str
    pod: str
    container: str
    manifest: dict[str, Any] | None = None
    tried: bool = True


@frozen
class Plan:
    """What can be done at a target. `refusals` say why not more, each a sentence.

    `carried` counts podwire's containers that the pod's spec holds already.
    """

    target: Target
    offer: Offer | None = None
    refusals: tuple[str, ...] = ()
    carried: int = 0
    shares_node: bool = False  # a host-network pod: its figures are the node's


class Planner:
    """`session` labels what this console adds as its own."""

    def __init__(self, cluster: Cluster, settings: AttachSettings, session: str = "") -> None:
        self.cluster = cluster
        self.settings = settings
        self.session = session

    # --- pods

    async def pod(self, target: Target) -> Plan:
        """The best attachment to a pod. TargetGone where the chosen pod is no more."""
        where = f"{target.namespace}/{target.name}"
        pod = await self._chosen_pod(target, where)
        spec = pod.get("spec") or {}
        plan = Plan(target, carried=_carried(pod), shares_node=bool(spec.get("hostNetwork")))
        try:
            check_pod(pod, where)
            architecture = await self._architecture(str(spec.get("nodeName") or ""), where)
            await self._check_exec(target.namespace)
        except Refused as reason:
            return replace(plan, refusals=(str(reason),))
        if running := _running_debug_container(pod):
            return replace(plan, offer=_pod_offer(target, "reuse", "reused", running))
        offer, refusals = await self._best_level(target, architecture)
        if offer is None and (offer := _own_container(target, pod)) is not None:
            refusals = (*refusals, f"What is left is the pod's own container {offer.container}.")
        return replace(plan, offer=offer, refusals=refusals)

    async def _chosen_pod(self, target: Target, where: str) -> Object:
        try:
            pod = await self.cluster.rest.get(
                pod_path(target.namespace, target.name), what=f"pod {where}"
            )
        except NotFound:
            raise TargetGone(f"The pod {where} is gone. Choose another from the list.") from None
        if target.uid and pod.get("metadata", {}).get("uid") != target.uid:
            raise TargetGone(
                f"The pod {where} was replaced by another of the same name. "
                "Choose it again from the list."
            )
        return pod

    async def _best_level(
        self, target: Target, architecture: str
    ) -> tuple[Offer | None, tuple[str, ...]]:
        """The best access level that a dry run of the very patch lets through, and why not those
        above."""
        if self.cluster.rest.read_only:
            return None, ("--read-only: no debug container is added.",)
        refusals: list[str] = []
        for level in ACCESS_LEVELS:
            image = self.settings.image_for(architecture)
            spec = debug_container(level, image, self.settings.pull_policy)
            offer = _addition(target, level, spec)
            try:
                await self._dry_run_patch(target, offer)
            except ClusterError as error:
                if NO_DRY_RUN in str(error):
                    reason = _reason(error, "Admission cannot be asked beforehand")
                    return replace(offer, tried=False), (reason,)
                if error.status in (0, 401):
                    raise
                if _no_level_helps(error):
                    return None, (_reason(error, "No debug container"),)
                refusals.append(_reason(error, f"Not with the rights '{level.name}'"))
                continue
            return offer, tuple(refusals)
        return None, tuple(refusals)

    async def _dry_run_patch(self, target: Target, offer: Offer) -> None:
        await self.cluster.rest.request(
            "PATCH",
            f"{pod_path(target.namespace, target.name)}/ephemeralcontainers",
            {"dryRun": "All"},
            body=offer.manifest,
            content_type=STRATEGIC,
            what="add a debug container",
        )

    # --- what both need

    async def _missing_exec_verbs(self, namespace: str) -> list[str]:
        """An exec over WebSocket is a GET, authorised as `get`; since 1.35 as `create` as well."""
        verbs = ("get", "create") if minor_of(self.cluster.version) >= CREATE_ASKED else ("get",)
        asked = {verb: ResourceRight(verb, "pods", "exec", namespace) for verb in verbs}
        return [verb for verb, right in asked.items() if not await allowed(self.cluster, right)]

    async def _check_exec(self, namespace: str) -> None:
        if self.cluster.rest.read_only:
            raise Refused(
                "--read-only: nothing is run in the cluster, so no packets, sockets or counters "
                "of pods."
            )
        if verbs := await self._missing_exec_verbs(namespace):
            raise Refused(_no_exec(self.cluster.user, verbs, namespace, "add a container"))

    async def _architecture(self, name: str, where: str) -> str:
        """The node's architecture, '' where nodes may not be read. Refused where our image
        cannot run on it."""
        if not name:
            return ""
        try:
            node = await self.cluster.rest.get(f"/api/v1/nodes/{quote(name)}", what=f"node {name}")
        except (Forbidden, NotFound):
            return ""
        check_node(node, name, where)
        info = (node.get("status") or {}).get("nodeInfo") or {}
        architecture = sanitize(info.get("architecture") or "", 20)
        if self.settings.lacks(architecture):
            raise Refused(
                f"{sanitize(name)} is {architecture}, and {self.settings.image} is not built for "
                f'that. Name an image that is: --image, or [images] {architecture} = "…" in the '
                "configuration."
            )
        return architecture

    # --- nodes

    async def node(self, target: Target, near: str = "") -> Plan:
        """A node pod, in the first namespace that lets a dry run of it through.

        `near` is a namespace to try, too.
        """
        plan = Plan(target, shares_node=True)
        try:
            architecture = await self._architecture(target.name, target.name)
            if self.cluster.rest.read_only:
                raise Refused("--read-only: no node pod is added.")
            namespaces = await self._namespaces_with_exec(near)
        except Refused as reason:
            return replace(plan, refusals=(str(reason),))
        refusals: list[str] = []
        for namespace in namespaces:
            offer = self._node_offer(target, namespace, architecture)
            try:
                await self._dry_run_create(target, offer)
            except ClusterError as error:
                if error.status in (0, 401):
                    raise
                if NO_DRY_RUN in str(error):
                    return replace(plan, offer=replace(offer, tried=False))
                refusals.append(_reason(error, f"No node pod in {namespace}"))
                continue
            return replace(plan, offer=offer)
        return replace(plan, refusals=tuple(refusals))

    async def _namespaces_with_exec(self, near: str) -> list[str]:
        """Those where a node pod may be looked into. Refused where there is none."""
        missing = {name: await self._missing_exec_verbs(name) for name in self._namespaces(near)}
        open_ones = [name for name, verbs in missing.items() if not verbs]
        if not open_ones:
            verbs = next(iter(missing.values()))
            raise Refused(_no_exec(self.cluster.user, verbs, ", ".join(missing), "start a pod"))
        return open_ones

    async def _dry_run_create(self, target: Target, offer: Offer) -> None:
        await self.cluster.rest.request(
            "POST",
            f"/api/v1/namespaces/{quote(offer.namespace)}/pods",
            {"dryRun": "All"},
            offer.manifest,
            what=f"create a pod on {target.name}",
        )

    def _namespaces(self, near: str) -> Sequence[str]:
        if self.settings.node_namespace:
            return [self.settings.node_namespace]
        names = ("default", near, self.cluster.namespace, "kube-system")
        return list(dict.fromkeys(name for name in names if name))

    def _node_offer(self, target: Target, namespace: str, architecture: str) -> Offer:
        settings = self.settings
        manifest = node_pod(
            target.name,
            namespace,
            settings.image_for(architecture),
            session=self.session,
            pull_policy=settings.pull_policy,
            pull_secrets=settings.pull_secrets,
        )
        return Offer(
            target=target,
            method="node pod",
            level="node pod",
            cost="",
            namespace=namespace,
            pod=manifest["metadata"]["name"],
            container="podwire",
            manifest=manifest,
        )


def minor_of(version: str) -> int:
    """36 of `v1.36.2`; of what cannot be read, the newest: that asks for more."""
    found = re.match(r"v?1\.(\d+)", version)
    return int(found[1]) if found else 999


def _no_level_helps(error: ClusterError) -> bool:
    """Whether the refusal is that of RBAC, or of the pod's absence: no lower level gets further."""
    by_rbac = isinstance(error, Forbidden) and _BY_RBAC.search(str(error))
    return bool(by_rbac) or isinstance(error, NotFound)


def _no_exec(user: str, verbs: Sequence[str], where: str, could: str) -> str:
    return (
        f"{user} may not {' and '.join(verbs)} pods/exec in {sanitize(where)}: podwire could "
        f"{could} but not look into it, so it adds none. `podwire doctor` prints the Role that "
        "is missing."
    )


def _reason(error: ClusterError, what: str) -> str:
    text = str(error)
    said = text
    if text.startswith(("Refused (", "Not found (", "The API server answered")):
        said = text.partition("): ")[2]
    return f"{what}: {said or text}".rstrip(".") + "."


def _pod_offer(
    target: Target, method: AttachMethod, level: str, container: str, cost: str = ""
) -> Offer:
    return Offer(
        target=target,
        method=method,
        level=level,
        cost=cost,
        namespace=target.namespace,
        pod=target.name,
        container=container,
    )


def _addition(target: Target, level: AccessLevel, spec: dict[str, Any]) -> Offer:
    offer = _pod_offer(target, "add", level.name, spec["name"], level.cost)
    return replace(offer, manifest={"spec": {"ephemeralContainers": [spec]}})


def lower_levels(offer: Offer, settings: AttachSettings) -> list[Offer]:
    """The offers below this one, for a write that is refused although its dry run was not."""
    if offer.method != "add" or offer.manifest is None:
        return []
    image = offer.manifest["spec"]["ephemeralContainers"][0]["image"]
    names = [level.name for level in ACCESS_LEVELS]
    return [
        _addition(offer.target, level, debug_container(level, image, settings.pull_policy))
        for level in ACCESS_LEVELS[names.index(offer.level) + 1 :]
    ]


def _carried(pod: Object) -> int:
    entries = (pod.get("spec") or {}).get("ephemeralContainers") or ()
    return sum(str(entry.get("name")).startswith(PREFIX) for entry in entries)


def _running(pod: Object, field: str) -> list[str]:
    """The names of the containers that run, of a list of the pod's status."""
    entries = (pod.get("status") or {}).get(field) or ()
    return [str(entry.get("name")) for entry in entries if "running" in (entry.get("state") or {})]


def _running_debug_container(pod: Object) -> str:
    names = _running(pod, "ephemeralContainerStatuses")
    return next((name for name in names if name.startswith(PREFIX)), "")


def _own_container(target: Target, pod: Object) -> Offer | None:
    """The pod's own containers, the default one first: nothing is added, but what they lack is
    lacking."""
    running = _running(pod, "containerStatuses")
    if not running:
        return None
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    wanted = annotations.get("kubectl.kubernetes.io/default-container")
    name = wanted if wanted in running else running[0]
    cost = "needs a shell there; what its image lacks is lacking here (ss, tcpdump)"
    return _pod_offer(target, "exec", "existing container", name, cost)
