"""Captures as a report names them: those of a session are compressed, and may be elsewhere now."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from collectors import events as ev
from collectors.capture.file_source import PcapSource
from collectors.recording.event_log import RecordingSource, read
from collectors.recording.session_lock import hold
from collectors.recording.session_log import SessionWriter
from collectors.stream import Stream
from session.removals import Removal, note_removal
from session.report_captures import GONE, GROWS, capture_files, files_of
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
    claimed, other = sorted(session.glob("*.pcap.zst"))
    assert found(session) == [
        (claimed.name, "shop/web-1", 9, digest(claimed), ""),
        (other.name, "shop/web-10", 9, digest(other), ""),
    ]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_earlier_capture_of_a_target_is_named_too(tmp_path: Path) -> None:
    """The state of the target says the latest only; one that nobody wrote in is not a capture."""
    (directory := tmp_path / "session").mkdir()
    writer = SessionWriter(directory)
    for number in (1, 2):
        state = ev.CaptureState(1.0, KEY, number, "running", "", received=9, kept=str(directory))
        writer.write([state, ev.PacketBatch(1.5, KEY, number, 1, PACKETS[number:])])
    writer.close()
    (directory / "pod-shop-web-1-7-009.pcap.zst").touch()
    assert {(name, packets) for name, _, packets, _, _ in found(directory)} == {
        ("pod-shop-web-1-2-002.pcap.zst", 7),
        ("pod-shop-web-1-1-001.pcap.zst", 8),
    }


def test_those_of_a_target_whose_name_goes_on_are_not_its_own(tmp_path: Path) -> None:
    """Capture 1 of `web`, and capture 3 of `web-1`."""
    (directory := tmp_path / "session").mkdir()
    writer = SessionWriter(directory)
    for key, number in (("pod/shop/web", 1), (KEY, 3)):
        state = ev.CaptureState(1.0, key, number, "running", "", received=9, kept=str(directory))
        writer.write([state, ev.PacketBatch(1.5, key, number, 1, PACKETS)])
    writer.close()
    assert [(name, where) for name, where, *_ in found(directory)] == [
        ("pod-shop-web-1-001.pcap.zst", "shop/web"),
        ("pod-shop-web-1-3-002.pcap.zst", "shop/web-1"),
    ]


def test_one_of_a_place_that_was_not_recorded_is_named_without_it(session: Path) -> None:
    path = session / "node-n7-1-001.pcap.zst"
    shutil.copy(next(session.glob("pod-shop-web-10-*.pcap.zst")), path)
    assert (path.name, "", 9, digest(path), "") in found(session)


def test_one_that_was_given_by_itself_too_is_named_once(session: Path) -> None:
    (path,) = session.glob("pod-shop-web-10-*.pcap.zst")
    sources = [PcapSource(path, Stream()), RecordingSource(session, Stream())]
    store = Store()
    store.apply_all(read(session))
    names = [one.name for one in capture_files(store, sources)]
    assert len(names) == 2 and names.count(path.name) == 1


def test_of_a_session_that_runs_packets_until_now_are_counted(
    session: Path, tmp_path: Path
) -> None:
    """What has no end yet is not cut; of what was closed there is a digest. Without the lock nobody
    writes any more, and the same file is cut."""
    (running := tmp_path / "running").mkdir()
    closed = running / "pod-shop-web-1-3-000.pcap.zst"
    shutil.copy(next(session.glob("*.pcap.zst")), closed)
    writer = SessionWriter(running)
    writer.write([ev.PacketBatch(2.5, KEY, 4, 1, PACKETS)])
    lock = hold(running)
    try:
        now = {name: about for name, _, *about in found(running)}
    finally:
        os.close(lock)
    (growing,) = running.glob("pod-shop-web-1-4-*.pcap.zst")
    assert now == {growing.name: [9, "", GROWS], closed.name: [9, digest(closed), ""]}
    packets, sha, note = {name: about for name, _, *about in found(running)}[growing.name]
    assert (packets, sha) == (9, digest(growing)) and "it was cut" in str(note)
    writer.close()


def test_they_are_found_where_the_session_is_now(session: Path, tmp_path: Path) -> None:
    moved = Path(shutil.move(session, tmp_path / "moved"))
    (file, _, packets, _, note), _ = found(moved)
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
    first, (name, where, _, _, note) = found(session)
    assert first == ("pod-shop-web-1-3-*", "shop/web-1", 9, "", text)
    assert name.startswith("pod-shop-web-10-30-") and where == "shop/web-10"
    assert note == f"of what came before, {text}"


def test_what_is_missing_before_those_that_stay_is_said(session: Path) -> None:
    earlier = removal("pod-shop-web-1-3-000.pcap.zst", "evidence-0001.zst")
    note_removal(session, earlier)
    (_, _, packets, sha, note), other = found(session)
    assert packets == 9 and sha and not other[-1]
    assert note.startswith("of what came before, 1 file removed on 2023-11-14")


def test_packets_that_come_after_the_last_count_are_counted(tmp_path: Path) -> None:
    """As the screen counts them."""
    store = Store()
    store.apply(ev.CaptureState(1.0, KEY, 3, "running", "", received=4, kept=str(tmp_path)))
    store.apply(ev.PacketBatch(1.5, KEY, 3, 1, PACKETS))
    (capture,) = files_of(capture_files(store, []))
    assert capture.packets == store.target(KEY).packets_seen == 9
