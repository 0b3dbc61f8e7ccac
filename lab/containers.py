"""One container of the lab: pulled, started, restarted with back-off, probed, ended, as a kubelet
does it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from asyncio import create_task
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from lab import images, probes
from lab.api.execstream import exit_code
from lab.api.logs import Log
from lab.api.metadata import name_of, node_of, place_of, uid_of
from lab.api.store import Object
from lab.capabilities import confine, effective, refusal
from lab.network import Sandbox
from lab.podstatus import ContainerState

PROGRAMS = Path(__file__).parent
CREATING_S = 0.1  # a real kubelet and containerd need about this long with the image present
PULL_RETRY_S = 2.0  # a real kubelet: 10 s doubling to 5 min
BACKOFF_S = (0.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)  # between restarts, as a real kubelet
STABLE_S = 600.0  # a container that ran for so long is restarted without delay
LINE_LIMIT = 64 * 1024
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", ""),
    "HOME": "/root",
    "LC_ALL": "C",
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "KUBERNETES_SERVICE_PORT": "443",
}


@dataclass(slots=True, eq=False)
class Container:
    """`changed` is called whenever the status differs. `held` keeps it from being started (for
    faults)."""

    pod: Object
    status: ContainerState
    sandbox: Sandbox
    node: Sandbox
    address: str
    environment: dict[str, str]
    siblings: Mapping[str, Container]
    changed: Callable[[], None]
    unhealthy: Callable[[str], None]
    held: bool = False
    ending: bool = False
    process: Process | None = None
    log: Log | None = None
    previous_log: Log | None = None
    execs: set[Process] = field(default_factory=set)
    _failed: int = 0  # readiness probes, one after another
    _last_failure: str = ""  # of a readiness probe
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def spec(self) -> Object:
        return self.status.spec

    @property
    def context(self) -> dict[str, Any]:
        """Its security context, with what it leaves to the pod's."""
        return effective(self.pod["spec"], self.spec)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    # --- life

    async def live(self) -> None:
        """Run until the pod ends (cancelled) or the container has ended and is not to be
        restarted."""
        await asyncio.sleep(CREATING_S)
        image = await self._pull()
        if why := refusal(self.context, image.user, self._where()):
            self._wait("CreateContainerConfigError", why)
        else:
            await self._target_runs()
            await self._run_and_restart(image)

    def _where(self) -> str:
        namespace, name = place_of(self.pod)
        return f'pod: "{name}_{namespace}", container: {self.status.name}'

    def _wait(self, reason: str, message: str) -> None:
        self.status.wait(reason, message)
        self.changed()

    async def _run_and_restart(self, image: images.Image) -> None:
        delays = iter(BACKOFF_S)
        while True:
            await self._hold()
            started = time.monotonic()
            if not self._restarts(await self._run(image)):
                return
            if time.monotonic() - started > STABLE_S:
                delays = iter(BACKOFF_S)
            await self._back_off(next(delays, BACKOFF_S[-1]))
            self.status.restart()

    def _restarts(self, code: int) -> bool:
        return _is_to_restart(self.pod, code) and not self.status.ephemeral and not self.ending

    async def _pull(self) -> images.Image:
        while (image := images.find(self.spec["image"])) is None:
            self.changed()
            await asyncio.sleep(0.2)
            await self._report_missing(self.spec["image"])
            await asyncio.sleep(PULL_RETRY_S)
        return image

    async def _report_missing(self, image: str) -> None:
        """What a kubelet says of an image that is not there."""
        if self.spec.get("imagePullPolicy") == "Never":
            said = f'Container image "{image}" is not present with pull policy of Never'
            self._wait("ErrImageNeverPull", said)
        else:
            await self._report_pull(image)

    async def _report_pull(self, image: str) -> None:
        why = images.pull_failure(image)
        self._wait("ErrImagePull", why)
        await asyncio.sleep(PULL_RETRY_S)
        said = f'Back-off pulling image "{image}": ErrImagePull: {why}'
        self._wait("ImagePullBackOff", said)

    async def _target_runs(self) -> None:
        """An ephemeral container joins the processes of its target, which must run for that."""
        target = self.siblings.get(self.spec.get("targetContainerName", ""))
        while target and not target.running:
            self._wait("CreateContainerError", _invalid_target(target.status.id))
            await asyncio.sleep(PULL_RETRY_S)

    async def _back_off(self, seconds: float) -> None:
        self._wake.clear()
        if seconds:
            self._report_back_off(seconds)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    def _report_back_off(self, seconds: float) -> None:
        self._wait("CrashLoopBackOff", f"{self._backing_off(seconds)} {_pod_name(self.pod)}")

    def _backing_off(self, seconds: float) -> str:
        return f"back-off {seconds:g}s restarting failed container={self.status.name}"

    async def _hold(self) -> None:
        """Wait as long as a fault keeps it from being started."""
        if self.held:
            self._wait("CrashLoopBackOff", self._backing_off(10))
        while self.held:
            self._wake.clear()
            await self._wake.wait()

    def release(self) -> None:
        self.held = False
        self._wake.set()

    async def _run(self, image: images.Image) -> int:
        """Its exit code."""
        self.process = await self._started(image)
        reading = create_task(self._read_log(self.process))
        self._report_start(image)
        code = await self._ended(self.process)
        await asyncio.wait({reading}, timeout=1)
        self._report_end(code)
        return code

    async def _read_log(self, process: Process) -> None:
        self.previous_log, self.log = self.log, Log()
        if process.stdout is not None:
            await self.log.read_from(process.stdout)

    def _report_end(self, code: int) -> None:
        self.end_execs()
        self.status.end(code)
        self.changed()

    async def _started(self, image: images.Image) -> Process:
        return await asyncio.create_subprocess_exec(
            *self._inside(image, self._command(image)),
            stdin=PIPE if self.spec.get("stdin") else DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env=self.environment,
            limit=LINE_LIMIT,
        )

    def _report_start(self, image: images.Image) -> None:
        self.status.start(image, self._user(image), int(self.context.get("runAsGroup", 0)))
        self.status.ready = not self.status.ephemeral and "readinessProbe" not in self.spec
        self.changed()

    def _user(self, image: images.Image) -> int:
        return int(self.context.get("runAsUser", image.user))

    async def _keep_probing(self, probe: Object) -> None:
        self._failed, self._last_failure = 0, ""
        await asyncio.sleep(probe.get("initialDelaySeconds", 0))
        while True:
            await self._probe_once(probe)
            self._set_ready(probe.get("failureThreshold", 3))
            await asyncio.sleep(self._probe_pause(probe))

    async def _probe_once(self, probe: Object) -> None:
        why = await probes.failure(self.node.pid, self.address, probe, self.spec)
        self._report_failure(why)
        self._failed = self._failed + 1 if why else 0

    def _report_failure(self, why: str) -> None:
        """If it is another than the last."""
        if why and why != self._last_failure:
            self.unhealthy(why)
        self._last_failure = why

    def _set_ready(self, threshold: int) -> None:
        ready = self._is_ready(threshold)
        if ready != self.status.ready:
            self.status.ready = ready
            self.changed()

    def _is_ready(self, threshold: int) -> bool:
        """One that was ready stays so until as many probes have failed."""
        return not self._failed or (self.status.ready and self._failed < threshold)

    def _probe_pause(self, probe: Object) -> float:
        """One that starts is probed more often, so that the lab is soon ready."""
        if self.status.ready or self._failed > 3:
            return float(probe.get("periodSeconds", 10))
        return 0.3

    async def _ended(self, process: Process) -> int:
        """The exit code of its program, which is probed as long as it runs."""
        probe = self.spec.get("readinessProbe")
        probing = create_task(self._keep_probing(probe)) if probe else None
        try:
            return exit_code(await process.wait())
        finally:
            if probing is not None:
                probing.cancel()

    def _inside(self, image: images.Image, argv: list[str]) -> list[str]:
        return self.sandbox.inside(confine(self.context, image.user) + argv)

    def _command(self, image: images.Image) -> list[str]:
        args = list(self.spec.get("args", ()))
        if command := self.spec.get("command"):
            return [*command, *args]
        if program := image.program_for(args):
            return [sys.executable, "-I", "-S", str(PROGRAMS / program), *args]
        return args or list(image.default)

    # --- what is done to it

    def kill(self) -> None:
        """Its program, and what was exec'd into it."""
        self.signal(signal.SIGKILL)
        self.end_execs()

    def signal(self, number: int) -> None:
        if self.process is not None:
            _signal(self.process, number)

    def end_execs(self) -> None:
        """A container's end is the end of everything that was exec'd into it (exit code 137)."""
        for process in self.execs:
            _signal(process, signal.SIGKILL)
        self.execs.clear()

    def add_exec(self, process: Process) -> None:
        self.execs = {known for known in self.execs if known.returncode is None} | {process}

    def exec_argv(self, argv: list[str]) -> list[str]:
        """`argv` wrapped to run in the container; empty where its image has no such command."""
        image = self.status.image
        if image is None or not argv or not image.has(argv[0]):
            return []
        return self._inside(image, argv)


def _is_to_restart(pod: Object, code: int) -> bool:
    """A container that ended with that code, by the pod's restartPolicy."""
    policy = pod["spec"].get("restartPolicy", "Always")
    return policy == "Always" or (policy == "OnFailure" and code != 0)


def _pod_name(pod: Object) -> str:
    """As a kubelet's messages have it."""
    namespace, name = place_of(pod)
    return f"pod={name}_{namespace}({uid_of(pod)})"


def _signal(process: Process, number: int) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)


def _invalid_target(container: str) -> str:
    return (
        f'failed to generate container "{token_hex(32)}" spec: failed to generate spec opts: '
        f'invalid target container: container "{container.removeprefix("containerd://")}" is '
        "not running - in state CONTAINER_EXITED"
    )


def environment_of(pod: Object, spec: Object, fields: Mapping[str, str]) -> dict[str, str]:
    """A container's environment: the image's, the Services', and `env`; `fields` are those of the
    pod's status that its field references name."""
    known = {**_fields_of(pod), **fields}
    own = {entry["name"]: _value_of(entry, known) for entry in spec.get("env", ())}
    return {**ENVIRONMENT, "HOSTNAME": name_of(pod), **own}


def _fields_of(pod: Object) -> dict[str, str]:
    namespace, name = place_of(pod)
    return {
        "metadata.name": name,
        "metadata.namespace": namespace,
        "metadata.uid": uid_of(pod),
        "spec.nodeName": node_of(pod),
    }


def _value_of(entry: Object, fields: Mapping[str, str]) -> str:
    return str(entry["value"]) if "value" in entry else fields.get(_reference(entry), "")


def _reference(entry: Object) -> str:
    """The field of the pod that an entry of `env` names."""
    return str((entry.get("valueFrom") or {}).get("fieldRef", {}).get("fieldPath", ""))
