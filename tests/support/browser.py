"""A headless Chromium, driven by its DevTools protocol: what a page looks like, what it asks for and
what it complains about."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    "",
)
WHY_NOT = "THE PAGES OF REPORTS ARE NOT LOOKED AT: install Chromium (apt-get install chromium)"
START_S = 60.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-port=0",
)


@dataclass
class Page:
    """A tab. `requests` are all URLs that it asked for, `complaints` what it wrote to its console."""

    socket: aiohttp.ClientWebSocketResponse
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    loaded: asyncio.Event = field(default_factory=asyncio.Event)
    _number: int = 0
    _waiting: dict[int, asyncio.Future[Any]] = field(default_factory=dict)

    async def read(self) -> None:
        async for message in self.socket:
            body = json.loads(message.data)
            if "id" in body:
                self._waiting.pop(body["id"]).set_result(body.get("result", body))
            else:
                self._note(body["method"], body["params"])

    def _note(self, method: str, params: Any) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.complaints.append(json.dumps(params))
        elif method == "Page.loadEventFired":
            self.loaded.set()

    async def ask(self, method: str, **params: Any) -> Any:
        self._number += 1
        answer = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": self._number, "method": method, "params": params})
        return await asyncio.wait_for(answer, START_S)

    async def show(self, path: Path, width: int, dark: bool = False) -> None:
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.ask(f"{domain}.enable")
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.loaded.clear()
        await self.ask("Page.navigate", url=path.as_uri())
        await asyncio.wait_for(self.loaded.wait(), START_S)

    async def value(self, expression: str) -> Any:
        answer = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    async def picture(self) -> bytes:
        """The whole page as PNG."""
        answer = await self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(answer["data"])

    async def as_on_paper(self) -> None:
        """What is shown next is in the style of print, of a browser that is set to dark."""
        scheme = {"name": "prefers-color-scheme", "value": "dark"}
        await self.ask("Emulation.setEmulatedMedia", media="print", features=[scheme])

    async def printed(self) -> bytes:
        """A4, as PDF."""
        answer = await self.ask("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        return base64.b64decode(answer["data"])


@contextlib.asynccontextmanager
async def page(directory: Path) -> AsyncIterator[Page]:
    """A tab of a browser whose profile is in a directory of its own."""
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={directory / 'profile'}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(directory)},
    )
    try:
        port = await _port(directory / "profile" / "DevToolsActivePort")
        async with aiohttp.ClientSession() as client:
            async with client.get(f"http://127.0.0.1:{port}/json/list") as answer:
                tabs = await answer.json()
            url = next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"]
            async with client.ws_connect(url, max_msg_size=0) as socket:
                found = Page(socket)
                reading = asyncio.create_task(found.read())
                yield found
                reading.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _port(path: Path) -> int:
    async with asyncio.timeout(START_S):
        while not (path.exists() and path.read_text().strip()):
            await asyncio.sleep(0.1)
    return int(path.read_text().split()[0])
