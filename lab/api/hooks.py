"""Trouble on demand for tests: requests answered wrongly or late, streams cut, frozen or split,
watches expired.

Nothing here is used unless it is asked for through `/lab/hooks` (see `Hooks.order`); what is asked
for applies to the requests whose path matches a regular expression.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from lab.api import status
from lab.api.requestinfo import RequestInfo


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
        if not (self.code or self.delay_s) or self.method not in ("", method):
            return False
        return re.search(self.match, path) is not None


@dataclass(slots=True, eq=False)
class HookStream:
    """An answer that goes on: a watch, an exec, a log."""

    path: str
    user: str
    request: web.Request
    split: int = 0
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    last_word: str | None = None  # of an exec that was ended: its Status frame, None for no frame

    async def pass_on(self) -> None:
        """Called before each piece is sent; waits while the stream is frozen."""
        await self.flowing.wait()

    def obey(self, action: str, last_word: str | None) -> None:
        """cut, end (with `last_word`), freeze or thaw."""
        if action == "cut":
            self.cut()
        elif action == "end":
            self.last_word = last_word
            self.ended.set()
        elif action == "freeze":
            self.flowing.clear()
        else:
            self.flowing.set()

    def cut(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


class Hooks:
    def __init__(self) -> None:
        self.rules: list[HookRule] = []
        self.streams: set[HookStream] = set()

    async def before(self, info: RequestInfo, method: str) -> web.Response | None:
        """Apply the rules to a request; a Response where one answers in the server's stead."""
        for rule in list(self.rules):
            if not rule.applies(info.path, method):
                continue
            self._count_down(rule)
            if rule.delay_s:
                await asyncio.sleep(rule.delay_s)
            if rule.code:
                return _answer(rule)
        return None

    def _count_down(self, rule: HookRule) -> None:
        if rule.times is None:
            return
        rule.times -= 1
        if rule.times <= 0:
            self.rules.remove(rule)

    @contextlib.contextmanager
    def stream(self, request: web.Request, info: RequestInfo) -> Iterator[HookStream]:
        split = next((r.split for r in self.rules if r.split and re.search(r.match, info.path)), 0)
        stream = HookStream(info.path, request.get("user", ""), request, split)
        stream.flowing.set()
        self.streams.add(stream)
        try:
            yield stream
        finally:
            self.streams.discard(stream)

    def order(self, body: dict[str, Any]) -> int:
        """Carry out `{"do": cut|end|freeze|thaw|rule|clear, "match": REGEX, …}`; how many streams
        it reached.

        `rule` has the fields of `HookRule`. Raises ApiError for anything else.
        """
        action, match = body.get("do"), str(body.get("match", ""))
        try:
            re.compile(match)
            if action == "rule":
                self.rules.append(HookRule(**{k: v for k, v in body.items() if k != "do"}))
                return 0
        except (re.error, TypeError) as error:
            raise status.bad_request(f"bad hook: {error}") from None
        if action == "clear":
            self.rules.clear()
            self.order({"do": "thaw"})
            return 0
        if action not in ("cut", "end", "freeze", "thaw"):
            raise status.bad_request(f"no such hook: {action}")
        reached = [s for s in self.streams if re.search(match, s.path)]
        for stream in reached:
            stream.obey(action, body.get("status"))
        return len(reached)


def _answer(rule: HookRule) -> web.Response:
    if rule.body is not None:
        return web.Response(status=rule.code, text=rule.body, headers=rule.headers)
    reasons = {
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
    body = status.ApiError(
        rule.code, reasons.get(rule.code, "Unknown"), "asked for by a test of the lab"
    ).body
    return web.json_response(body, status=rule.code, headers=rule.headers)
