"""Which sessions are recorded: those of consoles, unless somebody turns that off."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cli.config import Config, load
from cli.console import _Opener
from cli.main import command_of
from cli.parser import parser
from cli.recorder import Recorders, is_recorded
from session.recorded_sessions import sessions


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
