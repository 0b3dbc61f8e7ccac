"""Screens are drawn on a loop that skips the time in which nothing happens."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from importlib import import_module

import pytest

from tests.support.skipped_time import SkippingLoop
from tui.background_imports import MODULES

for _name in MODULES:  # as each app does; here before what is loaded is frozen
    import_module(_name)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"skipping": SkippingLoop}


@pytest.fixture
def snap_compare(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., bool]:
    """The app of a picture runs on a loop that it makes itself."""
    monkeypatch.setattr("asyncio.events.new_event_loop", SkippingLoop)
    return snap_compare


@pytest.fixture(autouse=True)
def _what_is_loaded_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen since tests were collected (tests/conftest.py): an app that gave it back as it ends
    would make each one after it look through it once more, 0.2 s."""
    for name in ("freeze", "unfreeze"):
        monkeypatch.setattr(gc, name, lambda: None)
