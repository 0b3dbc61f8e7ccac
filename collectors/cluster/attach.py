"""Puts podwire beside a pod or on a node: adds or reuses a container, and tells what the cluster says meanwhile."""

from __future__ import annotations

import asyncio
import getpass
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from collectors.cluster.access import Cluster, pod_path, quote
from collectors.cluster.containers import LADDER, PREFIX, Rung, debug_container, node_pod
from collectors.cluster.execstream import ExecRunner
from collectors.cluster.rest import STRATEGIC
from collectors.errors import ClusterError, Forbidden, NotFound, TargetGone
from collectors.events import Command
from collectors.safe import safe
from collectors.session import Session
from collectors.target import Target

Progress = Callable[[str], None]
PULL_TIMEOUT_S = 120.0
FAILED_PULLS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
)


@dataclass(frozen=True, slots=True)
class Foothold:
    """A running container that commands can be exec'd into, and what it cost."""

    target: Target
    namespace: str
    pod: str
    container: str
    rung: str
    cost: str
    owned_pod: bool = False  # a pod of ours, to be deleted on leaving

    def runner(self, cluster: Cluster) -> ExecRunner:
        return ExecRunner(cluster, self.namespace, self.pod, self.container)


class Attacher:
    """Adds podwire's containers to a cluster, and journals every write on the stream."""

    def __init__(self, cluster: Cluster, session: Session, image: str, node_namespace: str = "default") -> None:
        self.cluster = cluster
        self.session = session
        self.image = image
        self.node_namespace = node_namespace

    def _journal(self, target: Target, verb: str, what: str, result: str) -> None:
        self.session.publish(Command(time.time(), target.key, self.cluster.user, verb, what, result))

    async def pod(self, target: Target, progress: Progress) -> Foothold:
        """A debug container in the pod: one of ours that still runs, else a new one on the best rung allowed."""
        path = pod_path(target.namespace, target.name)
        found = await self.cluster.rest.get(path, what=f"pod {target.namespace}/{target.name}")
        where = f"{target.namespace}/{target.name}"
        _check_same(found, where, target.uid, "Nothing can be attached to it.")
        container = _live_container(found)
        if container:
            progress(f"reusing the debug container {container}")
            return Foothold(target, target.namespace, target.name, container, "reused", "")
        spec, rung = await self._add(target, path, progress)
        await self._await_running(path, spec["name"], "ephemeralContainerStatuses", target, progress)
        return Foothold(target, target.namespace, target.name, spec["name"], rung.name, rung.cost)

    async def _add(self, target: Target, path: str, progress: Progress) -> tuple[dict[str, Any], Rung]:
        refused: ClusterError | None = None
        for rung in LADDER:
            spec = debug_container(rung, self.image)
            try:
                await self._patch(path, spec, dry_run=True)
            except Forbidden as error:
                refused = error
                progress(f"'{rung.name}' is not allowed here: {error}")
                continue
            progress(f"adding the debug container {spec['name']} ({rung.name}) with {safe(self.image)}")
            try:
                await self._patch(path, spec, dry_run=False)
            except ClusterError as error:
                self._journal(target, "patch pods/ephemeralcontainers", spec["name"], f"refused: {error}")
                raise
            self._journal(target, "patch pods/ephemeralcontainers", spec["name"], f"added, {rung.name}")
            return spec, rung
        raise refused or ClusterError("No debug container could be added.")

    async def _patch(self, path: str, spec: dict[str, Any], dry_run: bool) -> None:
        body = {"spec": {"ephemeralContainers": [spec]}}
        query = {"dryRun": "All"} if dry_run else {}
        await self.cluster.rest.request(
            "PATCH", f"{path}/ephemeralcontainers", query, body, STRATEGIC, what="add a debug container"
        )

    async def node(self, target: Target, progress: Progress) -> Foothold:
        """A small host-network pod on the node."""
        owner = safe(f"{getpass.getuser()}@{socket.gethostname()}", 120)
        spec = node_pod(target.name, self.image, owner)
        name = spec["metadata"]["name"]
        progress(f"starting the node pod {self.node_namespace}/{name} on {target.name}")
        where = f"/api/v1/namespaces/{quote(self.node_namespace)}/pods"
        try:
            await self.cluster.rest.request("POST", where, body=spec, what=f"create a pod on {target.name}")
        except ClusterError as error:
            self._journal(target, "create pods", f"{self.node_namespace}/{name}", f"refused: {error}")
            raise
        self._journal(target, "create pods", f"{self.node_namespace}/{name}", "created")
        foothold = Foothold(target, self.node_namespace, name, "podwire", "node pod", "", owned_pod=True)
        try:
            path = pod_path(self.node_namespace, name)
            await self._await_running(path, "podwire", "containerStatuses", target, progress)
        except BaseException:
            await self.leave(foothold)
            raise
        return foothold

    async def check_alive(self, foothold: Foothold) -> None:
        """TargetGone once the pod that we stand in is gone, has ended, or is another of the same name."""
        where = f"{foothold.namespace}/{foothold.pod}"
        kept = "What was gathered stays; esc returns to the list."
        try:
            pod = await self.cluster.rest.get(pod_path(foothold.namespace, foothold.pod), what=f"pod {where}")
        except NotFound:
            raise TargetGone(f"The pod {where} is gone. {kept}") from None
        _check_same(pod, where, foothold.target.uid, kept)

    async def leave(self, foothold: Foothold) -> str:
        """Take away what can be taken away. Returns what could not, '' where nothing is left behind."""
        if not foothold.owned_pod:
            return ""
        what = f"{foothold.namespace}/{foothold.pod}"
        try:
            path = pod_path(foothold.namespace, foothold.pod)
            await self.cluster.rest.request("DELETE", path, {"gracePeriodSeconds": 0}, what=f"delete pod {what}")
        except NotFound:
            pass
        except ClusterError as error:
            self._journal(foothold.target, "delete pods", what, f"failed: {error}")
            return f"The pod {what} could not be deleted ({error}). Delete it, or it ends by itself within 4 h."
        self._journal(foothold.target, "delete pods", what, "deleted")
        return ""

    async def _await_running(self, path: str, container: str, field: str, target: Target, progress: Progress) -> None:
        """Follow the pod's status until the container runs. ClusterError with the reason where it cannot."""
        last = ""
        collection, _, pod = path.rpartition("/")
        try:
            async with asyncio.timeout(PULL_TIMEOUT_S):
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
                f"{container} did not start within {PULL_TIMEOUT_S:g} s: {last}. "
                f"Is the image {safe(self.image)} reachable?"
            ) from None

    async def _next(self, collection: str, pod: str, current: Mapping[str, Any], target: Target) -> Mapping[str, Any]:
        version = current.get("metadata", {}).get("resourceVersion", "")
        events = self.cluster.rest.watch(
            collection, what="waiting for the pod", fieldSelector=f"metadata.name={pod}", resourceVersion=version
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
        raise TargetGone(f"The pod {where} was replaced by another of the same name. Choose it anew from the list.")
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        raise TargetGone(f"The pod {where} has ended. {ended}")


def _live_container(pod: Mapping[str, Any]) -> str:
    for entry in (pod.get("status") or {}).get("ephemeralContainerStatuses") or ():
        if str(entry.get("name")).startswith(PREFIX) and "running" in (entry.get("state") or {}):
            return str(entry["name"])
    return ""


def _state(pod: Mapping[str, Any], container: str, field: str) -> str:
    """`running`, or what the cluster says of a container that is not yet. ClusterError where it never will be."""
    entries = (pod.get("status") or {}).get(field) or ()
    state = next((e.get("state") or {} for e in entries if e.get("name") == container), {})
    if "running" in state:
        return "running"
    told = state.get("waiting") or state.get("terminated") or {}
    reason, message = safe(told.get("reason") or "waiting", 60), safe(told.get("message") or "", 300)
    if reason in FAILED_PULLS or "terminated" in state:
        hint = "Give another image with --image." if "Image" in reason else "See the pod's events."
        raise ClusterError(f"{container} cannot start: {reason}{f' ({message})' if message else ''}. {hint}")
    return f"{reason}{f': {message}' if message else ''}"
