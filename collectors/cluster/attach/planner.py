"""What podwire may add to look at a target, found out before anything is added.

Reads, access reviews and dry runs only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from collectors.cluster.api.access_review import ResourceRight, allowed
from collectors.cluster.api.connection import Cluster, pod_path, quote
from collectors.cluster.api.fields import mapping_at, text_at
from collectors.cluster.api.rest import STRATEGIC
from collectors.cluster.attach.container_specs import (
    ACCESS_LEVELS,
    AccessLevel,
    debug_container,
    node_pod,
)
from collectors.cluster.attach.present_containers import (
    carried,
    main_container,
    running_debug_container,
)
from collectors.cluster.attach.settings import AttachSettings
from collectors.cluster.attach.target_refusals import (
    Refused,
    check_node,
    check_pod,
    check_same_pod,
)
from collectors.errors import ClusterError, Forbidden, NotFound, TargetGone
from collectors.frozen import frozen
from collectors.sanitize import sanitize
from collectors.target import Target

NO_DRY_RUN = "does not support dry run"
NO_EXEC = "--read-only: nothing is run in the cluster, so no packets, sockets or counters of pods."
OWN_CONTAINER = "needs a shell there; what its image lacks is lacking here (ss, tcpdump)"
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

    @property
    def image(self) -> str:
        """The debug container's, where one would be added."""
        assert self.manifest is not None
        return str(self.manifest["spec"]["ephemeralContainers"][0]["image"])


# what can be added, None for nothing, and why not more
LevelOffer = tuple[Offer | None, tuple[str, ...]]


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
        spec = mapping_at(pod, "spec")
        plan = Plan(target, carried=carried(pod), shares_node=bool(spec.get("hostNetwork")))
        try:
            architecture = await self._check_pod(pod, target, where)
        except Refused as reason:
            return replace(plan, refusals=(str(reason),))
        offer, refusals = await self._pod_offer(target, pod, architecture)
        return replace(plan, offer=offer, refusals=refusals)

    async def _check_pod(self, pod: Object, target: Target, where: str) -> str:
        """The architecture of its node. Refused where nothing can be attached to the pod."""
        check_pod(pod, where)
        node = str(mapping_at(pod, "spec").get("nodeName") or "")
        architecture = await self._architecture(node, where)
        await self._check_exec(target.namespace)
        return architecture

    async def _chosen_pod(self, target: Target, where: str) -> Object:
        path = pod_path(target.namespace, target.name)
        try:
            pod = await self.cluster.rest.get(path, what=f"pod {where}")
        except NotFound:
            raise TargetGone(f"The pod {where} is gone. Choose another from the list.") from None
        check_same_pod(pod, where, target.uid)
        return pod

    async def _pod_offer(self, target: Target, pod: Object, architecture: str) -> LevelOffer:
        """What runs there already, else what may be added, else the pod's own container."""
        if running := running_debug_container(pod):
            return _pod_offer(target, "reuse", "reused", running), ()
        offer, refusals = await self._best_level(target, architecture)
        if offer is None and (offer := _own_container(target, pod)) is not None:
            refusals = (*refusals, f"What is left is the pod's own container {offer.container}.")
        return offer, refusals

    async def _best_level(self, target: Target, architecture: str) -> LevelOffer:
        """The best access level that a dry run of the very patch lets through, and why not those
        above."""
        if self.cluster.rest.read_only:
            return None, ("--read-only: no debug container is added.",)
        image = self.settings.image_for(architecture)
        refusals: list[str] = []
        for level in ACCESS_LEVELS:
            spec = debug_container(level, image, self.settings.pull_policy)
            offer = _addition(target, level, spec)
            try:
                await self._dry_run_patch(offer)
            except ClusterError as error:
                if (ended := _without_lower(offer, error)) is not None:
                    return ended
                refusals.append(_reason(error, f"Not with the rights '{level.name}'"))
                continue
            return offer, tuple(refusals)
        return None, tuple(refusals)

    async def _dry_run_patch(self, offer: Offer) -> None:
        await self.cluster.rest.request(
            "PATCH",
            f"{pod_path(offer.namespace, offer.pod)}/ephemeralcontainers",
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
            raise Refused(NO_EXEC)
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
        architecture = text_at(mapping_at(node, "status", "nodeInfo"), "architecture", 20)
        self._check_image(name, architecture)
        return architecture

    def _check_image(self, node: str, architecture: str) -> None:
        if self.settings.lacks(architecture):
            raise Refused(
                f"{sanitize(node)} is {architecture}, and {self.settings.image} is not built for "
                f'that. Name an image that is: --image, or [images] {architecture} = "…" in the '
                "configuration."
            )

    # --- nodes

    async def node(self, target: Target, near: str = "") -> Plan:
        """A node pod, in the first namespace that lets a dry run of it through.

        `near` is a namespace to try, too.
        """
        plan = Plan(target, shares_node=True)
        try:
            offers = await self._node_offers(target, near)
        except Refused as reason:
            return replace(plan, refusals=(str(reason),))
        refusals: list[str] = []
        for offer in offers:
            try:
                return replace(plan, offer=await self._tried(offer))
            except ClusterError as error:
                if error.concerns_all:
                    raise
                refusals.append(_reason(error, f"No node pod in {offer.namespace}"))
        return replace(plan, refusals=tuple(refusals))

    async def _node_offers(self, target: Target, near: str) -> Iterator[Offer]:
        """One for each namespace to try. Refused where no node pod can be used."""
        architecture = await self._architecture(target.name, target.name)
        if self.cluster.rest.read_only:
            raise Refused("--read-only: no node pod is added.")
        namespaces = await self._namespaces_with_exec(near)
        return (self._node_offer(target, namespace, architecture) for namespace in namespaces)

    async def _tried(self, offer: Offer) -> Offer:
        """After a dry run, where the API server can make one. ClusterError where it is refused."""
        try:
            await self._dry_run_create(offer)
        except ClusterError as error:
            if error.concerns_all or NO_DRY_RUN not in str(error):
                raise
            return replace(offer, tried=False)
        return offer

    async def _namespaces_with_exec(self, near: str) -> list[str]:
        """Those where a node pod may be looked into. Refused where there is none."""
        missing = {name: await self._missing_exec_verbs(name) for name in self._namespaces(near)}
        open_ones = [name for name, verbs in missing.items() if not verbs]
        if not open_ones:
            verbs = next(iter(missing.values()))
            raise Refused(_no_exec(self.cluster.user, verbs, ", ".join(missing), "start a pod"))
        return open_ones

    async def _dry_run_create(self, offer: Offer) -> None:
        await self.cluster.rest.request(
            "POST",
            f"/api/v1/namespaces/{quote(offer.namespace)}/pods",
            {"dryRun": "All"},
            offer.manifest,
            what=f"create a pod on {offer.target.name}",
        )

    def _namespaces(self, near: str) -> Sequence[str]:
        if self.settings.node_namespace:
            return [self.settings.node_namespace]
        return usual_namespaces("default", near, self.cluster.namespace)

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


def usual_namespaces(*first: str) -> list[str]:
    """Where node pods may be: of those that are named, and last kube-system."""
    return list(dict.fromkeys(name for name in (*first, "kube-system") if name))


def minor_of(version: str) -> int:
    """36 of `v1.36.2`; of what cannot be read, the newest: that asks for more."""
    found = re.match(r"v?1\.(\d+)", version)
    return int(found[1]) if found else 999


def _without_lower(offer: Offer, error: ClusterError) -> LevelOffer | None:
    """What is known of all levels when one is refused; None where a lower one may be accepted."""
    if NO_DRY_RUN in str(error):
        reason = _reason(error, "Admission cannot be asked beforehand")
        return replace(offer, tried=False), (reason,)
    if error.concerns_all:
        raise error
    if _no_level_helps(error):
        return None, (_reason(error, "No debug container"),)
    return None


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
    return f"{what}: {_without_request(str(error))}".rstrip(".") + "."


def _without_request(text: str) -> str:
    """What the server said, without what it was asked."""
    if text.startswith(("Refused (", "Not found (", "The API server answered")):
        return text.partition("): ")[2] or text
    return text


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


def lower_levels(offer: Offer, settings: AttachSettings) -> Iterator[Offer]:
    """The offers below this one, for a write that is refused although its dry run was not."""
    if offer.method != "add" or offer.manifest is None:
        return
    for level in _levels_below(offer.level):
        spec = debug_container(level, offer.image, settings.pull_policy)
        yield _addition(offer.target, level, spec)


def _levels_below(name: str) -> Sequence[AccessLevel]:
    names = [level.name for level in ACCESS_LEVELS]
    return ACCESS_LEVELS[names.index(name) + 1 :]


def _own_container(target: Target, pod: Object) -> Offer | None:
    """A container of the pod's own: nothing is added, but what it lacks is lacking."""
    name = main_container(pod)
    return _pod_offer(target, "exec", "existing container", name, OWN_CONTAINER) if name else None
