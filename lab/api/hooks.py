"""Trouble on demand for tests: requests answered wrongly or late, streams cut, frozen or split,
watches expired.

Nothing here is used unless it is asked for through `/lab/hooks` (see `Hooks.order`); what is asked
for applies to the requests whose path matches a regular expression.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from aiohttp.web import Request, Response, json_response

from lab.api.requestinfo import RequestInfo
from lab.api.status import ApiError, bad_request
from lab.api.store import Object

# A stream in pieces of a byte costs more to send than its pod prints: it would never catch up
SPLIT_BYTES = 65_536
ACTIONS = ("cut", "end", "freeze", "thaw")
REASONS = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(slots=True)
class HookRule:
    """What shall happen to requests whose path matches; `times` counts down, None is for ever."""

    match: str
    method: str = ""  # '' for any
    code: int = 0
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    split: int = 0
    times: int | None = None

    def applies(self, path: str, method: str) -> bool:
        does_something = bool(self.code or self.delay_s)
        return does_something and self.method in ("", method) and self.matches(path)

    def matches(self, path: str) -> bool:
        return re.search(self.match, path) is not None


@dataclass(slots=True, eq=False)
class HookStream:
    """An answer that goes on: a watch, an exec, a log."""

    path: str
    user: str
    request: Request
    split: int = 0
    split_left: int = SPLIT_BYTES
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    last_word: str | None = None  # of an exec that was ended: its Status frame, None for no frame

    async def pass_on(self) -> None:
        """Called before each piece is sent; waits while the stream is frozen."""
        await self.flowing.wait()

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """A chunk as it is sent: the first SPLIT_BYTES of a stream in the pieces asked for."""
        size = self.split if self.split and self.split_left > 0 else len(chunk)
        self.split_left -= len(chunk)
        for start in range(0, len(chunk), size):
            yield chunk[start : start + size]

    def obey(self, action: str, last_word: str | None) -> None:
        """cut, end (with `last_word`), freeze or thaw."""
        actions: dict[str, Callable[[], None]] = {
            "cut": self.cut,
            "end": partial(self.end, last_word),
            "freeze": self.flowing.clear,
            "thaw": self.flowing.set,
        }
        actions[action]()

    def end(self, last_word: str | None) -> None:
        self.last_word = last_word
        self.ended.set()

    def cut(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


class Hooks:
    def __init__(self) -> None:
        self.rules: list[HookRule] = []
        self.streams: set[HookStream] = set()

    async def before(self, info: RequestInfo, method: str) -> Response | None:
        """Apply the rules to a request; a Response where one answers in the server's stead."""
        for rule in self._rules_for(info.path, method):
            if (answer := await self._apply(rule)) is not None:
                return answer
        return None

    def _rules_for(self, path: str, method: str) -> list[HookRule]:
        return [rule for rule in self.rules if rule.applies(path, method)]

    async def _apply(self, rule: HookRule) -> Response | None:
        self._count_down(rule)
        if rule.delay_s:
            await asyncio.sleep(rule.delay_s)
        return _answer(rule) if rule.code else None

    def _count_down(self, rule: HookRule) -> None:
        if rule.times is None:
            return
        rule.times -= 1
        if rule.times <= 0:
            self.rules.remove(rule)

    @contextlib.contextmanager
    def stream(self, request: Request, info: RequestInfo) -> Iterator[HookStream]:
        stream = HookStream(info.path, request.get("user", ""), request, self._split(info.path))
        stream.flowing.set()
        self.streams.add(stream)
        try:
            yield stream
        finally:
            self.streams.discard(stream)

    def _split(self, path: str) -> int:
        """Of how many bytes the pieces of an exec's output are; 0 for as they come."""
        return next((r.split for r in self.rules if r.split and r.matches(path)), 0)

    def order(self, body: Object) -> int:
        """Carry out `{"do": cut|end|freeze|thaw|rule|clear, "match": REGEX, …}`; how many streams
        it reached.

        `rule` has the fields of `HookRule`. Raises ApiError for anything else.
        """
        action, match = body.get("do"), _compiled(str(body.get("match", "")))
        if action in ACTIONS:
            return self._reach(action, match, body.get("status"))
        if action == "rule":
            self.rules.append(_rule(body))
        elif action == "clear":
            self._clear()
        else:
            raise bad_request(f"no such hook: {action}")
        return 0

    def _clear(self) -> None:
        self.rules.clear()
        self.order({"do": "thaw"})

    def _reach(self, action: str, match: re.Pattern[str], last_word: str | None) -> int:
        reached = self._matching(match)
        for stream in reached:
            stream.obey(action, last_word)
        return len(reached)

    def _matching(self, match: re.Pattern[str]) -> list[HookStream]:
        return [stream for stream in self.streams if match.search(stream.path)]


def _compiled(match: str) -> re.Pattern[str]:
    try:
        return re.compile(match)
    except re.error as error:
        raise bad_request(f"bad hook: {error}") from None


def _rule(body: Object) -> HookRule:
    fields = dict(body)
    del fields["do"]
    try:
        return HookRule(**fields)
    except TypeError as error:
        raise bad_request(f"bad hook: {error}") from None


def _answer(rule: HookRule) -> Response:
    if rule.body is not None:
        return Response(status=rule.code, text=rule.body, headers=rule.headers)
    return json_response(_error_body(rule.code), status=rule.code, headers=rule.headers)


def _error_body(code: int) -> Object:
    return ApiError(code, REASONS.get(code, "Unknown"), "asked for by a test of the lab").body
