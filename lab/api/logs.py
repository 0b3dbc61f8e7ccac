"""Container logs: lines with their times, kept in a ring, and `pods/log` that reads and follows
them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from lab.api.hooks import HookStream
from lab.api.status import bad_request

KEPT_LINES = 2000
LONGEST = 16 * 1024
LogLine = tuple[datetime, bytes]


class Log:
    """What one container has written since it started."""

    def __init__(self) -> None:
        self.lines: deque[LogLine] = deque(maxlen=KEPT_LINES)
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

    async def follow(self, total: int) -> AsyncIterator[list[LogLine]]:
        """The lines after the first `total`, in groups as they come, until the log has ended."""
        while not self.ended or self.total > total:
            new, total = self.total - total, self.total
            if new > 0:
                yield list(self.lines)[-new:]
            elif not self.ended:
                await self._grown.wait()


def _stamped(line: LogLine, stamps: bool) -> bytes:
    at, text = line
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z ".encode() + text if stamps else text


@dataclass(frozen=True, slots=True)
class LogOptions:
    """PodLogOptions; a negative `tail` and a `limit_bytes` of 0 are no limit."""

    tail: int
    since: datetime | None
    limit_bytes: int
    stamps: bool
    follow: bool


def options_of(request: web.Request) -> LogOptions:
    """The options in a query, as the kubelet reads them; ApiError 400."""
    query = request.query
    try:
        since = datetime.fromisoformat(query["sinceTime"]) if query.get("sinceTime") else None
        if seconds := int(query.get("sinceSeconds", 0)):
            after = datetime.now(UTC) - timedelta(seconds=seconds)
            since = max(since, after) if since else after
        return LogOptions(
            tail=int(query.get("tailLines", -1)),
            since=since,
            limit_bytes=int(query.get("limitBytes", 0)),
            stamps=query.get("timestamps") == "true",
            follow=query.get("follow") == "true",
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise bad_request(f"invalid log options: {error}") from None


def _body(lines: list[LogLine], options: LogOptions) -> bytes:
    """What is in the log already, as the options ask for it."""
    if options.since:
        lines = [line for line in lines if line[0] >= options.since]
    if options.tail >= 0:
        lines = lines[max(0, len(lines) - options.tail) :]
    body = b"".join(_stamped(line, options.stamps) for line in lines)
    return body[: options.limit_bytes or None]


async def serve_log(request: web.Request, log: Log, stream: HookStream) -> web.StreamResponse:
    options = options_of(request)
    total, body = log.total, _body(list(log.lines), options)
    if not options.follow:
        return web.Response(body=body, content_type="text/plain")
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        await response.write(body)
        async for lines in log.follow(total):
            await stream.pass_on()
            await response.write(b"".join(_stamped(line, options.stamps) for line in lines))
    return response
