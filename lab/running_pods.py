"""A pod as its kubelet runs it: a sandbox, its containers, and how their programs misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio import Task
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.api.metadata import labels_of, name_of, namespace_of, node_of, uid_of
from lab.api.store import Object
from lab.containers import Container
from lab.network import Sandbox
from lab.podstatus import status_of
from lab.topology import Node

DEADLINE = "DeadlineExceeded"


@dataclass(slots=True)
class RunningPod:
    """A pod's sandbox and its containers."""

    uid: str
    sandbox: Sandbox
    node: Node
    addresses: tuple[str, ...]  # of IPv4 first
    host_network: bool
    containers: dict[str, Container] = field(default_factory=dict)
    tasks: set[Task[None]] = field(default_factory=set)
    ending: bool = False

    @property
    def address(self) -> str:
        return self.addresses[0]

    def report(self, pod: Object) -> None:
        """Write what its containers do into a pod's status, if it is this one's."""
        if uid_of(pod) == self.uid:
            expired = pod["status"].get("reason") == DEADLINE
            failed = {"phase": "Failed", "reason": DEADLINE} if expired else {}
            pod["status"] = {**self._status(pod), **failed}

    def _status(self, pod: Object) -> Object:
        states = [container.status for container in self.containers.values()]
        return status_of(pod, states, (self.node.addresses, self.addresses))

    def permanent(self) -> Iterator[Container]:
        """Its containers without the ephemeral ones."""
        return (one for one in self.containers.values() if not one.status.ephemeral)

    def missing(self, pod: Object) -> list[Object]:
        """Ephemeral containers that its spec has and that were not started."""
        wanted = pod["spec"].get("ephemeralContainers", ())
        return [spec for spec in wanted if spec["name"] not in self.containers]

    # --- its end

    def signal(self, number: int) -> None:
        for container in self.containers.values():
            container.signal(number)

    async def terminate(self, grace: float) -> None:
        """SIGTERM, and `grace` seconds to end; nothing where that is 0."""
        if grace > 0:
            self._ask_to_end()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended(), grace)

    def _ask_to_end(self) -> None:
        for container in self.containers.values():
            container.ending = True
            container.signal(signal.SIGTERM)

    async def _ended(self) -> None:
        while any(container.running for container in self.containers.values()):
            await asyncio.sleep(0.05)

    async def remove(self) -> None:
        """End what is left: processes, tasks, its sandbox."""
        for container in self.containers.values():
            container.kill()
        self._cancel_tasks()
        if not self.host_network:
            await self.sandbox.stop()

    def _cancel_tasks(self) -> None:
        for task in list(self.tasks):
            task.cancel()

    def keep(self, task: Task[None]) -> None:
        """A task that ends with the pod."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class ProgramModes:
    """How the programs of apps misbehave: a file for each pod, which its programs read."""

    def __init__(self, files: Path) -> None:
        self._files = files
        self._of: dict[str, str] = {}

    def set(self, who: str, mode: str) -> None:
        """Of an app, as `Kubelet.find` names it; empty is well."""
        if mode:
            self._of[who] = mode
        else:
            self._of.pop(who, None)

    def _file(self, pod: Object) -> Path:
        return self._files / "modes" / f"{namespace_of(pod)}.{name_of(pod)}"

    def environment(self, pod: Object) -> dict[str, str]:
        """Where programs find their mode, and the DNS server its zone."""
        return {"LAB_MODE": str(self._file(pod)), "LAB_ZONE": str(self._files / "zone")}

    def write(self, pod: Object) -> None:
        mode = next((mode for who, mode in self._of.items() if is_of(pod, who)), "")
        self._file(pod).parent.mkdir(exist_ok=True)
        self._file(pod).write_text(mode)


def is_of(pod: Object, who: str) -> bool:
    """Whether a pod is of `namespace/app`, or `namespace/app@node`."""
    app, _, node = who.partition("@")
    return node in ("", node_of(pod)) and _is_of_app(pod, app)


def _is_of_app(pod: Object, app: str) -> bool:
    namespace, _, name = app.partition("/")
    return namespace == namespace_of(pod) and name in _app_names(pod)


def _app_names(pod: Object) -> tuple[str | None, ...]:
    labels = labels_of(pod)
    return labels.get("app"), labels.get("k8s-app"), name_of(pod)


def fail_for_deadline(pod: Object) -> None:
    """What a kubelet reports when activeDeadlineSeconds have passed."""
    said = "Pod was active on the node longer than the specified deadline"
    pod["status"].update(phase="Failed", reason=DEADLINE, message=said)
