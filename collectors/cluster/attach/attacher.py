"""Adds podwire's containers to a cluster, or reuses one that is there, and removes its pods."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any

from collectors.cluster.api.connection import Cluster, pod_path, quote
from collectors.cluster.api.exec_stream import ExecRunner
from collectors.cluster.api.fields import list_at, mapping_at, text_at
from collectors.cluster.api.rest import STRATEGIC, Json
from collectors.cluster.attach.container_specs import NO_CAPTURE, PREFIX, end_file
from collectors.cluster.attach.container_start import (
    EPHEMERAL,
    REGULAR,
    Progress,
    StartingContainer,
    await_running,
)
from collectors.cluster.attach.journaled_writes import JournaledWrites, Write
from collectors.cluster.attach.planner import (
    Offer,
    Plan,
    Planner,
    lower_levels,
)
from collectors.cluster.attach.settings import AttachSettings
from collectors.cluster.attach.target_refusals import check_same_pod
from collectors.command_runner import run
from collectors.errors import ClusterError, Forbidden, NotFound, PodwireError, TargetGone
from collectors.frozen import frozen
from collectors.recording.journal import CREATED, DELETED, Journal, PendingDelete
from collectors.sanitize import sanitize
from collectors.stream import Stream
from collectors.target import Target, node_target

Object = Mapping[str, Any]
# a creation that was not answered may still arrive within this: the server gives up after it
LATE_S = 60.0
KEPT = "What was gathered stays; esc returns to the list."


@frozen
class Attachment:
    """A running container that commands can be exec'd into, and what it cannot do (`cost`)."""

    target: Target
    namespace: str
    pod: str
    container: str
    level: str
    cost: str
    owned_pod: bool = False  # a pod of ours, to be deleted on leaving

    @property
    def captures(self) -> bool:
        """Whether packets can be captured from it."""
        return self.cost != NO_CAPTURE

    def runner(self, cluster: Cluster) -> ExecRunner:
        return ExecRunner(cluster, self.namespace, self.pod, self.container)


class Attacher:
    """Adds podwire's containers to a cluster; every write is journalled before it is sent."""

    def __init__(
        self,
        cluster: Cluster,
        session: Stream,
        settings: AttachSettings | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.cluster = cluster
        self.settings = settings or AttachSettings()
        self.journal = journal or Journal(None)
        self.planner = Planner(cluster, self.settings, self.journal.session)
        self._writes = JournaledWrites(cluster, session, self.journal)

    # --- adding

    async def attach(self, offer: Offer, progress: Progress) -> Attachment:
        """Attach as the plan says. ClusterError with what prevents it."""
        if offer.method == "node pod":
            return await self._start_node_pod(offer, progress)
        if offer.method == "add":
            offer = await self._add(offer, progress)
            await self._await_running(_starting(offer, EPHEMERAL), progress)
        elif offer.method == "reuse":
            progress(f"reusing the debug container {offer.container}")
        else:
            progress(f"using the pod's own container {offer.container}")
            await self._check_shell(offer)
        return _attachment(offer)

    async def attach_pod(self, target: Target, progress: Progress) -> Attachment:
        """Plan and attach at once. ClusterError with the refusals where nothing can be added."""
        return await self._attach_plan(await self.planner.pod(target), progress)

    async def attach_node(self, target: Target, progress: Progress) -> Attachment:
        return await self._attach_plan(await self.planner.node(target), progress)

    async def _attach_plan(self, plan: Plan, progress: Progress) -> Attachment:
        for refusal in plan.refusals:
            progress(refusal)
        return await self.attach(_offer_of(plan), progress)

    async def _await_running(self, starting: StartingContainer, progress: Progress) -> None:
        await await_running(self.cluster.rest, starting, self.settings, progress)

    async def _check_shell(self, offer: Offer) -> None:
        """ClusterError where the pod's own container has no shell: nothing can be read in it."""
        runner = ExecRunner(self.cluster, offer.namespace, offer.pod, offer.container)
        if (await run(runner, ["sh", "-c", ":"])).code != 0:
            raise ClusterError(
                f"The container {offer.container} of {offer.namespace}/{offer.pod} has no shell: "
                "nothing can be read in it. Its node can be opened instead."
            )

    async def _add(self, offer: Offer, progress: Progress) -> Offer:
        """Add the debug container; where the write is refused though its dry run was not, with
        the next lower access level. The offer that was accepted."""
        refused: ClusterError | None = None
        for chosen in (offer, *lower_levels(offer, self.settings)):
            try:
                await self._patch_pod(chosen, progress)
            except Forbidden as error:
                refused = error
                continue
            return chosen
        raise refused or ClusterError("No debug container could be added.")

    async def _patch_pod(self, offer: Offer, progress: Progress) -> None:
        added = f"the debug container {offer.container} ({offer.level})"
        progress(f"adding {added} with {sanitize(offer.image)}")
        await self._writes.send(_addition_of(offer), lambda: self._send_addition(offer))

    async def _send_addition(self, offer: Offer) -> Json:
        path = f"{pod_path(offer.namespace, offer.pod)}/ephemeralcontainers"
        return await self.cluster.rest.request(
            "PATCH",
            path,
            body=offer.manifest,
            content_type=STRATEGIC,
            what="add a debug container",
        )

    async def _start_node_pod(self, offer: Offer, progress: Progress) -> Attachment:
        node, pod = offer.target.name, f"{offer.namespace}/{offer.pod}"
        progress(f"starting the node pod {pod} on {sanitize(node)}")
        await self._create_node_pod(offer)
        attachment = _attachment(offer)
        try:
            await self._await_running(_starting(offer, REGULAR), progress)
        except BaseException:
            await asyncio.shield(self.leave(attachment))
            raise
        return attachment

    async def _create_node_pod(self, offer: Offer) -> None:
        await self._writes.send(_creation_of(offer), lambda: self._send_creation(offer))

    async def _send_creation(self, offer: Offer) -> Json:
        path = f"/api/v1/namespaces/{quote(offer.namespace)}/pods"
        what = f"create a pod on {offer.target.name}"
        return await self.cluster.rest.request("POST", path, body=offer.manifest, what=what)

    # --- while attached

    async def check_alive(self, attachment: Attachment) -> None:
        """TargetGone once an attachment's pod is gone, has ended, or is another of its name."""
        where = f"{attachment.namespace}/{attachment.pod}"
        pod = await self._read_pod(attachment, where)
        check_same_pod(pod, where, attachment.target.uid)
        _check_not_ended(pod, where)
        _check_debug_container(pod, attachment.container, where)

    async def _read_pod(self, attachment: Attachment, where: str) -> Object:
        path = pod_path(attachment.namespace, attachment.pod)
        try:
            return await self.cluster.rest.get(path, what=f"pod {where}")
        except NotFound:
            raise TargetGone(f"The pod {where} is gone. {KEPT}") from None

    # --- removing

    async def leave(self, attachment: Attachment) -> str:
        """Remove what can be removed. Returns what could not, '' where nothing is left behind."""
        if not attachment.owned_pod:
            return ""
        return await self.delete(attachment.target, attachment.namespace, attachment.pod)

    async def end(self, attachment: Attachment) -> None:
        """End our debug container's main process: it stays in the pod's spec, and runs nothing."""
        if attachment.container.startswith(PREFIX):
            with contextlib.suppress(PodwireError):  # it ends by itself, later
                await _touch_end_file(attachment.runner(self.cluster), attachment.container)

    async def delete(self, target: Target, namespace: str, pod: str) -> str:
        """Delete a pod of ours. Returns why it could not be, '' where it is gone."""
        write = Write(target, "delete pods", namespace, pod, success=DELETED)
        try:
            await self._writes.send(write, lambda: self._send_deletion(namespace, pod))
        except NotFound:
            return ""
        except PodwireError as error:
            return (
                f"The pod {namespace}/{pod} could not be deleted ({error}). `podwire clean` tries "
                "again; it ends within 4 h."
            )
        return ""

    async def _send_deletion(self, namespace: str, pod: str) -> Json:
        path, what = pod_path(namespace, pod), f"delete pod {namespace}/{pod}"
        return await self.cluster.rest.request("DELETE", path, {"gracePeriodSeconds": 0}, what=what)

    async def clean_up(self, entry: PendingDelete) -> str:
        """Carry out a pending delete of the journal. Returns what is left, '' for nothing.

        A creation that was never answered may still arrive: a pod that is not there yet is only
        forgotten once it cannot.
        """
        if _may_arrive(entry) and not await self._has_arrived(entry):
            return (
                f"The pod {entry.name} was asked for and never confirmed. "
                "`podwire clean` looks again."
            )
        return await self.delete(node_target(entry.node), entry.namespace, entry.pod)

    async def _has_arrived(self, entry: PendingDelete) -> bool:
        for wait in (0.0, 0.4, 1.0):
            await asyncio.sleep(wait)
            if await self.exists(entry):
                return True
        return False

    async def exists(self, entry: PendingDelete) -> bool:
        """Whether the pod is there; True, too, where that cannot be read: its deletion will say."""
        path = pod_path(entry.namespace, entry.pod)
        try:
            await self.cluster.rest.get(path, what=f"pod {entry.name}")
        except ClusterError as error:
            return not isinstance(error, NotFound)
        return True


def _offer_of(plan: Plan) -> Offer:
    if plan.offer is None:
        raise Forbidden(" ".join(plan.refusals) or "Nothing can be added here.")
    return plan.offer


async def _touch_end_file(runner: ExecRunner, container: str) -> None:
    await run(runner, ["touch", end_file(container)], timeout=4.0)


def _starting(offer: Offer, field: str) -> StartingContainer:
    """`field` is the part of the pod's status that has the container."""
    return StartingContainer(offer.namespace, offer.pod, offer.container, field, offer.target.key)


def _addition_of(offer: Offer) -> Write:
    return Write(
        target=offer.target,
        verb="patch pods/ephemeralcontainers",
        namespace=offer.namespace,
        name=f"{offer.pod}/{offer.container}",
        success=f"added, {offer.level}",
        manifest=offer.manifest,
    )


def _creation_of(offer: Offer) -> Write:
    return Write(
        target=offer.target,
        verb="create pods",
        namespace=offer.namespace,
        name=offer.pod,
        success=CREATED,
        manifest=offer.manifest,
    )


def _attachment(offer: Offer) -> Attachment:
    return Attachment(
        target=offer.target,
        namespace=offer.namespace,
        pod=offer.pod,
        container=offer.container,
        level=offer.level,
        cost=offer.cost,
        owned_pod=offer.method == "node pod",
    )


def _check_not_ended(pod: Object, where: str) -> None:
    if mapping_at(pod, "status").get("phase") in ("Succeeded", "Failed"):
        raise TargetGone(f"The pod {where} has ended. {KEPT}")


def _may_arrive(entry: PendingDelete) -> bool:
    """Whether its creation was never answered, and may still be carried out."""
    return not entry.confirmed and time.time() - entry.at < LATE_S


def _check_debug_container(pod: Object, container: str, where: str) -> None:
    """TargetGone where our debug container has ended: it is never restarted, unlike the pod's."""
    if ended := _end_of(pod, container):
        raise TargetGone(
            f"The debug container {container} in {where} has ended{_reason(ended)}: "
            "after 4 h it does. ctrl+w and opening the pod again adds a new one."
        )


def _end_of(pod: Object, container: str) -> Object:
    """How a debug container ended; empty where it has not."""
    for entry in list_at(pod, "status", "ephemeralContainerStatuses"):
        if entry.get("name") == container and (ended := mapping_at(entry, "state", "terminated")):
            return ended
    return {}


def _reason(ended: Object) -> str:
    reason = text_at(ended, "reason", 60)
    return f" ({reason})" if reason else ""
