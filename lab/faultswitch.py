"""Switches faults on and off in a running lab; keeps for each what undoes it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from lab.api import patches
from lab.api.resources import BY_KIND, Resource
from lab.api.status import ApiError, bad_request
from lab.api.store import Object, ObjectStore
from lab.api.writing import Writer, without_kind
from lab.faults import Fault, FaultStep, all_faults
from lab.kubelet import Kubelet
from lab.network import LabError, run
from lab.ownership import is_ready
from lab.proxy import Proxy

HERE = Path(__file__).parent
PROBE = HERE / "probe.py"
READY_S = 20.0
Undo = Callable[[], Awaitable[None]]


class FaultSwitch:
    """`reload` is called after a change of kube-proxy's behaviour, to load new rules."""

    def __init__(
        self,
        store: ObjectStore,
        kubelet: Kubelet,
        writer: Writer,
        proxy: Proxy,
        reload: Callable[[], Awaitable[None]],
    ) -> None:
        self.known = all_faults()
        self.active: dict[str, list[Undo]] = {}
        self.store = store
        self.kubelet = kubelet
        self.writer = writer
        self.proxy = proxy
        self._reload = reload
        self._lock = asyncio.Lock()

    def rows(self) -> list[dict[str, Any]]:
        texts = [f.name for f in fields(Fault) if f.name not in ("on", "off", "probes")]
        return [
            {**{t: getattr(f, t) for t in texts}, "on": f.name in self.active}
            for f in self.known.values()
        ]

    async def turn(self, name: str, on: bool) -> None:
        """Switch a fault; switching to the state it already has does nothing. ApiError where it
        cannot be."""
        if name not in self.known:
            raise bad_request(f"there is no fault named {name}; known: {', '.join(self.known)}")
        async with self._lock:
            if (name in self.active) == on:
                return
            try:
                await (self._on(self.known[name]) if on else self._off(name))
            except (LabError, ApiError, OSError) as error:
                raise bad_request(f"the fault {name} could not be switched: {error}") from None

    async def _on(self, fault: Fault) -> None:
        undo: list[Undo] = []
        self.active[fault.name] = undo
        try:
            for step in fault.on:
                await self._do(step, undo)
        except BaseException:
            await self._off(fault.name)
            raise

    async def _off(self, name: str) -> None:
        failures = []
        undo = self.active.pop(name)
        for step in self.known[name].off:
            try:
                await self._do(step, [])
            except LabError as error:
                failures.append(str(error))
        for action in reversed(undo):
            try:
                await action()
            except (LabError, ApiError) as error:
                failures.append(str(error))
        await self._reload()
        if failures:
            raise LabError("; ".join(failures))

    # --- steps

    async def _do(self, step: FaultStep, undo: list[Undo]) -> None:
        """Carry out one step; adds what undoes each part to `undo` as soon as it is done."""
        await self._run_commands(step, undo)
        self._change_programs(step, undo)
        await self._change_proxy(step, undo)
        for item in yaml.safe_load_all(step.apply) if step.apply else ():
            undo.append(self._apply(item))
        if step.delete:
            await self._replace_pods(step.delete)
        if step.wait:
            await self._until(step.wait, self._all_ready)
        await asyncio.sleep(step.pause)
        if step.throttle:
            task = asyncio.create_task(self._throttle(step.throttle))
            undo.append(lambda: _cancelled(task))

    async def _run_commands(self, step: FaultStep, undo: list[Undo]) -> None:
        if step.run:
            for place in self.places(step.at):
                await run(self.inside(place, step.run), step.input)
        if step.start:
            for place in self.places(step.at):
                process = await asyncio.create_subprocess_exec(
                    *self.inside(place, step.start), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
                )
                undo.append(partial(_end, process))

    def _change_programs(self, step: FaultStep, undo: list[Undo]) -> None:
        if step.hold:
            self.kubelet.hold(step.hold)
            undo.append(_later(self.kubelet.release, step.hold))
        if step.mode:
            self.kubelet.set_mode(step.of, step.mode)
            undo.append(_later(self.kubelet.set_mode, step.of, ""))

    async def _change_proxy(self, step: FaultStep, undo: list[Undo]) -> None:
        for name, value in step.proxy.items():
            setattr(self.proxy.behaviour, name, value)
            undo.append(_later(setattr, self.proxy.behaviour, name, not value))
            await self._reload()

    async def _replace_pods(self, who: str) -> None:
        """Delete an app's pods, and wait until none of them is left."""
        old = set(self.kubelet.find(who))
        for key in old:
            if (pod := self.store.get("pods", *key)) is not None:
                self.writer.terminate(pod, {"gracePeriodSeconds": 1})
        await self._until(who, lambda keys: not old & set(keys))

    async def _throttle(self, node: str) -> None:
        """Let the pods of a node run for 50 ms in every 350: what CFS bandwidth control does to a
        cgroup."""
        try:
            while True:
                self._signal(node, signal.SIGSTOP)
                await asyncio.sleep(0.3)
                self._signal(node, signal.SIGCONT)
                await asyncio.sleep(0.05)
        finally:
            self._signal(node, signal.SIGCONT)

    def _signal(self, node: str, number: int) -> None:
        for running in self.kubelet.pods.values():
            if running.node.name == node:
                for container in running.containers.values():
                    container.signal(number)

    def _all_ready(self, keys: Sequence[tuple[str, str]]) -> bool:
        return bool(keys) and all(is_ready(self.store.get("pods", *key) or {}) for key in keys)

    async def _until(self, who: str, holds: Callable[[Sequence[tuple[str, str]]], bool]) -> None:
        try:
            async with asyncio.timeout(READY_S):
                while not holds(self.kubelet.find(who)):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise LabError(f"{who} did not come to that state within {READY_S:g} s") from None

    # --- objects

    def _apply(self, item: Object) -> Undo:
        """Create an object, or patch the one that is there; returns what puts things back."""
        resource = BY_KIND[item["kind"]]
        place = (item["metadata"].get("namespace", ""), item["metadata"]["name"])
        current = self.store.get(resource.plural, *place)
        body = without_kind(item)
        if current is None:
            self.writer.make(resource, body)
            return _later(self._remove, resource, place)
        patched = patches.strategic(current, body)
        self.store.put(resource.plural, self.writer.filled(resource, patched))
        return _later(self._restore, resource, current)

    def _restore(self, resource: Resource, before: Object) -> None:
        """Put back what a fault patched; status and the rest of the metadata stay as they are."""
        metadata = before["metadata"]
        now = self.store.get(resource.plural, metadata.get("namespace", ""), metadata["name"])
        if now is None:
            return
        kept = {k: before[k] for k in before if k not in ("metadata", "status")}
        labels = metadata.get("labels", {})
        restored = {**now, **kept, "metadata": {**now["metadata"], "labels": labels}}
        self.store.put(resource.plural, restored)

    def _remove(self, resource: Resource, place: tuple[str, str]) -> None:
        found = self.store.get(resource.plural, *place)
        if found is not None and resource.plural == "pods":
            self.writer.terminate(found, {"gracePeriodSeconds": 0})
        elif found is not None:
            self.store.remove(resource.plural, *place)

    # --- where commands run

    def places(self, at: str) -> list[str]:
        """The sandboxes that `at` names: node names, `namespace/pod`, or `outside` (beside the
        nodes)."""
        if at == "nodes":
            return list(self.kubelet.nodes)
        if at == "outside" or at in self.kubelet.nodes:
            return [at]
        found = [f"{namespace}/{name}" for namespace, name in self.kubelet.find(at)]
        if not found:
            raise LabError(f"there is no {at} in the lab")
        return found

    def inside(self, place: str, argv: Sequence[str]) -> list[str]:
        """A command for one of `places`. `@python` and `@lab/` are expanded, `{namespace/app@node}`
        is an address."""
        expanded = [self._argument(a) for a in argv]
        if place == "outside":
            return expanded
        if place in self.kubelet.nodes:
            return self.kubelet.nodes[place].inside(expanded)
        namespace, _, name = place.partition("/")
        return self.kubelet.pods[namespace, name].sandbox.inside(expanded)

    def _argument(self, text: str) -> str:
        if text == "@python":
            return sys.executable
        if text.startswith("@lab/"):
            return str(HERE / text.removeprefix("@lab/"))
        return re.sub(r"\{([a-z0-9-]+/[^}]+)\}", lambda m: self._address(m[1]), text)

    def _address(self, who: str) -> str:
        keys = self.kubelet.find(who)
        if not keys:
            raise LabError(f"there is no {who} in the lab")
        return self.kubelet.pods[keys[0]].address

    async def probe(self, at: str, argv: Sequence[str]) -> str:
        """What a plain client says there."""
        place = self.places(at)[0]
        said = await run(self.inside(place, ["@python", "-I", "-S", str(PROBE), *argv]))
        return said.strip()


def _later(call: Callable[..., Any], *arguments: Any) -> Undo:
    async def undo() -> None:
        call(*arguments)

    return undo


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()
