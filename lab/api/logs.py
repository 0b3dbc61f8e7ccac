"""Container logs: lines with their times, kept in a ring, and `pods/log` that reads and follows
them."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import StreamReader
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp.web import Request, Response, StreamResponse

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

    async def read_from(self, stream: StreamReader) -> None:
        """Read lines until the writer closes; overlong ones are cut, as containerd cuts at 16
        KiB."""
        while not stream.at_eof():
            with contextlib.suppress(ValueError):  # longer than the limit: that part is dropped
                self._add(await stream.readline())
        self._end()

    def _end(self) -> None:
        self.ended = True
        self._wake()

    def _add(self, line: bytes) -> None:
        if line:
            self.lines.append((datetime.now(UTC), _whole_line(line)))
            self.total += 1
            self._wake()

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()

    async def follow(self, total: int) -> AsyncIterator[list[LogLine]]:
        """The lines after the first `total`, in groups as they come, until the log has ended."""
        while not self.ended or self.total > total:
            if new := self._after(total):
                total = self.total
                yield new
            else:
                await self._grown.wait()

    def _after(self, total: int) -> list[LogLine]:
        count = self.total - total
        return list(self.lines)[-count:] if count > 0 else []


def _whole_line(line: bytes) -> bytes:
    """Not too long, with its end."""
    return line[:LONGEST].rstrip(b"\n") + b"\n"


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


def options_of(request: Request) -> LogOptions:
    """The options in a query, as the kubelet reads them; ApiError 400."""
    try:
        return _read_options(request.query)
    except (ValueError, TypeError, OverflowError) as error:
        raise bad_request(f"invalid log options: {error}") from None


def _read_options(query: Mapping[str, str]) -> LogOptions:
    return LogOptions(
        tail=int(query.get("tailLines", -1)),
        since=_since(query),
        limit_bytes=int(query.get("limitBytes", 0)),
        stamps=query.get("timestamps") == "true",
        follow=query.get("follow") == "true",
    )


def _since(query: Mapping[str, str]) -> datetime | None:
    """The later one of sinceTime and sinceSeconds."""
    time = query.get("sinceTime")
    given = [datetime.fromisoformat(time)] if time else []
    return max(given + _seconds_ago(int(query.get("sinceSeconds", 0))), default=None)


def _seconds_ago(seconds: int) -> list[datetime]:
    return [datetime.now(UTC) - timedelta(seconds=seconds)] if seconds else []


def _body(lines: Sequence[LogLine], options: LogOptions) -> bytes:
    """What is in the log already, as the options ask for it."""
    kept = _tail(_written_since(lines, options.since), options.tail)
    return _joined(kept, options)[: options.limit_bytes or None]


def _written_since(lines: Sequence[LogLine], since: datetime | None) -> Sequence[LogLine]:
    return [line for line in lines if line[0] >= since] if since else lines


def _tail(lines: Sequence[LogLine], count: int) -> Sequence[LogLine]:
    """The last ones; all of them for a negative count."""
    return lines if count < 0 else lines[max(0, len(lines) - count) :]


def _joined(lines: Iterable[LogLine], options: LogOptions) -> bytes:
    return b"".join(_stamped(line, options.stamps) for line in lines)


async def serve_log(request: Request, log: Log, stream: HookStream) -> StreamResponse:
    options = options_of(request)
    total, body = log.total, _body(list(log.lines), options)
    if not options.follow:
        return Response(body=body, content_type="text/plain")
    response = StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        await response.write(body)
        await _write_all(response, _following(log, total, options), stream)
    return response


async def _write_all(
    response: StreamResponse, pieces: AsyncIterator[bytes], stream: HookStream
) -> None:
    async for data in pieces:
        await stream.pass_on()
        await response.write(data)


async def _following(log: Log, total: int, options: LogOptions) -> AsyncIterator[bytes]:
    async for lines in log.follow(total):
        yield _joined(lines, options)
