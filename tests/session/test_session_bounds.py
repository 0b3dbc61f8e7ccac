"""What goes where sessions are past their bounds, and what stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from collectors.events import Mark
from collectors.recording.session_log import SessionWriter
from session.recorded_sessions import RunningSession, sessions_directory
from session.session_bounds import DAY_S, Bounds, keep


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
