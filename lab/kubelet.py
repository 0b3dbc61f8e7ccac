"""All nodes' kubelets in one: runs the pods that the store holds and keeps their statuses equal to
what runs."""

from __future__ import annotations

import asyncio
import signal
from asyncio import Task, create_task
from asyncio.subprocess import Process
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from lab.api.logs import Log
from lab.api.metadata import (
    Place,
    annotations_of,
    is_ending,
    node_of,
    on_host_network,
    place_of,
    uid_of,
)
from lab.api.node_streams import NodeStream, NodeStreams
from lab.api.store import Change, Object, ObjectStore
from lab.containers import Container, environment_of
from lab.kube_events import unhealthy
from lab.network import LabError, Sandbox
from lab.pod_addresses import ADDRESS_OF
from lab.podstatus import ContainerState
from lab.running_pods import ProgramModes, RunningPod, fail_for_deadline, is_of
from lab.sandboxes import PodSandboxes
from lab.topology import Node


class NotRunning(LabError):
    """The container asked for does not run."""


class TaskSet:
    """Tasks that run until they end; the event loop itself keeps none."""

    def __init__(self) -> None:
        self._tasks: set[Task[None]] = set()

    def spawn(self, work: Coroutine[None, None, None]) -> Task[None]:
        task = create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class Kubelet:
    def __init__(self, nodes: Sequence[Node], store: ObjectStore, files: Path) -> None:
        self.store = store
        self.nodes: dict[str, Sandbox] = {}
        self.streams: dict[str, NodeStreams] = {}
        self.pods: dict[Place, RunningPod] = {}
        self._modes = ProgramModes(files)
        self._sandboxes = PodSandboxes(nodes, self.nodes, files)
        self._held: set[str] = set()
        self._starting: set[str] = set()
        self._tasks = TaskSet()

    # --- following the store

    async def follow(self, since: int) -> None:
        """Run what is added, start new ephemeral containers, end what is deleted; for ever."""
        async for change in self.store.watch(since):
            if self._is_ours(change):
                self._follow_pod(change.item, change.kind == "DELETED")

    def _is_ours(self, change: Change) -> bool:
        return change.resource == "pods" and node_of(change.item) in self.nodes

    def _follow_pod(self, pod: Object, deleted: bool) -> None:
        running = self.pods.get(place_of(pod))
        if deleted or is_ending(pod):
            self._tasks.spawn(self._end(pod, 0 if deleted else _grace_of(pod)))
        elif running is None:
            self._tasks.spawn(self.run(pod))
        elif running.uid == uid_of(pod):
            self._start_ephemeral(pod, running)

    # --- pods

    async def run(self, pod: Object) -> None:
        """Make a pod's sandbox (or lend it the node's), and start its containers."""
        uid = uid_of(pod)
        if uid not in self._starting and place_of(pod) not in self.pods:
            self._starting.add(uid)
            try:
                self._start_pod(pod, await self._sandboxed(pod))
            finally:
                self._starting.discard(uid)
            await self._end_unless_stored(pod)

    async def _end_unless_stored(self, pod: Object) -> None:
        """It may have been deleted while it was started."""
        if not self._is_stored(pod):
            await self._end(pod, 0)

    def _is_stored(self, pod: Object) -> bool:
        """Whether the store still has it, and not another one of its name."""
        stored = self.store.get("pods", *place_of(pod))
        return stored is not None and uid_of(stored) == uid_of(pod)

    async def _sandboxed(self, pod: Object) -> RunningPod:
        if on_host_network(pod):
            return self._sandboxes.of_node(pod)
        return await self._sandboxes.make(pod, self._address_twin(pod))

    def _address_twin(self, pod: Object) -> str:
        """The address of another pod that it shall have as well; empty for one of its own."""
        of = annotations_of(pod).get(ADDRESS_OF)
        twins = self.find(of) if of else []
        return self.pods[twins[0]].address if twins else ""

    def _start_pod(self, pod: Object, running: RunningPod) -> None:
        self.pods[place_of(pod)] = running
        for spec in pod["spec"]["containers"]:
            self._start(pod, running, ContainerState(spec))
        self._report(place_of(pod))
        self._set_deadline(pod, running)

    def _set_deadline(self, pod: Object, running: RunningPod) -> None:
        if seconds := pod["spec"].get("activeDeadlineSeconds"):
            running.keep(self._tasks.spawn(self._expire(place_of(pod), float(seconds))))

    def _start(self, pod: Object, running: RunningPod, state: ContainerState) -> None:
        container = self._container(pod, running, state)
        container.held = any(is_of(pod, who) for who in self._held)
        self._modes.write(pod)
        running.containers[state.name] = container
        running.keep(self._tasks.spawn(container.live()))

    def _container(self, pod: Object, running: RunningPod, state: ContainerState) -> Container:
        return Container(
            pod=pod,
            status=state,
            sandbox=running.sandbox,
            node=self.nodes[running.node.name],
            address=running.address,
            environment=self._environment(pod, running, state.spec),
            siblings=running.containers,
            changed=partial(self._report, place_of(pod)),
            unhealthy=partial(unhealthy, self.store, pod, state.name),
        )

    def _environment(self, pod: Object, running: RunningPod, spec: Object) -> dict[str, str]:
        addresses = {"status.podIP": running.address, "status.hostIP": running.node.address}
        return {**self._modes.environment(pod), **environment_of(pod, spec, addresses)}

    def _start_ephemeral(self, pod: Object, running: RunningPod) -> None:
        if new := running.missing(pod):
            for spec in new if not running.ending else ():
                self._start(pod, running, ContainerState(spec, ephemeral=True))
            self._report(place_of(pod))

    def _report(self, key: Place) -> None:
        running = self.pods.get(key)
        if running is not None and not running.ending:
            self.store.edit("pods", *key, running.report)

    async def _expire(self, key: Place, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if running := self.pods.get(key):
            self.store.edit("pods", *key, fail_for_deadline)
            running.signal(signal.SIGKILL)

    async def _end(self, pod: Object, grace: float) -> None:
        """End a pod: SIGTERM and `grace` seconds, or at once where it is 0."""
        running = self.pods.get(place_of(pod))
        if running and running.uid == uid_of(pod) and not (running.ending and grace):
            running.ending = True
            await running.terminate(grace)
            await self._remove(pod, running)

    async def _remove(self, pod: Object, running: RunningPod) -> None:
        """What is left of a pod: processes, tasks, its sandbox and address; also in the store."""
        if self.pods.get(place_of(pod)) is running:
            del self.pods[place_of(pod)]
            await running.remove()
            self._free_address(running)
            if self._is_stored(pod):
                self.store.remove("pods", *place_of(pod))

    def _free_address(self, running: RunningPod) -> None:
        if not running.host_network and not self._is_used(running.address):
            self._sandboxes.addresses.free(running.node, running.address)

    def _is_used(self, address: str) -> bool:
        return any(running.address == address for running in self.pods.values())

    # --- what the API asks for

    def _found(self, key: Place, container: str) -> Container | None:
        running = self.pods.get(key)
        return running.containers.get(container) if running else None

    def exec_argv(self, key: Place, container: str, argv: list[str]) -> list[str]:
        """`argv` wrapped to run in a container, empty where its image lacks the command;
        NotRunning."""
        found = self._found(key, container)
        if found is None or not found.running:
            raise NotRunning(f'container "{container}" is not running')
        return found.exec_argv(argv)

    async def open_stream(self, node: str) -> NodeStream | None:
        """The path of an exec stream through a node; None where there is none."""
        streams = self.streams.get(node)
        return await streams.open() if streams is not None else None

    def running_exec(self, key: Place, container: str, process: Process) -> None:
        """Remember a command that was exec'd into a container."""
        if key in self.pods:
            self.pods[key].containers[container].add_exec(process)

    def log_of(self, key: Place, container: str, previous: bool) -> Log | None:
        found = self._found(key, container)
        if found is None:
            return None
        return found.previous_log if previous else found.log

    # --- for faults

    def _pods_of(self, who: str) -> Iterator[Object]:
        return (pod for pod in self._stored_pods() if is_of(pod, who))

    def _stored_pods(self) -> list[Object]:
        stored = [self.store.get("pods", *key) for key in sorted(self.pods)]
        return [pod for pod in stored if pod is not None]

    def find(self, who: str) -> list[Place]:
        """Running pods of `namespace/app` or `namespace/app@node`, by their `app` (or `k8s-app`)
        label or name."""
        return [place_of(pod) for pod in self._pods_of(who)]

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

    def signal(self, who: str, number: int) -> None:
        """Send a signal to the programs of an app."""
        for container in self._containers(who):
            container.signal(number)

    def _containers(self, who: str) -> Iterable[Container]:
        for key in self.find(who):
            yield from self.pods[key].permanent()

    def set_mode(self, who: str, mode: str) -> None:
        """How the programs of an app behave from now on (see lab/workload.py); empty is well."""
        self._modes.set(who, mode)
        for pod in self._pods_of(who):
            self._modes.write(pod)


def _grace_of(pod: Object) -> float:
    return float(pod["metadata"].get("deletionGracePeriodSeconds", 30))
