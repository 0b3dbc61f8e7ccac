"""Conntrack tables counted again and again."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from collectors.command_runner import LocalRunner, Runner
from collectors.conntrack import table_count
from collectors.events import ConntrackTable, Event
from collectors.stream import Stream


@pytest.mark.parametrize(
    ("needed", "error", "wait"),
    [
        (0.01, "", table_count.EVERY_S),
        (5.0, "", 100.0),  # a million entries: 5 % of the time at most
        (60.0, "", table_count.SELDOM_S),
        (0.01, "conntrack is not there", table_count.SELDOM_S),
    ],
)
async def test_large_tables_are_counted_more_seldom(
    monkeypatch: pytest.MonkeyPatch, needed: float, error: str, wait: float
) -> None:
    waits: list[float] = []
    clock = [0.0]

    async def there(runner: Runner, key: str) -> ConntrackTable:
        clock[0] += needed
        return ConntrackTable(1.0, key, 7, (), error=error)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        raise asyncio.CancelledError

    monkeypatch.setattr(table_count, "there", there)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(asyncio, "sleep", sleep)
    seen: list[Event] = []
    monkeypatch.setattr(Stream, "publish", lambda self, event: seen.append(event))
    with contextlib.suppress(asyncio.CancelledError):
        await table_count.follow(LocalRunner(), Stream(), "node/n1")
    assert waits == [wait]
    assert len(seen) == (0 if error else 1)  # a failure is for who asked
