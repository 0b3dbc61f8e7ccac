"""A session on disk: written, cut at any byte, read back; packets are stored once."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings, strategies as st

from benchmarks.feed import counter_sample, socket_rows
from collectors import events as ev
from collectors.capture.pcap import PcapReader
from collectors.recording.blocks import blocks
from collectors.recording.session_lock import hold
from collectors.recording.session_log import BLOCK_S, SessionWriter
from collectors.recording.session_reader import SessionReader
from tests.collectors.test_event_codec import every_event, values_of
from tests.support.examples import examples

pytestmark = pytest.mark.slow

KEY = "pod/shop/web"
SECONDS = 120


def second(number: int) -> list[ev.Event]:
    """What one second of a session publishes."""
    at = 1_800_000_000.0 + number
    packets = tuple(
        ev.Packet(int(at * 1e9) + place, bytes([number % 256, place]) * 40, 90)
        for place in range(5)
    )
    return [
        counter_sample(KEY, at, number),
        ev.PacketBatch(at, KEY, 1, 1, packets),
        *([ev.SocketSnapshot(at, KEY, socket_rows(30, number))] if number % 3 == 0 else []),
        *([ev.Mark(at, "", "alice", f"mark {number}")] if number % 10 == 0 else []),
    ]


def seconds() -> list[ev.Event]:
    return [event for number in range(SECONDS) for event in second(number)]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("session")
    writer = SessionWriter(directory)
    for number in range(SECONDS):
        writer.write(second(number))
    writer.close()
    return directory


def read(directory: Path) -> list[ev.Event]:
    return without_start(SessionReader(directory).events())


def without_start(events: Iterable[ev.Event]) -> list[ev.Event]:
    """Nor the end that is put there where the log has none."""
    missing = ev.RecordingStart, ev.RecordingEnd
    return [e for e in events if not isinstance(e, missing) or e == ev.RecordingEnd(e.at, "")]


def test_what_is_written_is_read_in_its_order(session: Path) -> None:
    assert read(session) == seconds()


def test_reading_begins_at_any_block(session: Path) -> None:
    reader = SessionReader(session)
    assert len(reader.evidence) == SECONDS / BLOCK_S
    for index, block in enumerate(reader.evidence):
        events = without_start(reader.events(index))
        assert events == seconds()[-len(events) :]
        assert reader.block_at(block.at) == reader.block_at(block.at + 1) == index


def test_files_are_private_and_packets_are_stored_once(session: Path) -> None:
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in session.iterdir())
    (pcap,) = session.glob("*.pcap.zst")
    packets = PcapReader().feed(unpacked(pcap))
    assert packets == [p for e in seconds() if isinstance(e, ev.PacketBatch) for p in e.packets]
    evidence = b"".join(unpacked(path) for path in session.glob("evidence-*.zst"))
    assert b"PacketBatch" not in evidence and evidence.count(b"PacketPlace") == SECONDS


def unpacked(path: Path) -> bytes:
    """By another program."""
    if shutil.which("zstd") is None:
        pytest.skip("NO ZSTD: install zstd to read recordings without podwire")
    return subprocess.run(["zstd", "-dc", str(path)], capture_output=True, check=True).stdout


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_cut_at_any_byte_all_before_the_cut_is_read(session: Path, data: st.DataObject) -> None:
    """Each file may end anywhere: what is read is what was written, up to there."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "s"
        shutil.copytree(session, copy)
        path = data.draw(st.sampled_from(sorted(p for p in copy.iterdir() if p.stat().st_size)))
        cut = data.draw(st.integers(0, path.stat().st_size))
        path.write_bytes(path.read_bytes()[:cut])
        events, whole = read(copy), seconds()
    of_packets = [event for event in events if isinstance(event, ev.PacketBatch)]
    others = [event for event in events if not isinstance(event, ev.PacketBatch)]
    assert [event for event in whole if event in others] == others
    if path.name.endswith(".pcap.zst"):
        assert len(others) == sum(not isinstance(event, ev.PacketBatch) for event in whole)
        seen = [packet for event in of_packets for packet in event.packets]
        written = [p for e in whole if isinstance(e, ev.PacketBatch) for p in e.packets]
        assert written[: len(seen)] == seen


def test_what_was_flushed_before_a_kill_is_there(tmp_path: Path) -> None:
    """Nothing is closed: every event of every `write` that returned is read."""
    writer = SessionWriter(tmp_path)
    for number in range(SECONDS):
        writer.write(second(number))
        if number % 17 == 0:
            assert read(tmp_path) == seconds()[: len(read(tmp_path))]
            assert read(tmp_path)[-1].at == second(number)[-1].at
    assert read(tmp_path) == seconds()


@settings(max_examples=10, deadline=None)
@given(st.tuples(*map(values_of, every_event())))
def test_every_event_survives(events: tuple[ev.Event, ...]) -> None:
    with TemporaryDirectory() as folder:
        writer = SessionWriter(Path(folder))
        writer.write([event for event in events if not isinstance(event, ev.PacketBatch)])
        writer.close()
        wanted = [event for event in events if not isinstance(event, ev.PacketBatch)]
        assert list(SessionReader(Path(folder)).events())[1 : 1 + len(wanted)] == wanted


def test_bytes_of_a_packet_are_no_header_of_a_block(session: Path, tmp_path: Path) -> None:
    """A packet that carries a whole recording ends nobody's block."""
    stolen = next(session.glob("evidence-*.zst")).read_bytes()[:120]
    writer = SessionWriter(tmp_path)
    writer.write([ev.PacketBatch(1.0, KEY, 1, 1, (ev.Packet(1, stolen, 200),))])
    writer.close()
    (pcap,) = tmp_path.glob("*.pcap.zst")
    assert len(blocks(pcap)) == 1
    (batch,) = (e for e in SessionReader(tmp_path).events() if isinstance(e, ev.PacketBatch))
    assert batch.packets[0].data == stolen


def test_a_log_without_an_end_has_one_that_says_so(tmp_path: Path) -> None:
    """It broke off after the last event; one that was ended, and one that runs, did not."""
    broken, whole, running = (tmp_path / name for name in ("broken", "whole", "running"))
    for directory in (broken, whole, running):
        directory.mkdir()
        writer = SessionWriter(directory)
        writer.write(second(0))
        if directory is whole:
            writer.write([ev.RecordingEnd(1_800_000_009.0, "")])
        writer.close()
    lock = hold(running)
    ends = {d.name: list(SessionReader(d).events())[-1] for d in (broken, whole, running)}
    os.close(lock)
    at = second(0)[-1].at
    assert ends["broken"] == ev.RecordingEnd(at, "", clean=False)
    assert ends["whole"] == ev.RecordingEnd(1_800_000_009.0, "")
    assert ends["running"] == second(0)[-1]
