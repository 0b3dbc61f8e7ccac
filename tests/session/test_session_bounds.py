"""What goes where sessions are past their bounds, and what stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from collectors.events import Mark
from collectors.recording.session_lock import LOCK
from collectors.recording.session_log import TIMELINE, SessionWriter
from session.removals import DAY_S, removals
from session.running_session import RunningSession, sessions_directory
from session.session_bounds import Bounds, keep


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def session(name: str, bulk: int, days: float = 0.0) -> Path:
    """With so many bytes of packets, and as old."""
    directory = sessions_directory() / name
    directory.mkdir(parents=True)
    writer = SessionWriter(directory)
    writer.write([Mark(1_800_000_000.0, "", "alice", "here")])
    writer.close()
    (directory / "pod-1-001.pcap.zst").write_bytes(b"\0" * bulk)
    at = time.time() - days * DAY_S
    for path in directory.iterdir():
        os.utime(path, (at, at))
    return directory


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} if directory.exists() else set()


def test_within_the_bounds_all_stays() -> None:
    one = session("20270101T000000-1", 1000)
    before = names(one)
    assert keep(Bounds()) == [] and names(one) == before


def test_packets_go_by_age_and_marks_stay_longer() -> None:
    old, ancient = session("20260101T000000-1", 1000, 20), session("20250101T000000-1", 1000, 60)
    running = session("20260102T000000-1", 1000, 20)
    lock = RunningSession(running)
    gone, said = keep(Bounds())
    assert "older than 14 days were removed" in said and "marks and writes stay 56 days" in said
    assert "older than 56 days: 1 session was removed whole, with findings" in gone
    assert "timeline.zst" in names(old) and "pod-1-001.pcap.zst" not in names(old)
    assert not ancient.exists()
    assert "pod-1-001.pcap.zst" in names(running), "it runs"
    lock.close()


def test_the_oldest_packets_go_where_there_is_no_room() -> None:
    first, second = session("20270101T000000-1", 50_000), session("20270102T000000-1", 50_000)
    (said,) = keep(Bounds(size=60_000))
    assert "sessions on disk may use" in said
    assert "pod-1-001.pcap.zst" not in names(first) and "timeline.zst" in names(first)
    assert "pod-1-001.pcap.zst" in names(second)


def test_what_goes_whole_is_said() -> None:
    session("20270101T000000-1", 0), session("20270102T000000-1", 0)
    *_, said = keep(Bounds(size=1))
    assert "2 sessions were removed whole, with findings, marks and writes" in said
    assert "stay" not in said and "packets and samples" not in said


def test_what_goes_is_noted_beside_what_stays() -> None:
    """By which bound and when; that is no reason to keep the session for longer."""
    old, large = session("20260101T000000-1", 1000, 20), session("20270101T000000-1", 50_000)
    before = time.time()
    keep(Bounds(size=20_000))
    (by_age,), (by_size,) = removals(old), removals(large)
    assert (by_age.bound, by_age.limit) == ("age", 14 * DAY_S) and by_age.at >= before
    assert "pod-1-001.pcap.zst" in by_age.files and "figures.zst" in by_age.files
    assert by_age.text.endswith(" UTC: packets and samples stay 14 days")
    assert (by_size.bound, by_size.limit) == ("size", 20_000)
    gone, *_ = keep(Bounds(kept=1.2))
    assert "older than 16.8 days: 1 session was removed whole" in gone and not old.exists()


def test_each_old_file_of_a_session_that_runs_is_noted() -> None:
    one = session("20270101T000000-1", 50_000)
    (one / "pod-1-002.pcap.zst").write_bytes(bytes(50_000))
    lock = RunningSession(one)
    keep(Bounds(size=70_000), one)
    (known,) = removals(one)
    assert known.files == ("pod-1-001.pcap.zst",) and "pod-1-002.pcap.zst" in names(one)
    lock.close()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"at": 1}]', '[{"files": 3}]', "[" * 99_999])
def test_a_note_that_is_none_says_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "removed.json").write_text(text)
    assert removals(tmp_path) == []


def test_an_import_that_was_killed_leaves_nothing_for_long() -> None:
    cut, young = session("20260101T000000-1", 5 << 20), session("20260101T000001-2", 1000)
    other = session("20260101T000002-3", 1000)
    running = session("20260101T000003-4", 1000)
    lock = RunningSession(running)
    for one in (cut, young, other, running):
        (one / TIMELINE).unlink()
    for one in (cut, young, other):
        (one / LOCK).touch()
    (other / "notes.txt").touch()
    an_hour_ago = time.time() - 3600
    for path in (*cut.iterdir(), *other.iterdir(), *running.iterdir()):
        os.utime(path, (an_hour_ago, an_hour_ago))
    assert keep(Bounds()) == ["1 session whose import was cut off was removed (5.0 MiB)"]
    assert not cut.exists() and young.exists() and other.exists() and running.exists()
    lock.close()
