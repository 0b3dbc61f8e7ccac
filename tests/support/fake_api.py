"""A small API server over HTTP for what the lab has not: kinds of other APIs, lists that are refused."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

Item = dict[str, Any]


@dataclass
class FakeApi:
    """`items` by the path of their list, as /api/v1/pods; `groups` by group version the names of
    their resources; `refused` and `failing` are paths that answer 403 and 500, `bodies` what is
    sent with 200 whatever was asked."""

    items: dict[str, list[Item]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    bodies: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    watches: dict[str, asyncio.Queue[Item]] = field(default_factory=dict)

    def send(self, path: str, verb: str, item: Item) -> None:
        self.watches[path].put_nowait({"type": verb, "object": item})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path)
        if request.path in self.refused:
            return _status(403, f"User cannot list {request.path}")
        if request.path in self.failing:
            return _status(500, "it failed")
        if (body := self.bodies.get(request.path)) is not None:
            return web.Response(body=body, content_type="text/html")
        if request.query.get("watch"):
            return await self._watch(request)
        if request.method == "POST":
            return web.json_response({"kind": "Review", "status": {"allowed": True}}, status=201)
        if request.path == "/version":
            return web.json_response({"gitVersion": "v1.36.0"})
        if request.path == "/apis":
            return web.json_response({"kind": "APIGroupList", "groups": self._groups()})
        version = request.path.removeprefix("/apis/")
        if version in self.groups:
            resources = [{"name": name} for name in self.groups[version]]
            return web.json_response({"kind": "APIResourceList", "resources": resources})
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": self._of(request)})

    def _of(self, request: web.Request) -> list[Item]:
        parts = request.path.split("/")
        if "namespaces" not in parts[:-1]:
            return self.items.get(request.path, [])
        at = parts.index("namespaces")
        everywhere = "/".join([*parts[:at], *parts[at + 2 :]])
        items = self.items.get(everywhere, [])
        return [item for item in items if item["metadata"].get("namespace") == parts[at + 1]]

    def _groups(self) -> list[Item]:
        found: dict[str, list[Item]] = {}
        for version in self.groups:
            found.setdefault(version.partition("/")[0], []).append({"groupVersion": version})
        return [{"name": name, "versions": versions} for name, versions in found.items()]

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        queue = self.watches.setdefault(request.path, asyncio.Queue())
        while True:
            event = await queue.get()
            await response.write(json.dumps(event).encode() + b"\n")


def _status(code: int, message: str) -> web.Response:
    body = {"kind": "Status", "status": "Failure", "code": code, "message": message}
    return web.json_response(body, status=code)


@asynccontextmanager
async def served(api: FakeApi, folder: Path, namespace: str = "shop") -> AsyncIterator[Path]:
    """Serves it; gives the path of a kubeconfig for it."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", api.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    config = {
        "current-context": "c",
        "contexts": [
            {"name": "c", "context": {"cluster": "c", "user": "u", "namespace": namespace}}
        ],
        "clusters": [{"name": "c", "cluster": {"server": f"http://{host}:{port}"}}],
        "users": [{"name": "u", "user": {}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    try:
        yield path
    finally:
        await runner.cleanup()


@contextmanager
def serving(api: FakeApi, folder: Path, namespace: str = "shop") -> Iterator[Path]:
    """The same on a loop and thread of its own, for programs that are waited for."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def do(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(20)

    there = served(api, folder, namespace)
    path = do(there.__aenter__())
    try:
        yield path
    finally:
        do(there.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
