"""Runs of tcpdump that follow each other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from collectors import events as ev
from collectors.capture.capture import Capture
from collectors.command_runner import STDERR, Output
from collectors.stream import Stream
from collectors.target import Target


class Ended:
    """A tcpdump that ended by itself, of whose packets the last ones did not come through."""

    exit_code: int | None = 0
    message = ""

    def __init__(self, captured: int) -> None:
        self._said = f"listening on any\n{captured} packets captured\n"

    async def output(self) -> AsyncIterator[Output]:
        yield Output(STDERR, self._said.encode())

    async def close(self) -> None:
        pass


class Runs:
    """A runner that gives one tcpdump after the other."""

    def __init__(self, *captured: int) -> None:
        self.left = list(captured)

    async def start(self, argv: Sequence[str]) -> Ended:
        return Ended(self.left.pop(0))


@pytest.mark.parametrize(("captured", "left"), [((25, 25, 7), 0), ((24, 25), 1)])
async def test_another_one_follows_one_that_had_all_it_may_by_its_own_count(
    captured: tuple[int, ...], left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a node's capture ends in silence after thirty minutes or so, with the packets of its limit."""
    monkeypatch.setattr("collectors.capture.capture.MAX_PACKETS", 25)
    session, runs = Stream(), Runs(*captured)
    events = session.subscribe()
    await Capture(1, Target("node", "n1"), runs, session, "").run()
    states = [event for event in events.pending() if isinstance(event, ev.CaptureState)]
    assert len(runs.left) == left
    assert states[-1].phase == "ended"
