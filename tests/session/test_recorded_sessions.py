"""A session whose timeline is damaged says so, and keeps what is whole."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cli.main import main
from collectors import events as ev
from collectors.recording.session_log import FIGURES, STATES, TIMELINE, SessionWriter
from collectors.recording.session_reader import DAMAGED_PARTS, SessionReader
from session.recorded_sessions import damage_now, described
from session.running_session import DISK, new_session
from tests.support.incident import BEGAN, NODE, full_table

MARKS = 400


def session(path: Path) -> Path:
    """Marks of 400 minutes, with a text that does not compress away."""
    path.mkdir()
    writer = SessionWriter(path)
    marks = [
        ev.Mark(BEGAN + 60 * one, NODE, "alice", f"{hash((one, 7)):x}" * 4) for one in range(MARKS)
    ]
    writer.write([*full_table(), *marks, ev.RecordingEnd(BEGAN + 60 * MARKS, "")])
    writer.close()
    return path


def spoiled(path: Path, place: float) -> SessionReader:
    file = path / TIMELINE
    data = bytearray(file.read_bytes())
    at = int(len(data) * place)
    data[at : at + 40] = b"\xff" * 40
    file.write_bytes(data)
    return SessionReader(path)


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_one_damaged_spot_costs_little_and_is_said(
    place: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = spoiled(session(tmp_path / "s"), place)
    marks = [one for _, one in reader.timeline() if isinstance(one, ev.Mark)]
    assert MARKS - 5 < len(marks) < MARKS
    assert list(reader.timeline()) and reader.skipped[DAMAGED_PARTS] == 1, "counts once"
    assert main(["report", str(tmp_path / "s"), "-o", "json"]) == 0
    assert "parts that are damaged: 1" in str(json.loads(capsys.readouterr().out)["notes"])


def test_a_damaged_beginning_is_no_beginning_of_time(tmp_path: Path) -> None:
    path = session(tmp_path / "s")
    (path / TIMELINE).write_bytes(b"\xff" * 5_000)
    about = described(path).summary
    assert about.began >= BEGAN and SessionReader(path).timeline_is_damaged()


def test_a_torn_end_is_no_damage(tmp_path: Path) -> None:
    file = session(tmp_path / "s") / TIMELINE
    file.write_bytes(file.read_bytes()[:-30])
    assert not SessionReader(tmp_path / "s").timeline_is_damaged()


def test_what_a_full_disk_kept_out_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    running = new_session()
    gap = ev.ConsumerDrop(BEGAN + 9, "", DISK, 7, packets=23_776, since=BEGAN + 2, cause="full")
    writer = SessionWriter(running.directory)
    writer.write([*full_table(), replace(gap, open=True), gap, ev.RecordingEnd(BEGAN + 9, "")])
    writer.close()
    running.close()
    assert not described(running.directory, examine=False).is_examined
    assert main(["sessions"]) == 0
    text = capsys.readouterr().out
    assert "(in part)" in text
    assert text.count("7 events, 23,776 packets in them") == 1
    assert main(["sessions", "-o", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert not found["complete"] and found["lost"] and not found["damage"]
    assert main(["report", running.directory.name]) == 0
    assert "7 events, 23,776 packets in them" in capsys.readouterr().out


def test_with_a_damaged_session_nothing_is_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiled(session(tmp_path / "s"), 0.5)
    whole = session(tmp_path / "whole")
    assert main(["check", "--from", str(whole), "--since", str(tmp_path / "s")]) == 2
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("gone", [STATES, FIGURES])
def test_a_file_that_is_missing_is_said_by_check_and_report(
    gone: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = session(tmp_path / "s")
    assert damage_now(path) == []
    (path / gone).unlink()
    main(["check", "--from", str(path)])
    text = capsys.readouterr().out
    assert "not seen: damaged or missing parts" in text.splitlines()[0]
    assert f"{gone} is missing" in text
    assert main(["report", str(path), "-o", "json"]) == 0
    assert f"{gone} is missing" in str(json.loads(capsys.readouterr().out)["notes"])


def test_nothing_found_in_torn_files_is_no_all_clear(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "quiet"
    path.mkdir()
    writer = SessionWriter(path)
    writer.write([ev.Mark(BEGAN, NODE, "alice", "x"), ev.RecordingEnd(BEGAN + 9, "")])
    writer.close()
    assert main(["check", "--from", str(path)]) == 0
    (path / STATES).unlink()
    assert main(["check", "--from", str(path)]) == 4
    capsys.readouterr()
