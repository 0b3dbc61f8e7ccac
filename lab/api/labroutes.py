"""`/lab/…`: what only the lab's server has. Faults, probes, and hooks on its store and streams."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp.web import Request, Response, json_response

from lab.api.hooks import Hooks
from lab.api.metadata import place_of
from lab.api.resources import STORED
from lab.api.status import bad_request, no_such_path
from lab.api.store import Object, ObjectStore
from lab.faultswitch import FaultSwitch
from lab.network import LabError

Restart = Callable[[float], Awaitable[None]]
STORE_HOOKS = ("expire", "restart", "put", "remove")


@dataclass(slots=True)
class LabRoutes:
    """`restart` stops the server for some seconds."""

    store: ObjectStore
    faults: FaultSwitch
    hooks: Hooks
    restart: Restart
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def answer(self, request: Request, path: str) -> Response:
        body = await request.json() if request.can_read_body else {}
        if path == "/lab/faults":
            return json_response(await self._faults(request.method, body))
        if path == "/lab/probe":
            return json_response(await self._probe(body))
        if path == "/lab/hooks":
            return json_response(self._hook(body))
        raise no_such_path()

    async def _faults(self, method: str, body: Object) -> Object:
        if method == "POST":
            await self.faults.turn(str(body.get("name")), bool(body.get("on")))
        return {"faults": self.faults.rows()}

    async def _probe(self, body: Object) -> Object:
        try:
            return {"said": await self.faults.probe(str(body["at"]), list(body["run"]))}
        except LabError as error:
            raise bad_request(str(error)) from None

    def _hook(self, body: Object) -> Object:
        """Hooks on the server and its store; those on requests and streams are `Hooks.order`'s."""
        if body.get("do") not in STORE_HOOKS:
            return {"streams": self.hooks.order(body)}
        self._hook_store(body)
        return {}

    def _hook_store(self, body: Object) -> None:
        if body["do"] == "expire":
            self.store.expire()
        elif body["do"] == "restart":
            self._begin_restart(float(body.get("seconds", 1.0)))
        else:
            self._place(body)

    def _begin_restart(self, seconds: float) -> None:
        task = asyncio.ensure_future(self.restart(seconds))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _place(self, body: Object) -> None:
        """Put an object into the store as it is, unchecked and with its status; or remove it."""
        resource, item = _named_object(body)
        if body["do"] == "put":
            self.store.put(resource, item)
        else:
            self.store.remove(resource, *place_of(item))


def _named_object(body: Object) -> tuple[str, Object]:
    """The resource and the object of a hook; ApiError where they cannot be stored."""
    resource, item = str(body.get("resource")), body.get("object")
    if resource not in STORED or not _has_name(item):
        raise bad_request("put and remove want a resource and an object with a name")
    return resource, item or {}


def _has_name(item: object) -> bool:
    metadata = item.get("metadata") if isinstance(item, dict) else None
    return bool((metadata or {}).get("name"))
