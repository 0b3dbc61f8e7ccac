"""Which sessions are recorded: those of consoles, unless somebody turns that off."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from cli.config import Config, load
from cli.console import _Opener
from cli.main import command_of
from cli.parser import parser
from cli.recorder import Recorders, is_recorded
from collectors.events import Mark
from collectors.recording import blocks
from collectors.stream import Stream
from session import session_bounds
from session.recorded_sessions import sessions
from session.store import Store


@pytest.mark.parametrize(
    ("line", "recorded"),
    [
        ("", True),
        ("lab", True),
        ("local", True),
        ("--no-record", False),
        ("local --no-record", False),
        ("replay x", False),
        ("pcap x", False),
        ("check", False),
        ("check --record", True),
        ("check --record file", False),
    ],
)
def test_a_console_is_recorded(line: str, recorded: bool) -> None:
    options = parser().parse_args(line.split())
    assert command_of(options).partition(" ")[0] == line.partition(" ")[0].removeprefix(
        "--no-record"
    )
    assert is_recorded(options, Config()) == recorded


def test_the_configuration_turns_it_off(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    for text, recorded in (("record = false", False), ("record = true", True), ("", True)):
        path.write_text(text)
        assert is_recorded(parser().parse_args([]), load(path)) == recorded


async def test_leaving_waits_for_no_recorder_whose_stream_was_not_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second Ctrl-C cancels the cleaning up, which closes the stream at its end."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    options = parser().parse_args(["local"])
    opener = _Opener(options, None, None, None, Recorders(options, Config()))
    opened = await opener.open()

    async def cancelled() -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(opened.control, "close", cancelled)
    async with asyncio.timeout(20):
        await opener.close()
    (session,) = sessions()
    assert not session.running and not session.ended_abruptly


async def ended(monkeypatch: pytest.MonkeyPatch, place: Path) -> Recorders:
    """A console that was recorded, as it is left."""
    monkeypatch.setenv("XDG_STATE_HOME", str(place))
    recorders, stream = Recorders(parser().parse_args(["local"]), Config()), Stream()
    await recorders.prepare()
    recorders.begin(stream, Store())
    stream.publish(Mark(1_800_000_000.0, "", "alice", "here"))
    await asyncio.sleep(0.1)
    stream.close()
    await recorders.finished()
    return recorders


async def test_what_the_bounds_removed_meanwhile_is_said_on_leaving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `podwire sessions prune` says it: a check has no screen that did."""
    monkeypatch.setattr(session_bounds, "keep", lambda *_: ["1 session was removed whole"])
    recorders = await ended(monkeypatch, tmp_path)
    recorders.say_where()
    removed, recorded = capsys.readouterr().err.splitlines()
    assert removed == "podwire: 1 session was removed whole"
    assert recorded.startswith("podwire: recorded: podwire replay ")


async def test_a_disk_that_has_no_room_for_its_files_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: Path) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(blocks, "open_new", full)
    recorders = await ended(monkeypatch, tmp_path)
    assert recorders.session is None
    recorders.say_where()
    said = capsys.readouterr().err
    assert said == "podwire: the session is not recorded: No space left on device\n"
    assert sessions() == []


async def test_a_file_that_was_written_in_part_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, stream = tmp_path / "r.jsonl", Stream()
    options = parser().parse_args(["local", "--no-record", "--record", str(file)])
    recorders = Recorders(options, Config())
    recorders.begin(stream, Store())

    def full(_: int, size: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        stream.publish(Mark(1_800_000_000.0, "", "alice", "here"))
        await asyncio.sleep(0.2)
    stream.close()
    await recorders.finished()
    recorders.say_where()
    said = capsys.readouterr().err
    assert said == (
        f"podwire: {file} was written in part (2 events not written: the disk was full)\n"
    )


async def test_of_a_disk_that_was_full_to_begin_with_nothing_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int, size: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        recorders = await ended(monkeypatch, tmp_path)
    recorders.say_where()
    said = capsys.readouterr().err
    assert said.startswith("podwire: nothing is recorded (")
    assert said.endswith(" not written: the disk was full)\n")
