"""What is said of the packets of captures before they are stopped."""

from __future__ import annotations

import asyncio

import pytest

from collectors import events as ev
from session.captures import RunningCapture
from tests.support.replay import replayed

KEY = "pod/shop/web-1"


@pytest.mark.parametrize(
    ("dropped", "kept", "said"),
    [
        (0, "/state/sessions/x", "Its packets stay on disk"),
        (0, "", "Its packets are not kept on disk"),
        (23_776, "", "23,776 packets are not on disk, the others stay there"),
    ],
)
async def test_packets_that_are_not_on_disk_are_said(dropped: int, kept: str, said: str) -> None:
    state = ev.CaptureState(9.0, KEY, 1, "running", "", dropped_disk=dropped, kept=kept)
    _, control = replayed([ev.TargetState(1.0, KEY, "live"), state])
    task = asyncio.create_task(asyncio.sleep(60))
    control.captures._running[KEY] = RunningCapture(None, task)  # type: ignore[arg-type]
    assert control.captures.kept_text() == said
    task.cancel()
