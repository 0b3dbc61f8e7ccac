"""An event that cannot be folded ends the play with its error: nobody waits for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.events import Event
from collectors.recording.event_log import RecordingSource
from collectors.stream import Stream
from session.controller import Controller
from session.replay import play
from session.store import Store
from tests.support.incident import full_table, written


class Broken(Store):
    def apply(self, event: Event) -> None:
        raise AttributeError("no such figure")


async def test_an_event_that_cannot_be_folded(tmp_path: Path) -> None:
    stream = Stream()
    control = Controller(Broken(), stream)
    source = RecordingSource(written(tmp_path / "r.jsonl", full_table()), stream)
    with pytest.raises(AttributeError):
        await play(control, source, with_rules=True)
    await control.close()
