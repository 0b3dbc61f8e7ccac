"""How far a long look at a recording is, on a terminal alone."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import pytest

from cli import progress as module
from cli.progress import CLEAR, counted_progress, progress, progress_text, span_of
from collectors.recording.event_log import RecordingSource
from collectors.recording.session_log import SessionWriter
from collectors.source import JoinedSource, RecordedSource
from collectors.stream import Stream
from tests.support.incident import BEGAN, full_table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class PlayedSource(JoinedSource):
    """It is 30 s after the beginning."""

    def now(self) -> float:
        return BEGAN + 30


@pytest.fixture
def session(tmp_path: Path) -> RecordedSource:
    writer = SessionWriter(tmp_path)
    writer.write(full_table())
    writer.close()
    return RecordingSource(tmp_path, Stream())


async def written(source: RecordedSource, stderr: io.StringIO) -> str:
    played = PlayedSource([source], Stream())
    async with progress(played, [source]):
        await asyncio.sleep(0.2)
    return stderr.getvalue()


async def test_a_terminal_has_one_line_that_goes(
    session: RecordedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(module, "FIRST_S", 0.0)
    monkeypatch.setattr(module, "EVERY_S", 0.02)
    text = await written(session, stderr)
    assert f"{CLEAR}podwire: looked at 0.5 of 1.0 min; Ctrl-C ends it" in text
    assert text.endswith(CLEAR) and "\n" not in text


async def test_what_is_short_and_what_is_no_terminal_has_none(
    session: RecordedSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stderr in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stderr)
        assert await written(session, stderr) in (CLEAR, "")


def test_the_end_is_said_where_it_is_known(session: RecordedSource, tmp_path: Path) -> None:
    assert span_of([session]) == (BEGAN, BEGAN + 60), "the last block begins there"
    assert span_of([session, RecordingSource(tmp_path / "r.jsonl", Stream())]) == (0.0, 0.0)
    assert progress_text(BEGAN + 90, BEGAN, 0.0) == "looked at 1.5 min"
    assert progress_text(BEGAN + 90, BEGAN, BEGAN + 60) == "looked at 1.5 of 1.5 min"


@pytest.mark.parametrize("stderr", [Terminal(), io.StringIO()])
def test_of_many_things_it_counts_those_that_are_done(
    stderr: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal alone, and the line goes at the end."""
    monkeypatch.setattr(module, "FIRST_S", 0.0)
    monkeypatch.setattr(module, "EVERY_S", 0.0)
    monkeypatch.setattr(sys, "stderr", stderr)
    with counted_progress("abc", "letters read") as things:
        assert list(things) == ["a", "b", "c"]
    text = stderr.getvalue()
    assert ("letters read: 2 of 3; Ctrl-C ends it" in text) == stderr.isatty()
    assert text.endswith(CLEAR) == stderr.isatty()
