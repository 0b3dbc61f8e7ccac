"""One container of the lab: pulled, started, restarted with back-off, probed, ended, as a kubelet
does it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

from lab import images, probes
from lab.api.logs import Log
from lab.api.store import Object
from lab.capabilities import confine, effective, refusal
from lab.network import Sandbox
from lab.podstatus import ContainerState

WORKLOAD = Path(__file__).with_name("workload.py")
CREATING_S = 0.1  # a real kubelet and containerd need about this long with the image present
PULL_RETRY_S = 2.0  # a real kubelet: 10 s doubling to 5 min
BACKOFF_S = (0.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0)  # between restarts, as a real kubelet
LINE_LIMIT = 64 * 1024


class Container:
    """`changed` is called whenever the status differs. `held` keeps it from being started (for
    faults)."""

    def __init__(
        self,
        pod: Object,
        spec: Object,
        sandbox: Sandbox,
        ephemeral: bool,
        environment: dict[str, str],
        changed: Callable[[], None],
        address: str,
        node: Sandbox,
        siblings: Mapping[str, Container],
        unhealthy: Callable[[str], None],
    ) -> None:
        self.pod = pod
        self.spec = spec
        self.sandbox = sandbox
        self.status = ContainerState(spec, ephemeral)
        self.process: Process | None = None
        self.log: Log | None = None
        self.previous_log: Log | None = None
        self.held = False
        self.ending = False
        self.execs: set[Process] = set()
        self._environment = environment
        self._changed = changed
        self._address = address
        self._node = node
        self._siblings = siblings
        self._unhealthy = unhealthy
        self._context = effective(pod["spec"], spec)
        self._wake = asyncio.Event()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    # --- life

    async def live(self) -> None:
        """Run until the pod ends (cancelled) or the container has ended and is not to be
        restarted."""
        await asyncio.sleep(CREATING_S)
        image = await self._pull()
        where = (
            f'pod: "{self.pod["metadata"]["name"]}_{self.pod["metadata"]["namespace"]}", '
            f"container: {self.status.name}"
        )
        if why := refusal(self._context, image.user, where):
            self.status.wait("CreateContainerConfigError", why)
            self._changed()
            return
        await self._target_runs()
        failures = 0
        while True:
            if self.held:
                await self._hold()
            started = asyncio.get_running_loop().time()
            code = await self._run(image)
            if not self._restarts(code):
                return
            if asyncio.get_running_loop().time() - started > 600:
                failures = 0
            await self._back_off(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
            failures += 1
            self.status.last = (
                self.status.state if "terminated" in self.status.state else self.status.last
            )
            self.status.restarts += 1

    def _restarts(self, code: int) -> bool:
        if self.status.ephemeral or self.ending:
            return False
        policy = self.pod["spec"].get("restartPolicy", "Always")
        return policy == "Always" or (policy == "OnFailure" and code != 0)

    async def _pull(self) -> images.Image:
        name = self.spec["image"]
        while (image := images.find(name)) is None:
            self._changed()
            await asyncio.sleep(0.2)
            if self.spec.get("imagePullPolicy") == "Never":
                said = f'Container image "{name}" is not present with pull policy of Never'
                self.status.wait("ErrImageNeverPull", said)
            else:
                why = images.pull_failure(name)
                self.status.wait("ErrImagePull", why)
                self._changed()
                await asyncio.sleep(PULL_RETRY_S)
                self.status.wait(
                    "ImagePullBackOff", f'Back-off pulling image "{name}": ErrImagePull: {why}'
                )
            self._changed()
            await asyncio.sleep(PULL_RETRY_S)
        return image

    async def _target_runs(self) -> None:
        """An ephemeral container joins the processes of its target, which must run for that."""
        target = self._siblings.get(self.spec.get("targetContainerName", ""))
        while target is not None and not target.running:
            said = (
                f'failed to generate container "{token_hex(32)}" spec: failed to generate spec '
                "opts: invalid target "
                f'container: container "{target.status.id.removeprefix("containerd://")}" is '
                "not running - in state "
                "CONTAINER_EXITED"
            )
            self.status.wait("CreateContainerError", said)
            self._changed()
            await asyncio.sleep(PULL_RETRY_S)

    async def _back_off(self, seconds: float) -> None:
        self._wake.clear()
        if seconds:
            name, metadata = self.status.name, self.pod["metadata"]
            said = (
                f"back-off {seconds:g}s restarting failed container={name} "
                f"pod={metadata['name']}_{metadata['namespace']}({metadata['uid']})"
            )
            self.status.wait("CrashLoopBackOff", said)
            self._changed()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _hold(self) -> None:
        self.status.wait(
            "CrashLoopBackOff", f"back-off 10s restarting failed container={self.status.name}"
        )
        self._changed()
        while self.held:
            self._wake.clear()
            await self._wake.wait()

    def release(self) -> None:
        self.held = False
        self._wake.set()

    async def _run(self, image: images.Image) -> int:
        self.previous_log, self.log = self.log, Log()
        argv = self.sandbox.inside(confine(self._context, image.user) + self._command(image))
        self.process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=PIPE if self.spec.get("stdin") else DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env=self._environment,
            limit=LINE_LIMIT,
        )
        assert self.process.stdout is not None
        user = int(self._context.get("runAsUser", image.user))
        self.status.start(image, user, int(self._context.get("runAsGroup", 0)))
        reading = asyncio.create_task(self.log.read_from(self.process.stdout))
        probe = self.spec.get("readinessProbe")
        self.status.ready = not self.status.ephemeral and probe is None
        self._changed()
        probing = asyncio.create_task(self._probe(probe)) if probe else None
        try:
            code = await self.process.wait()
        finally:
            if probing is not None:
                probing.cancel()
        await asyncio.wait({reading}, timeout=1)
        self.end_execs()
        code = 128 - code if code < 0 else code
        self.status.end(code)
        self._changed()
        return code

    def _command(self, image: images.Image) -> list[str]:
        command, args = list(self.spec.get("command", ())), list(self.spec.get("args", ()))
        if command:
            return [*command, *args]
        if image.workload:
            return [sys.executable, "-I", "-S", str(WORKLOAD), *args]
        return args or list(image.default)

    async def _probe(self, probe: Object) -> None:
        failed, said = 0, ""
        await asyncio.sleep(probe.get("initialDelaySeconds", 0))
        while True:
            why = await probes.failure(self._node.pid, self._address, probe, self.spec)
            passed = not why
            if why and why != said:
                self._unhealthy(why)
            said = why
            failed = 0 if passed else failed + 1
            ready = passed or (self.status.ready and failed < probe.get("failureThreshold", 3))
            if ready != self.status.ready:
                self.status.ready = ready
                self._changed()
            await asyncio.sleep(
                probe.get("periodSeconds", 10) if self.status.ready or failed > 3 else 0.3
            )

    # --- what is done to it

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def end_execs(self) -> None:
        """A container's end is the end of everything that was exec'd into it (exit code 137)."""
        for process in self.execs:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGKILL)
        self.execs.clear()

    def exec_argv(self, argv: list[str]) -> list[str]:
        """`argv` wrapped to run in the container; empty where its image has no such command."""
        image = self.status.image
        if image is None or not argv or not image.has(argv[0]):
            return []
        return self.sandbox.inside(confine(self._context, image.user) + argv)


def environment_of(
    pod: Object, spec: Object, address: str, host: str, extra: dict[str, str]
) -> dict[str, str]:
    """A container's environment: the image's, the Services', `env` with its field references, and
    `extra`."""
    found = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": "/root",
        "LC_ALL": "C",
        "HOSTNAME": pod["metadata"]["name"],
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
        **extra,
    }
    fields: dict[str, Any] = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
        "metadata.uid": pod["metadata"].get("uid"),
        "spec.nodeName": pod["spec"].get("nodeName"),
        "status.podIP": address,
        "status.hostIP": host,
    }
    for entry in spec.get("env", ()):
        reference = (entry.get("valueFrom") or {}).get("fieldRef", {}).get("fieldPath", "")
        found[entry["name"]] = str(entry.get("value", fields.get(reference) or ""))
    return found
