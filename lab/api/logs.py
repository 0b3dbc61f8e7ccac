"""Container logs: lines with their times, kept in a ring, and `pods/log` that reads and follows
them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from datetime import UTC, datetime

from aiohttp import web

from lab.api.hooks import HookStream
from lab.api.status import bad_request

KEPT_LINES = 2000
LONGEST = 16 * 1024


class Log:
    """What one container has written since it started."""

    def __init__(self) -> None:
        self.lines: deque[tuple[datetime, bytes]] = deque(maxlen=KEPT_LINES)
        self.total = 0
        self.ended = False
        self._grown = asyncio.Event()

    async def read_from(self, stream: asyncio.StreamReader) -> None:
        """Read lines until the writer closes; overlong ones are cut, as containerd cuts at 16
        KiB."""
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the reader's limit: that part is dropped
                continue
            if not line:
                break
            self.lines.append((datetime.now(UTC), line[:LONGEST].rstrip(b"\n") + b"\n"))
            self.total += 1
            self._wake()
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()

    def since(self, total: int) -> list[tuple[datetime, bytes]]:
        new = self.total - total
        return list(self.lines)[-new:] if new > 0 else []

    async def grown(self) -> None:
        await self._grown.wait()


def _stamped(line: tuple[datetime, bytes], stamps: bool) -> bytes:
    at, text = line
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z ".encode() + text if stamps else text


async def serve_log(request: web.Request, log: Log, stream: HookStream) -> web.StreamResponse:
    """tailLines, sinceSeconds, sinceTime, limitBytes, timestamps and follow, as the kubelet reads
    them."""
    query = request.query
    try:
        tail, seconds = int(query.get("tailLines", -1)), int(query.get("sinceSeconds", 0))
        limit = int(query.get("limitBytes", 0))
        start = datetime.fromisoformat(query["sinceTime"]) if query.get("sinceTime") else None
    except ValueError as error:
        raise bad_request(f"invalid log options: {error}") from None
    total, lines = log.total, list(log.lines)
    if seconds:
        lines = [x for x in lines if (datetime.now(UTC) - x[0]).total_seconds() <= seconds]
    if start:
        lines = [x for x in lines if x[0] >= start]
    if tail >= 0:
        lines = lines[max(0, len(lines) - tail) :]
    stamps = query.get("timestamps") == "true"
    body = b"".join(_stamped(x, stamps) for x in lines)
    if limit:
        body = body[:limit]
    if query.get("follow") != "true":
        return web.Response(body=body, content_type="text/plain")
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        await response.write(body)
        while not log.ended or log.total > total:
            new, total = log.since(total), log.total
            await stream.pass_on()
            if new:
                await response.write(b"".join(_stamped(x, stamps) for x in new))
            elif not log.ended:
                await log.grown()
    return response
