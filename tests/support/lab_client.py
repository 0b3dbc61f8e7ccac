"""A plain client of the lab's API for tests: aiohttp, a token, nothing of podwire's own code."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from lab.supervisor import Lab

Json = dict[str, Any]


class Client:
    def __init__(self, session: aiohttp.ClientSession, config: Json) -> None:
        self.session = session
        self._servers = {c["name"]: c["cluster"]["server"] for c in config["clusters"]}

    def url(self, path: str, user: str = "lab") -> str:
        return f"{self._servers[user]}{path}"

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        user: str = "lab",
        accept: str = "application/json",
        content_type: str = "application/json",
    ) -> tuple[int, Json]:
        headers = {"Accept": accept, **({"Content-Type": content_type} if body is not None else {})}
        data = None if body is None else json.dumps(body)
        async with self.session.request(
            method, self.url(path, user), headers=headers, data=data
        ) as response:
            text = await response.text()
            return response.status, json.loads(text) if text.startswith("{") else {"text": text}

    async def get(self, path: str, **how: Any) -> Json:
        return (await self.call("GET", path, **how))[1]

    async def lines(
        self,
        path: str,
        seconds: float,
        enough: int = 10_000,
        until: Callable[[list[Json]], bool] = lambda lines: False,
    ) -> list[Json]:
        """What a watch sends within that time, or until that is true of it; each with `at_s`."""
        found: list[Json] = []
        started = time.monotonic()
        timeout = aiohttp.ClientTimeout(total=None, sock_read=seconds)
        try:
            async with self.session.get(self.url(path), timeout=timeout) as response:
                async for line in response.content:
                    found.append({"at_s": time.monotonic() - started, "line": json.loads(line)})
                    if len(found) >= enough or until(found) or time.monotonic() - started > seconds:
                        break
        except (TimeoutError, aiohttp.ServerTimeoutError):
            pass
        return found

    async def frames(
        self,
        path: str,
        protocols: list[str],
        sent: list[str] | None = None,
        seconds: float = 5.0,
        user: str = "lab",
    ) -> tuple[int, str | None, list[Json]]:
        """(HTTP status, subprotocol, frames) of an exec. `sent` are base64 frames. Stops when silent for so long."""
        try:
            async with self.session.ws_connect(self.url(path, user), protocols=protocols) as socket:
                for text in sent or ():
                    await socket.send_bytes(base64.b64decode(text))
                found: list[Json] = []
                while True:
                    try:
                        message = await socket.receive(seconds)
                    except TimeoutError:
                        return 101, socket.protocol, found
                    if message.type == aiohttp.WSMsgType.BINARY:
                        data = base64.b64encode(message.data[1:]).decode()
                        found.append({"channel": message.data[0], "payload_base64": data})
                    else:
                        found.append({"opcode": "close", "code": socket.close_code})
                        return 101, socket.protocol, found
        except aiohttp.WSServerHandshakeError as error:
            return error.status, None, []

    async def probe(self, at: str, *run: str) -> str:
        status, body = await self.call("POST", "/lab/probe", {"at": at, "run": list(run)})
        assert status == 200, body
        return str(body["said"])

    async def fault(self, name: str, on: bool) -> None:
        status, body = await self.call("POST", "/lab/faults", {"name": name, "on": on})
        assert status == 200, body

    async def hook(self, **order: Any) -> Json:
        status, body = await self.call("POST", "/lab/hooks", order)
        assert status == 200, body
        return body

    async def pod_named(self, namespace: str, name: str) -> Json:
        return await self.get(f"/api/v1/namespaces/{namespace}/pods/{name}")

    async def pod(self, namespace: str, app: str, node: str = "") -> Json:
        query = f"?labelSelector=app%3D{app}" + (
            f"&fieldSelector=spec.nodeName%3D{node}" if node else ""
        )
        return (await self.get(f"/api/v1/namespaces/{namespace}/pods{query}"))["items"][0]  # type: ignore[no-any-return]


@asynccontextmanager
async def client_of(lab: Lab) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(session, json.loads(lab.kubeconfig.read_text()))
