"""`/lab/…`: what only the lab's server has. Faults, probes, and hooks on its store and streams."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from lab.api import status
from lab.api.hooks import Hooks
from lab.api.resources import STORED
from lab.api.store import Object, ObjectStore
from lab.faultswitch import FaultSwitch
from lab.network import LabError

Restart = Callable[[float], Awaitable[None]]


class LabRoutes:
    """`restart` stops the server for some seconds."""

    def __init__(
        self, store: ObjectStore, faults: FaultSwitch, hooks: Hooks, restart: Restart
    ) -> None:
        self.store = store
        self.faults = faults
        self.hooks = hooks
        self._restart = restart
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, request: web.Request, path: str) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else {}
        if path == "/lab/faults":
            if request.method == "POST":
                await self.faults.turn(str(body.get("name")), bool(body.get("on")))
            return web.json_response({"faults": self.faults.rows()})
        if path == "/lab/probe":
            return await self._probe(body)
        if path == "/lab/hooks":
            return web.json_response(self._hook(body))
        raise status.no_such_path()

    async def _probe(self, body: Object) -> web.Response:
        try:
            output = await self.faults.probe(str(body["at"]), list(body["run"]))
        except LabError as error:
            raise status.bad_request(str(error)) from None
        return web.json_response({"said": output})

    def _hook(self, body: Object) -> Object:
        """Hooks on the server and its store; those on requests and streams are `Hooks.order`'s."""
        action = body.get("do")
        if action == "expire":
            self.store.expire()
        elif action in ("put", "remove"):
            self._place(body)
        elif action == "restart":
            task = asyncio.ensure_future(self._restart(float(body.get("seconds", 1.0))))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            return {"streams": self.hooks.order(body)}
        return {}

    def _place(self, body: Object) -> None:
        """Put an object into the store as it is, unchecked and with its status; or remove it."""
        resource, item = str(body.get("resource")), body.get("object")
        named = isinstance(item, dict) and (item.get("metadata") or {}).get("name")
        if resource not in STORED or not named:
            raise status.bad_request("put and remove want a resource and an object with a name")
        assert isinstance(item, dict)
        if body["do"] == "put":
            self.store.put(resource, item)
            return
        metadata = item["metadata"]
        self.store.remove(resource, metadata.get("namespace", ""), metadata["name"])
