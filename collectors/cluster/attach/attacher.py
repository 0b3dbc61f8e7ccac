"""Puts podwire beside a pod or on a node: adds or reuses a container, and tells what the cluster says meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from collectors.cluster.api.connection import Cluster, pod_path, quote
from collectors.cluster.api.exec_stream import ExecRunner
from collectors.cluster.api.rest import STRATEGIC
from collectors.cluster.attach.container_specs import NO_CAPTURE, PREFIX, end_file
from collectors.cluster.attach.planner import (
    Offer,
    Plan,
    Planner,
    lower_levels,
)
from collectors.cluster.attach.settings import AttachSettings
from collectors.command_runner import run
from collectors.errors import ClusterError, Forbidden, NotFound, PodwireError, TargetGone
from collectors.events import Command
from collectors.frozen import frozen
from collectors.recording.journal import (
    CREATED,
    DELETED,
    GONE,
    REFUSED,
    ClusterIdentity,
    Journal,
    PendingDelete,
)
from collectors.sanitize import sanitize
from collectors.stream import Stream
from collectors.target import Target

Progress = Callable[[str], None]
IMAGE_TROUBLE = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
)
HOPELESS = (
    *IMAGE_TROUBLE,
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
)
LATE_S = 60.0  # a creation whose answer never came may still arrive within this (the server gives up then)


@frozen
class Attachment:
    """A running container that commands can be exec'd into, and what it cost."""

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


def yaml_of(manifest: Mapping[str, Any] | None) -> str:
    """What is sent, as YAML to read."""
    return str(yaml.safe_dump(manifest, sort_keys=False, width=100)) if manifest else ""


class Attacher:
    """Adds podwire's containers to a cluster. Every write is journalled before it is sent, and told on the stream."""

    def __init__(
        self,
        cluster: Cluster,
        session: Stream,
        settings: AttachSettings | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.cluster = cluster
        self.session = session
        self.settings = settings or AttachSettings()
        self.journal = journal or Journal(None)
        self.planner = Planner(cluster, self.settings, self.journal.session)
        acting = cluster.rest.credentials.impersonation.user
        self._where = ClusterIdentity(
            cluster.context, cluster.kubeconfig, cluster.server, cluster.user, acting
        )

    # --- writes

    async def _write(
        self,
        target: Target,
        verb: str,
        namespace: str,
        name: str,
        manifest: Mapping[str, Any] | None,
        done: str,
        request: Callable[[], Any],
    ) -> None:
        """One write: into the journal, to the API server, and how it ended into both journal and stream."""
        journal = self.journal
        number = await asyncio.to_thread(
            journal.begin, self._where, verb, namespace, name, target.node or target.name, manifest
        )
        result = "no answer: it may have been done"
        try:
            await request()
            result = done
        except NotFound as error:
            result = GONE if verb.startswith("delete") else f"{REFUSED}: {error}"
            raise
        except ClusterError as error:
            if error.status:
                result = f"{REFUSED if not verb.startswith('delete') else 'failed'}: {error}"
            raise
        finally:
            await asyncio.shield(asyncio.to_thread(journal.end, number, result))
            what = f"{namespace}/{name}"
            text = yaml_of(manifest)
            self.session.publish(
                Command(time.time(), target.key, self.cluster.user, verb, what, result, text)
            )

    async def take(self, offer: Offer, progress: Progress) -> Attachment:
        """Stand where the plan says. ClusterError with what is in the way."""
        if offer.way == "node pod":
            return await self._start_node_pod(offer, progress)
        if offer.way == "add":
            offer = await self._add(offer, progress)
            path = pod_path(offer.namespace, offer.pod)
            await self._await_running(
                path, offer.container, "ephemeralContainerStatuses", offer.target, progress
            )
        elif offer.way == "reuse":
            progress(f"reusing the debug container {offer.container}")
        else:
            progress(f"using the pod's own container {offer.container}")
            await self._check_shell(offer)
        return Attachment(
            offer.target, offer.namespace, offer.pod, offer.container, offer.level, offer.cost
        )

    async def _check_shell(self, offer: Offer) -> None:
        """ClusterError where the pod's own container has no shell: nothing can be read there then."""
        runner = ExecRunner(self.cluster, offer.namespace, offer.pod, offer.container)
        if (await run(runner, ["sh", "-c", ":"])).code != 0:
            raise ClusterError(
                f"The container {offer.container} of {offer.namespace}/{offer.pod} has no shell: nothing can be read "
                "in it. Its node can be opened instead."
            )

    async def _add(self, offer: Offer, progress: Progress) -> Offer:
        """Add the container; where the write is refused though its dry run was not, the next level down."""
        refused: ClusterError | None = None
        for chosen in (offer, *lower_levels(offer, self.settings)):
            assert chosen.manifest is not None
            image = chosen.manifest["spec"]["ephemeralContainers"][0]["image"]
            progress(
                f"adding the debug container {chosen.container} ({chosen.level}) with {sanitize(image)}"
            )
            path = f"{pod_path(chosen.namespace, chosen.pod)}/ephemeralcontainers"
            try:
                await self._write(
                    chosen.target,
                    "patch pods/ephemeralcontainers",
                    chosen.namespace,
                    f"{chosen.pod}/{chosen.container}",
                    chosen.manifest,
                    f"added, {chosen.level}",
                    lambda path=path, chosen=chosen: self.cluster.rest.request(  # type: ignore[misc]
                        "PATCH", path, {}, chosen.manifest, STRATEGIC, what="add a debug container"
                    ),
                )
            except Forbidden as error:
                refused = error
                continue
            return chosen
        raise refused or ClusterError("No debug container could be added.")

    async def _start_node_pod(self, offer: Offer, progress: Progress) -> Attachment:
        progress(
            f"starting the node pod {offer.namespace}/{offer.pod} on {sanitize(offer.target.name)}"
        )
        where = f"/api/v1/namespaces/{quote(offer.namespace)}/pods"
        what = f"create a pod on {offer.target.name}"
        await self._write(
            offer.target,
            "create pods",
            offer.namespace,
            offer.pod,
            offer.manifest,
            CREATED,
            lambda: self.cluster.rest.request("POST", where, body=offer.manifest, what=what),
        )
        attachment = Attachment(
            offer.target, offer.namespace, offer.pod, "podwire", "node pod", "", owned_pod=True
        )
        try:
            path = pod_path(offer.namespace, offer.pod)
            await self._await_running(path, "podwire", "containerStatuses", offer.target, progress)
        except BaseException:
            await asyncio.shield(self.leave(attachment))
            raise
        return attachment

    async def pod(self, target: Target, progress: Progress) -> Attachment:
        """Plan and take in one go. ClusterError with the refusals where there is no way in."""
        return await self._take_plan(await self.planner.pod(target), progress)

    async def node(self, target: Target, progress: Progress) -> Attachment:
        return await self._take_plan(await self.planner.node(target), progress)

    async def _take_plan(self, plan: Plan, progress: Progress) -> Attachment:
        for refusal in plan.refusals:
            progress(refusal)
        if plan.offer is None:
            raise Forbidden(" ".join(plan.refusals) or "Nothing can be added here.")
        return await self.take(plan.offer, progress)

    async def check_alive(self, attachment: Attachment) -> None:
        """TargetGone once the pod that we stand in is gone, has ended, or is another of the same name."""
        where = f"{attachment.namespace}/{attachment.pod}"
        kept = "What was gathered stays; esc returns to the list."
        try:
            pod = await self.cluster.rest.get(
                pod_path(attachment.namespace, attachment.pod), what=f"pod {where}"
            )
        except NotFound:
            raise TargetGone(f"The pod {where} is gone. {kept}") from None
        _check_same(pod, where, attachment.target.uid, kept)
        _check_debug_container(pod, attachment.container, where)

    async def leave(self, attachment: Attachment) -> str:
        """Take away what can be taken away. Returns what could not, '' where nothing is left behind."""
        if not attachment.owned_pod:
            return ""
        return await self.delete(attachment.target, attachment.namespace, attachment.pod)

    async def end(self, attachment: Attachment) -> None:
        """End the main process of our debug container: it stays in the pod's spec, but runs nothing more."""
        if attachment.container.startswith(PREFIX):
            with contextlib.suppress(PodwireError):  # it ends by itself, later
                await run(
                    attachment.runner(self.cluster),
                    ["touch", end_file(attachment.container)],
                    timeout=4.0,
                )

    async def delete(self, target: Target, namespace: str, pod: str) -> str:
        """Delete a pod of ours. Returns why it could not be, '' where it is gone."""
        path, what = pod_path(namespace, pod), f"{namespace}/{pod}"
        try:
            await self._write(
                target,
                "delete pods",
                namespace,
                pod,
                None,
                DELETED,
                lambda: self.cluster.rest.request(
                    "DELETE", path, {"gracePeriodSeconds": 0}, what=f"delete pod {what}"
                ),
            )
        except NotFound:
            return ""
        except PodwireError as error:
            return f"The pod {what} could not be deleted ({error}). `podwire clean` tries again; it ends within 4 h."
        return ""

    async def settle(self, owed: PendingDelete) -> str:
        """Delete what an entry of the journal says is owed. A creation that was never answered may still arrive, so
        a pod that is not there yet is only forgotten once it cannot. Returns what is left, '' for nothing."""
        target = Target("node", owed.node, node=owed.node)
        if not owed.sure and time.time() - owed.at < LATE_S and not await self._is_there(owed):
            return f"The pod {owed.name} was asked for and never confirmed. `podwire clean` looks again."
        return await self.delete(target, owed.namespace, owed.pod)

    async def _is_there(self, owed: PendingDelete) -> bool:
        for wait in (0.0, 0.4, 1.0):
            await asyncio.sleep(wait)
            try:
                await self.cluster.rest.get(
                    pod_path(owed.namespace, owed.pod), what=f"pod {owed.name}"
                )
            except NotFound:
                continue
            except ClusterError:
                return True  # cannot be told: the deletion will
            return True
        return False

    async def _await_running(
        self, path: str, container: str, field: str, target: Target, progress: Progress
    ) -> None:
        """Follow the pod's status until the container runs. ClusterError with the reason where it cannot."""
        last = ""
        collection, _, pod = path.rpartition("/")
        try:
            async with asyncio.timeout(self.settings.pull_timeout_s):
                current: Mapping[str, Any] = await self.cluster.rest.get(path)
                while True:
                    said = _state(current, container, field)
                    if said == "running":
                        return
                    if said != last:
                        progress(f"{container}: {said}")
                        last = said
                    current = await self._next(collection, pod, current, target)
        except TimeoutError:
            raise ClusterError(
                f"{container} did not start within {self.settings.pull_timeout_s:g} s: {last}. "
                f"Is the image {sanitize(self.settings.image)} reachable from the node? --pull-timeout waits longer."
            ) from None

    async def _next(
        self, collection: str, pod: str, current: Mapping[str, Any], target: Target
    ) -> Mapping[str, Any]:
        version = current.get("metadata", {}).get("resourceVersion", "")
        events = self.cluster.rest.watch(
            collection,
            what="waiting for the pod",
            fieldSelector=f"metadata.name={pod}",
            resourceVersion=version,
        )
        async for event in events:
            await events.aclose()
            if event.get("type") == "DELETED":
                raise TargetGone(f"{target.key} was deleted while podwire attached to it.")
            if event.get("type") == "ERROR":
                break
            found: Mapping[str, Any] = event["object"]
            return found
        return await self.cluster.rest.get(f"{collection}/{pod}")


def _check_same(pod: Mapping[str, Any], where: str, uid: str, ended: str) -> None:
    """TargetGone where `pod` has another uid than the one that was chosen ('' for any), or has ended."""
    if uid and pod.get("metadata", {}).get("uid") != uid:
        raise TargetGone(
            f"The pod {where} was replaced by another of the same name. Choose it anew from the list."
        )
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        raise TargetGone(f"The pod {where} has ended. {ended}")


def _check_debug_container(pod: Mapping[str, Any], container: str, where: str) -> None:
    """TargetGone where our debug container has ended: it is never restarted. The pod's own containers may be."""
    for entry in (pod.get("status") or {}).get("ephemeralContainerStatuses") or ():
        ended = (entry.get("state") or {}).get("terminated")
        if entry.get("name") == container and ended:
            why = sanitize(ended.get("reason") or "", 60)
            raise TargetGone(
                f"The debug container {container} in {where} has ended{f' ({why})' if why else ''}: after 4 h it does. "
                "ctrl+w, then open the pod again: that adds a new one."
            )


def _state(pod: Mapping[str, Any], container: str, field: str) -> str:
    """`running`, or what the cluster says of a container that is not yet. ClusterError where it never will be."""
    entries = (pod.get("status") or {}).get(field) or ()
    state = next((e.get("state") or {} for e in entries if e.get("name") == container), {})
    if "running" in state:
        return "running"
    told = state.get("waiting") or state.get("terminated") or {}
    reason, message = (
        sanitize(told.get("reason") or "waiting", 60),
        sanitize(told.get("message") or "", 300),
    )
    if reason in HOPELESS or "terminated" in state:
        detail = f" ({message.rstrip('.')})" if message else ""
        stays = (
            "" if field == "containerStatuses" else " It stays in the pod's spec and runs nothing."
        )
        raise ClusterError(
            f"{container} cannot start: {reason}{detail}.{stays} {_hint(reason, message)}"
        )
    return f"{reason}{f': {message}' if message else ''}"


def _hint(reason: str, message: str) -> str:
    if "exec format error" in message or "no match for platform" in message:
        return "The image is for another architecture: name one for this node's with --image."
    if reason == "ErrImageNeverPull":
        return "The image is not on the node and may not be pulled: --pull-policy IfNotPresent, or another --image."
    if reason in IMAGE_TROUBLE:
        return "Name an image that the node can pull: --image."
    if "runAsNonRoot" in message or "non-root" in message:
        return "This pod runs as non-root only: use its node instead."
    return "See the pod's events; its node can be opened instead."
