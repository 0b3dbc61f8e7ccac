"""Captures as a report names them: those of a session are compressed, and may be elsewhere now."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from collectors import events as ev
from collectors.recording.event_log import RecordingSource, read
from collectors.recording.session_log import SessionWriter
from collectors.stream import Stream
from session.removals import Removal, note_removal
from session.report_captures import GONE, capture_files, files_of
from session.store import Store

KEY = "pod/shop/web-1"
PACKETS = tuple(ev.Packet(number, bytes([number]) * 60, 60) for number in range(9))


@pytest.fixture
def session(tmp_path: Path) -> Path:
    (directory := tmp_path / "session").mkdir()
    writer = SessionWriter(directory)
    kept = ev.CaptureState(1.0, KEY, 3, "running", "", received=9, kept=str(directory))
    writer.write([kept, ev.PacketBatch(1.5, KEY, 3, 1, PACKETS)])
    writer.write([ev.PacketBatch(1.5, "pod/shop/web-10", 30, 1, PACKETS)])
    writer.close()
    return directory


def found(directory: Path) -> list[tuple[str, str, int, str, str]]:
    store = Store()
    store.apply_all(read(directory))
    captures = files_of(capture_files(store, [RecordingSource(directory, Stream())]))
    return [(one.name, one.where, one.packets, one.sha256, one.note) for one in captures]


def test_a_sessions_packets_are_named_with_their_digest(session: Path) -> None:
    (path,) = session.glob("pod-shop-web-1-3-*.pcap.zst")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found(session) == [(path.name, "shop/web-1", 9, digest, "")]


def test_they_are_found_where_the_session_is_now(session: Path, tmp_path: Path) -> None:
    moved = Path(shutil.move(session, tmp_path / "moved"))
    ((file, _, packets, _, note),) = found(moved)
    assert file.endswith(".pcap.zst") and packets == 9 and note == ""


def test_those_that_went_are_named_as_gone(session: Path) -> None:
    for path in session.glob("*.pcap.zst"):
        path.unlink()
    assert found(session) == [("pod-shop-web-1-3-*", "shop/web-1", 9, "", GONE)]


def removal(*names: str) -> Removal:
    return Removal(1_700_000_000.0, "age", 14 * 86_400.0, names)


def test_those_that_the_bounds_removed_are_called_so(session: Path) -> None:
    (path,) = session.glob("pod-shop-web-1-3-*.pcap.zst")
    path.unlink()
    note_removal(session, removal(path.name, "pod-shop-web-10-30-002.pcap.zst"))
    text = "1 file removed on 2023-11-14 22:13 UTC: packets and samples stay 14 days"
    assert found(session) == [("pod-shop-web-1-3-*", "shop/web-1", 9, "", text)]


def test_what_is_missing_before_those_that_stay_is_said(session: Path) -> None:
    earlier = removal("pod-shop-web-1-3-000.pcap.zst", "evidence-0001.zst")
    note_removal(session, earlier)
    ((_, _, packets, digest, note),) = found(session)
    assert packets == 9 and digest
    assert note.startswith("of what came before, 1 file removed on 2023-11-14")


def test_packets_that_come_after_the_last_count_are_counted(tmp_path: Path) -> None:
    """As the screen counts them."""
    store = Store()
    store.apply(ev.CaptureState(1.0, KEY, 3, "running", "", received=4, kept=str(tmp_path)))
    store.apply(ev.PacketBatch(1.5, KEY, 3, 1, PACKETS))
    (capture,) = files_of(capture_files(store, []))
    assert capture.packets == store.target(KEY).packets_seen == 9
