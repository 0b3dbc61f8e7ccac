"""`podwire sessions`: what was recorded, and how it ended."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cli.main import main
from collectors import events as ev
from collectors.recording.blocks import BlockWriter
from collectors.recording.session_log import TIMELINE, SessionWriter
from session.recorded_sessions import RunningSession, new_session
from tests.support.incident import full_table


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def recorded(clean: bool) -> RunningSession:
    """A session of an incident, as its console leaves it while it runs."""
    running, events = new_session(), full_table()
    writer = SessionWriter(running.directory)
    writer.write([*events, *([ev.RecordingEnd(events[-1].at, "")] if clean else [])])
    writer.close()
    return running


def killed() -> Path:
    running = recorded(clean=False)
    os.close(running._fd)  # as the kernel does
    return running.directory


def listed(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["sessions"]) == 0
    return capsys.readouterr().out


def test_how_each_ended(capsys: pytest.CaptureFixture[str]) -> None:
    ended = recorded(clean=True)
    assert "(running)" in listed(capsys) and "abruptly" not in listed(capsys)
    ended.close()
    assert "1m59s " in listed(capsys) and "abruptly" not in listed(capsys)
    killed()
    first, *_ = (line for line in listed(capsys).splitlines() if "ended abruptly" in line)
    assert "1m59s (ended abruptly)" in first
    assert main(["sessions", "-o", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert [one["complete"] for one in body] == [False, True]


def test_it_is_known_of_an_exported_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "one.podwire")
    assert main(["sessions", "export", killed().name, file]) == 0
    assert main(["sessions", "import", file]) == 0
    capsys.readouterr()
    assert listed(capsys).count("(ended abruptly)") == 2


@pytest.mark.parametrize("form", ["markdown", "json", "html"])
def test_its_report_says_it(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = killed().name
    assert main(["report", name, "-o", form]) == 0
    assert "the recording ends abruptly here: its console was killed" in capsys.readouterr().out


def test_a_report_of_an_exported_one_imports_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "one.podwire")
    assert main(["sessions", "export", killed().name, file]) == 0
    assert main(["report", file]) == 0 and main(["check", "--from", file]) == 1
    capsys.readouterr()
    assert listed(capsys).count("1m59s") == 1


def hostile_session() -> Path:
    """Made with podwire's own writer: its blocks are whole, and its lines are not events."""
    running = new_session()
    writer = BlockWriter(running.directory / TIMELINE)
    writer.begin(float("inf"), 0)
    for number, at in enumerate(("x", 1e300, -1e18, None)):
        line: dict[str, object] = {"_": "Mark", "at": at, "target": 5, "author": None, "text": []}
        writer.write(b"%d %s\n" % (number, json.dumps(line).encode()))
    writer.write(b'9 {"_":"Mark","at":1000.0,"target":"","author":"a","text":"\\u001b[2J"}\n')
    writer.close()
    running.close()
    return running.directory


def test_a_hostile_session_costs_no_other_one(capsys: pytest.CaptureFixture[str]) -> None:
    recorded(clean=True).close()
    name = hostile_session().name
    text = listed(capsys)
    assert text.count("MiB") == 2 and max(map(len, text.splitlines())) < 300
    assert main(["report", name]) == 0
    text = capsys.readouterr().out
    assert "␛" in text and "\x1b" not in text
    assert "damaged lines that are left out: 4" in text


def test_one_that_was_killed_before_its_first_line_holds_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    running = new_session()
    SessionWriter(running.directory).close()
    os.close(running._fd)
    assert "(nothing was recorded)" in listed(capsys)


@pytest.mark.parametrize("part", [0.4, 0.95])
def test_an_export_that_is_cut_is_called_incomplete(
    part: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "one.podwire"
    assert main(["sessions", "export", killed().name, str(file)]) == 0
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data.rstrip(b"\0")) * part)])
    capsys.readouterr()
    assert main(["sessions", "import", str(file)]) == 2
    assert "incomplete copy of an exported session" in capsys.readouterr().err
    file.write_text("x" * 5_000)
    assert main(["sessions", "import", str(file)]) == 2
    assert "it is not a session that podwire exported" in capsys.readouterr().err
