"""A recording that is damaged is opened with what is left of it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from collectors.recording.session_log import TIMELINE
from session.opened_recording import open_recording
from session.session_files import opened

DEMO = Path(__file__).parent.parent.parent / "cli" / "demo.tar"


def test_one_whose_timeline_cannot_be_read_shows_its_evidence() -> None:
    with contextlib.ExitStack() as places:
        directory = opened(DEMO, places)
        (directory / TIMELINE).write_bytes(b"\0" * 100)
        archive = open_recording(directory, again=False, places=places).archive
        assert archive.ended > archive.began
        store = archive.state_at(archive.ended).store
        assert store.latest > 0
