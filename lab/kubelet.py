"""All nodes' kubelets in one: runs the pods that the store holds and keeps their statuses equal to
what runs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import Process
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab import network
from lab.api.logs import Log
from lab.api.store import Object, ObjectStore
from lab.containers import Container, environment_of
from lab.kube_events import unhealthy
from lab.network import LabError, Sandbox
from lab.pod_addresses import PodAddresses
from lab.podstatus import status_of
from lab.resolver_files import resolver_files
from lab.topology import Node

Key = tuple[str, str]


class NotRunning(LabError):
    """The container asked for does not run."""


@dataclass(slots=True)
class RunningPod:
    """A pod's sandbox and its containers."""

    uid: str
    sandbox: Sandbox
    node: Node
    address: str
    host_network: bool
    containers: dict[str, Container] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    ending: bool = False


class Kubelet:
    def __init__(self, nodes: Sequence[Node], store: ObjectStore, files: Path) -> None:
        self.store = store
        self.files = files
        self.nodes: dict[str, Sandbox] = {}
        self.pods: dict[Key, RunningPod] = {}
        self.specs = {node.name: node for node in nodes}
        self.modes: dict[str, str] = {}
        self._addresses = PodAddresses(nodes)
        self._held: set[str] = set()
        self._starting: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- following the store

    async def follow(self, since: int) -> None:
        """Run what is added, start new ephemeral containers, end what is deleted; for ever."""
        async for change in self.store.watch(since):
            if change.resource != "pods" or change.item["spec"].get("nodeName") not in self.nodes:
                continue
            key = _key(change.item)
            running = self.pods.get(key)
            if change.kind == "DELETED":
                self._spawn(self._end(key, change.item["metadata"]["uid"], 0))
            elif change.item["metadata"].get("deletionTimestamp"):
                grace = change.item["metadata"].get("deletionGracePeriodSeconds", 30)
                self._spawn(self._end(key, change.item["metadata"]["uid"], grace))
            elif running is None:
                self._spawn(self.run(change.item))
            elif running.uid == change.item["metadata"]["uid"]:
                self._start_ephemeral(key, change.item)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- pods

    async def run(self, pod: Object) -> None:
        """Make a pod's sandbox (or lend it the node's), and start its containers."""
        key, spec, uid = _key(pod), pod["spec"], pod["metadata"]["uid"]
        if uid in self._starting or key in self.pods:
            return
        self._starting.add(uid)
        try:
            node = self.specs[spec["nodeName"]]
            if spec.get("hostNetwork"):
                running = RunningPod(uid, self.nodes[node.name], node, node.address, True)
            else:
                running = await self._make(pod, node, uid)
            self.pods[key] = running
            for container in spec["containers"]:
                self._start(key, pod, container, False)
            self._report(key)
            if spec.get("activeDeadlineSeconds"):
                self._watch_over(running, self._expire(key, float(spec["activeDeadlineSeconds"])))
        finally:
            self._starting.discard(uid)
        if (now := self.store.get("pods", *key)) is None or now["metadata"]["uid"] != uid:
            await self._end(key, uid, 0)

    async def _make(self, pod: Object, node: Node, uid: str) -> RunningPod:
        sandbox = await network.make_sandbox(
            pod["metadata"]["name"], resolver_files(pod, self.files)
        )
        address = self._addresses.new(node)
        link = "veth" + address.replace(".", "")[-8:]
        await network.wire_pod(node, self.nodes[node.name], sandbox, address, link)
        return RunningPod(uid, sandbox, node, address, False)

    def _start(self, key: Key, pod: Object, spec: Object, ephemeral: bool) -> None:
        running = self.pods[key]
        extra = {"LAB_MODE": str(self._mode_file(key)), "LAB_ZONE": str(self.files / "zone")}
        environment = environment_of(pod, spec, running.address, running.node.address, extra)
        container = Container(
            pod,
            spec,
            running.sandbox,
            ephemeral=ephemeral,
            environment=environment,
            changed=lambda: self._report(key),
            address=running.address,
            node=self.nodes[running.node.name],
            siblings=running.containers,
            unhealthy=lambda why: unhealthy(self.store, pod, spec["name"], running.node.name, why),
        )
        container.held = any(_is_of(pod, running.node.name, who) for who in self._held)
        self._write_mode(key, pod)
        running.containers[spec["name"]] = container
        self._watch_over(running, container.live())

    def _watch_over(self, running: RunningPod, work: Coroutine[None, None, None]) -> None:
        task = self._spawn(work)
        running.tasks.add(task)
        task.add_done_callback(running.tasks.discard)

    def _start_ephemeral(self, key: Key, pod: Object) -> None:
        running = self.pods[key]
        new = [
            c
            for c in pod["spec"].get("ephemeralContainers", ())
            if c["name"] not in running.containers
        ]
        for container in new:
            if not running.ending:
                self._start(key, pod, container, True)
        if new:
            self._report(key)

    def _report(self, key: Key) -> None:
        running = self.pods.get(key)
        if running is None or running.ending:
            return
        every = list(running.containers.values())

        def change(pod: Object) -> None:
            if pod["metadata"]["uid"] != running.uid:
                return
            states = [c.status for c in every if not c.status.ephemeral]
            temporary = [c.status for c in every if c.status.ephemeral]
            reason = pod["status"].get("reason")
            pod["status"] = status_of(
                pod, states, temporary, (running.node.address, running.address)
            )
            if reason == "DeadlineExceeded":
                pod["status"].update(phase="Failed", reason=reason)

        self.store.edit("pods", *key, change)

    async def _expire(self, key: Key, seconds: float) -> None:
        await asyncio.sleep(seconds)
        running = self.pods.get(key)

        def fail(pod: Object) -> None:
            said = "Pod was active on the node longer than the specified deadline"
            pod["status"].update(phase="Failed", reason="DeadlineExceeded", message=said)

        if running is not None:
            self.store.edit("pods", *key, fail)
            for container in running.containers.values():
                container.signal(signal.SIGKILL)

    async def _end(self, key: Key, uid: str, grace: float) -> None:
        """End a pod: SIGTERM and `grace` seconds, or at once where it is 0."""
        running = self.pods.get(key)
        if running is None or running.uid != uid or (running.ending and grace > 0):
            return
        running.ending = True
        if grace > 0:
            await _terminate(running, grace)
        if self.pods.get(key) is not running:
            return
        del self.pods[key]
        await self._remove(running)
        stored = self.store.get("pods", *key)
        if stored is not None and stored["metadata"]["uid"] == uid:
            self.store.remove("pods", *key)

    async def _remove(self, running: RunningPod) -> None:
        """What is left of a pod: processes, tasks, its sandbox and address."""
        for container in running.containers.values():
            container.signal(signal.SIGKILL)
            container.end_execs()
        for task in list(running.tasks):
            task.cancel()
        if not running.host_network:
            await running.sandbox.stop()
            self._addresses.free(running.node, running.address)

    # --- what the API asks for

    def exec_argv(self, key: Key, container: str, argv: Sequence[str]) -> list[str]:
        """`argv` wrapped to run in a container, empty where its image lacks the command;
        NotRunning."""
        running = self.pods.get(key)
        found = running.containers.get(container) if running else None
        if found is None or not found.running:
            raise NotRunning(f'container "{container}" is not running')
        return found.exec_argv(list(argv))

    def running_exec(self, key: Key, container: str, process: Process) -> None:
        """Remember a command that was exec'd into a container."""
        if (running := self.pods.get(key)) is not None:
            commands = running.containers[container].execs
            commands.difference_update({p for p in commands if p.returncode is not None})
            commands.add(process)

    def log_of(self, key: Key, container: str, previous: bool) -> Log | None:
        running = self.pods.get(key)
        found = running.containers.get(container) if running else None
        if found is None:
            return None
        return found.previous_log if previous else found.log

    # --- for faults

    def find(self, who: str) -> list[Key]:
        """Running pods of `namespace/app` or `namespace/app@node`, by their `app` (or `k8s-app`)
        label or name."""
        found = []
        for key, running in self.pods.items():
            pod = self.store.get("pods", *key)
            if pod is not None and _is_of(pod, running.node.name, who):
                found.append(key)
        return sorted(found)

    def hold(self, who: str) -> None:
        """Kill the pods of an app and keep them down until `release`."""
        self._held.add(who)
        for container in self._containers(who):
            container.held = True
            container.signal(signal.SIGKILL)

    def release(self, who: str) -> None:
        self._held.discard(who)
        for container in self._containers(who):
            container.release()

    def _containers(self, who: str) -> Iterable[Container]:
        for key in self.find(who):
            yield from (c for c in self.pods[key].containers.values() if not c.status.ephemeral)

    def set_mode(self, who: str, mode: str) -> None:
        """How the programs of an app behave from now on (see lab/workload.py); empty is well."""
        if mode:
            self.modes[who] = mode
        else:
            self.modes.pop(who, None)
        for key in self.find(who):
            if (pod := self.store.get("pods", *key)) is not None:
                self._write_mode(key, pod)

    def _mode_file(self, key: Key) -> Path:
        return self.files / "modes" / f"{key[0]}.{key[1]}"

    def _write_mode(self, key: Key, pod: Object) -> None:
        mode = next(
            (m for who, m in self.modes.items() if _is_of(pod, pod["spec"]["nodeName"], who)), ""
        )
        path = self._mode_file(key)
        path.parent.mkdir(exist_ok=True)
        path.write_text(mode)


async def _terminate(running: RunningPod, grace: float) -> None:
    for container in running.containers.values():
        container.ending = True
        container.signal(signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace):
            while any(container.running for container in running.containers.values()):
                await asyncio.sleep(0.05)


def _key(pod: Object) -> Key:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]


def _is_of(pod: Object, node: str, who: str) -> bool:
    app, _, at = who.partition("@")
    namespace, _, name = app.partition("/")
    labels = pod["metadata"].get("labels", {})
    if pod["metadata"]["namespace"] != namespace or (at and node != at):
        return False
    return name in (labels.get("app"), labels.get("k8s-app"), pod["metadata"]["name"])
