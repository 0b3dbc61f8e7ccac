"""Switches faults on and off in a running lab; keeps for each what undoes it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import sys
from asyncio import Task
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from lab.api import patches
from lab.api.bodies import without_kind
from lab.api.metadata import Place, labels_of, place_of, without
from lab.api.resources import BY_KIND, Resource
from lab.api.status import ApiError, bad_request
from lab.api.store import Object, ObjectStore
from lab.api.writing import Writer
from lab.faults import Fault, FaultStep, all_faults
from lab.kubelet import Kubelet
from lab.network import LabError, Sandbox, run
from lab.ownership import is_ready
from lab.proxy import Proxy
from lab.waiting import comes_true

HERE = Path(__file__).parent
PROBE = HERE / "probe.py"
READY_S = 20.0
TEXTS = tuple(one.name for one in fields(Fault) if one.name not in ("on", "off", "probes"))
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

    def rows(self) -> list[Object]:
        return [{**_shown(fault), "on": fault.name in self.active} for fault in self.known.values()]

    async def turn(self, name: str, on: bool) -> None:
        """Switch a fault; switching to the state it already has does nothing. ApiError where it
        cannot be."""
        fault = self._fault(name)
        async with self._lock:
            if on != (name in self.active):
                await self._turn(fault, on)

    def _fault(self, name: str) -> Fault:
        if name not in self.known:
            raise bad_request(f"there is no fault named {name}; known: {', '.join(self.known)}")
        return self.known[name]

    async def _turn(self, fault: Fault, on: bool) -> None:
        switch = self._on if on else self._off
        try:
            await switch(fault)
        except (LabError, ApiError, OSError) as error:
            raise bad_request(f"the fault {fault.name} could not be switched: {error}") from None

    async def _on(self, fault: Fault) -> None:
        undo = self.active[fault.name] = []
        try:
            for step in fault.on:
                await self._do(step, undo)
        except BaseException:
            await self._off(fault)
            raise

    async def _off(self, fault: Fault) -> None:
        """Undo everything; LabError for what could not be undone."""
        undo = self.active.pop(fault.name)
        steps: list[Undo] = [partial(self._do, step, []) for step in fault.off]
        said = [await _failure_of(action) for action in (*steps, *reversed(undo))]
        await self._reload()
        if failures := list(filter(None, said)):
            raise LabError("; ".join(failures))

    # --- steps

    async def _do(self, step: FaultStep, undo: list[Undo]) -> None:
        """Carry out one step; adds what undoes each part to `undo` as soon as it is done."""
        await self._run_commands(step)
        await self._start_commands(step, undo)
        self._change_programs(step, undo)
        await self._change_proxy(step, undo)
        self._apply_all(step, undo)
        await self._change_pods(step)
        await asyncio.sleep(step.pause)
        self._start_throttling(step, undo)

    def _apply_all(self, step: FaultStep, undo: list[Undo]) -> None:
        for item in yaml.safe_load_all(step.apply):
            undo.append(self._apply(item))

    def _start_throttling(self, step: FaultStep, undo: list[Undo]) -> None:
        if step.throttle:
            undo.append(partial(_cancelled, asyncio.create_task(self._throttle(step.throttle))))

    async def _change_pods(self, step: FaultStep) -> None:
        if step.delete:
            await self._replace_pods(step.delete)
        if step.wait:
            await self._until(step.wait, self._all_ready)

    async def _run_commands(self, step: FaultStep) -> None:
        for place in self.places(step.at) if step.run else ():
            await run(self.inside(place, step.run), step.input)

    async def _start_commands(self, step: FaultStep, undo: list[Undo]) -> None:
        for place in self.places(step.at) if step.start else ():
            process = await _started(self.inside(place, step.start))
            undo.append(partial(_end, process))

    def _change_programs(self, step: FaultStep, undo: list[Undo]) -> None:
        if step.hold:
            undo.append(self._hold(step.hold))
        if step.stop:
            undo.append(self._stop(step.stop))
        if step.mode:
            undo.append(self._set_mode(step.of, step.mode))

    def _hold(self, who: str) -> Undo:
        self.kubelet.hold(who)
        return _later(self.kubelet.release, who)

    def _stop(self, who: str) -> Undo:
        self.kubelet.signal(who, signal.SIGSTOP)
        return _later(self.kubelet.signal, who, signal.SIGCONT)

    def _set_mode(self, who: str, mode: str) -> Undo:
        self.kubelet.set_mode(who, mode)
        return _later(self.kubelet.set_mode, who, "")

    async def _change_proxy(self, step: FaultStep, undo: list[Undo]) -> None:
        for name, value in step.proxy.items():
            undo.append(self._set_behaviour(name, value))
            await self._reload()

    def _set_behaviour(self, name: str, value: object) -> Undo:
        setattr(self.proxy.behaviour, name, value)
        return _later(setattr, self.proxy.behaviour, name, not value)

    async def _replace_pods(self, who: str) -> None:
        """Delete an app's pods, and wait until none of them is left."""
        old = set(self.kubelet.find(who))
        for key in old:
            self._end_pod(key)
        await self._until(who, old.isdisjoint)

    def _end_pod(self, key: Place) -> None:
        if (pod := self.store.get("pods", *key)) is not None:
            self.writer.terminate(pod, {"gracePeriodSeconds": 1})

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
                running.signal(number)

    def _all_ready(self, keys: Sequence[Place]) -> bool:
        return bool(keys) and all(map(self._is_ready, keys))

    def _is_ready(self, key: Place) -> bool:
        pod = self.store.get("pods", *key)
        return pod is not None and is_ready(pod)

    async def _until(self, who: str, holds: Callable[[Sequence[Place]], bool]) -> None:
        if not await comes_true(lambda: holds(self.kubelet.find(who)), READY_S, 0.05):
            raise LabError(f"{who} did not come to that state within {READY_S:g} s")

    # --- objects

    def _apply(self, item: Object) -> Undo:
        """Create an object, or patch the one that is there; returns what puts things back."""
        resource, body = BY_KIND[item["kind"]], without_kind(item)
        current = self.store.get(resource.plural, *place_of(item))
        if current is None:
            self.writer.make(resource, body)
            return _later(self._remove, resource, place_of(item))
        return self._patch(resource, current, body)

    def _patch(self, resource: Resource, current: Object, body: Object) -> Undo:
        patched = patches.strategic(current, body)
        self.store.put(resource.plural, self.writer.filled(resource, patched))
        return _later(self._restore, resource, current)

    def _restore(self, resource: Resource, before: Object) -> None:
        """Put back what a fault patched."""
        now = self.store.get(resource.plural, *place_of(before))
        if now is not None:
            self.store.put(resource.plural, _restored(now, before))

    def _remove(self, resource: Resource, place: Place) -> None:
        found = self.store.get(resource.plural, *place)
        if found is not None and resource.plural == "pods":
            self.writer.terminate(found, {"gracePeriodSeconds": 0})
        else:
            self.store.remove(resource.plural, *place)

    # --- where commands run

    def places(self, at: str) -> list[str]:
        """The sandboxes that `at` names: node names, `namespace/pod`, or `outside` (beside the
        nodes)."""
        if at == "nodes":
            return list(self.kubelet.nodes)
        if at == "outside" or at in self.kubelet.nodes:
            return [at]
        return ["/".join(key) for key in self._running(at)]

    def _running(self, who: str) -> list[Place]:
        """Pods of that name; LabError where there is none."""
        found = self.kubelet.find(who)
        if not found:
            raise LabError(f"there is no {who} in the lab")
        return found

    def inside(self, place: str, argv: Sequence[str]) -> list[str]:
        """A command for one of `places`. `@python` and `@lab/` are expanded, `{namespace/app@node}`
        is an address."""
        expanded = list(map(self._argument, argv))
        return expanded if place == "outside" else self._sandbox(place).inside(expanded)

    def _sandbox(self, place: str) -> Sandbox:
        if place in self.kubelet.nodes:
            return self.kubelet.nodes[place]
        namespace, _, name = place.partition("/")
        return self.kubelet.pods[namespace, name].sandbox

    def _argument(self, text: str) -> str:
        if text == "@python":
            return sys.executable
        if text.startswith("@lab/"):
            return str(HERE / text.removeprefix("@lab/"))
        return re.sub(r"\{([a-z0-9-]+/[^}]+)\}", lambda m: self._address(m[1]), text)

    def _address(self, who: str) -> str:
        return self.kubelet.pods[self._running(who)[0]].address

    async def probe(self, at: str, argv: Sequence[str]) -> str:
        """What a plain client says there."""
        place = self.places(at)[0]
        said = await run(self.inside(place, ["@python", "-I", "-S", str(PROBE), *argv]))
        return said.strip()


def _restored(now: Object, before: Object) -> Object:
    """As it was before; status and the rest of the metadata stay as they are now."""
    metadata = {**now["metadata"], "labels": labels_of(before)}
    return {**now, **without(before, "metadata", "status"), "metadata": metadata}


def _shown(fault: Fault) -> Object:
    """Its texts, as the API gives them."""
    return {name: getattr(fault, name) for name in TEXTS}


async def _failure_of(action: Undo) -> str:
    """Why something could not be undone; empty where it was."""
    try:
        await action()
    except (LabError, ApiError) as error:
        return str(error)
    return ""


async def _started(argv: Sequence[str]) -> Process:
    return await asyncio.create_subprocess_exec(
        *argv, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
    )


def _later(call: Callable[..., Any], *arguments: Any) -> Undo:
    async def undo() -> None:
        call(*arguments)

    return undo


async def _cancelled(task: Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()
