"""Waits until a container of podwire's runs, and says why one never will."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from collectors.cluster.api.connection import pod_path
from collectors.cluster.api.fields import list_at
from collectors.cluster.api.rest import Rest
from collectors.cluster.attach.settings import AttachSettings
from collectors.errors import ClusterError, TargetGone
from collectors.frozen import frozen
from collectors.sanitize import sanitize

Progress = Callable[[str], None]
Object = Mapping[str, Any]
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
EPHEMERAL, REGULAR = "ephemeralContainerStatuses", "containerStatuses"


@frozen
class StartingContainer:
    """A container that was added, for the target `key`.

    `field` is the list of its pod's status that has it.
    """

    namespace: str
    pod: str
    container: str
    field: str
    key: str


async def await_running(
    rest: Rest, starting: StartingContainer, settings: AttachSettings, progress: Progress
) -> None:
    """Follow the pod's status until the container runs. ClusterError where it cannot."""
    last = ""
    try:
        async with asyncio.timeout(settings.pull_timeout_s):
            pod: Object = await rest.get(pod_path(starting.namespace, starting.pod))
            while (state := _state(pod, starting)) != "running":
                if state != last:
                    progress(f"{starting.container}: {state}")
                    last = state
                pod = await _next(rest, starting, pod)
    except TimeoutError:
        raise ClusterError(
            f"{starting.container} did not start within {settings.pull_timeout_s:g} s: {last}. "
            f"Is the image {sanitize(settings.image)} reachable from the node? "
            "--pull-timeout waits longer."
        ) from None


async def _next(rest: Rest, starting: StartingContainer, pod: Object) -> Object:
    """The pod after its next change. TargetGone where it was deleted."""
    path = pod_path(starting.namespace, starting.pod)
    events = rest.watch(
        path.rpartition("/")[0],
        what="waiting for the pod",
        fieldSelector=f"metadata.name={starting.pod}",
        resourceVersion=pod.get("metadata", {}).get("resourceVersion", ""),
    )
    async for event in events:
        await events.aclose()
        if event.get("type") == "DELETED":
            raise TargetGone(f"{starting.key} was deleted while podwire attached to it.")
        if event.get("type") == "ERROR":
            break
        changed: Object = event["object"]
        return changed
    return await rest.get(path)


def _state(pod: Object, starting: StartingContainer) -> str:
    """`running`, or what the cluster says of a container that is not yet.

    ClusterError where it never will be.
    """
    state = _container_state(pod, starting)
    if "running" in state:
        return "running"
    ended_or_waiting = state.get("waiting") or state.get("terminated") or {}
    reason = sanitize(ended_or_waiting.get("reason") or "waiting", 60)
    message = sanitize(ended_or_waiting.get("message") or "", 300)
    if reason in HOPELESS or "terminated" in state:
        raise ClusterError(_cannot_start(starting, reason, message))
    return f"{reason}{f': {message}' if message else ''}"


def _container_state(pod: Object, starting: StartingContainer) -> Object:
    for entry in list_at(pod, "status", starting.field):
        if entry.get("name") == starting.container:
            found: Object = entry.get("state") or {}
            return found
    return {}


def _cannot_start(starting: StartingContainer, reason: str, message: str) -> str:
    detail = f" ({message.rstrip('.')})" if message else ""
    stays = " It stays in the pod's spec and runs nothing." if starting.field == EPHEMERAL else ""
    hint = _hint(reason, message)
    return f"{starting.container} cannot start: {reason}{detail}.{stays} {hint}"


def _hint(reason: str, message: str) -> str:
    if "exec format error" in message or "no match for platform" in message:
        return "The image is for another architecture: name one for this node's with --image."
    if reason == "ErrImageNeverPull":
        return (
            "The image is not on the node and may not be pulled: --pull-policy IfNotPresent, "
            "or another --image."
        )
    if reason in IMAGE_TROUBLE:
        return "Name an image that the node can pull: --image."
    if "runAsNonRoot" in message or "non-root" in message:
        return "This pod runs as non-root only: use its node instead."
    return "See the pod's events; its node can be opened instead."
