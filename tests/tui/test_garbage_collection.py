"""Garbage is collected between keys, the young more often than all."""

from __future__ import annotations

import gc

import pytest

from tui.garbage_collection import YOUNG, GarbageCollection


def collected(monkeypatch: pytest.MonkeyPatch, keys_every_s: float, young: int) -> list[int]:
    """The oldest generation of each time, where somebody types so often, and so many objects are
    young; looked at each second for two minutes and more."""
    now, found = [1_000.0], list[int]()
    monkeypatch.setattr("tui.garbage_collection.time.monotonic", lambda: now[0])
    monkeypatch.setattr(gc, "collect", lambda oldest=2: found.append(oldest))
    monkeypatch.setattr(gc, "get_count", lambda: (young, 0, 0))
    made = GarbageCollection()
    for _ in range(10 * 130):
        now[0] += 0.1
        if keys_every_s and (now[0] * 10) % (keys_every_s * 10) < 1:
            made.key()
        if round(now[0] * 10) % 10 == 5:
            made.turn()
    return found


def test_when_nobody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    assert collected(monkeypatch, 0.0, 0) == [2] * 6
    assert collected(monkeypatch, 0.0, YOUNG + 1).count(0) > 15


def test_when_somebody_types_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    assert collected(monkeypatch, 0.1, YOUNG) == [2, 2], "at the latest after a minute"
    assert collected(monkeypatch, 0.1, YOUNG + 1).count(0) > 9
