"""The session that runs, written as it goes."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

from collectors.capture.capture import Capture
from collectors.command_runner import LocalRunner
from collectors.events import (
    CaptureState,
    ConsumerDrop,
    Event,
    Mark,
    Notice,
    Packet,
    PacketBatch,
    RecordingEnd,
)
from collectors.recording.session_log import SessionWriter
from collectors.recording.session_reader import SessionReader
from collectors.stream import Stream
from collectors.target import Target
from session import disk_gap, recording, running_session
from session.disk_gap import RESERVE, RESERVED
from session.recorded_sessions import sessions
from session.recording import SessionRecording
from session.running_session import new_session
from session.store import Store
from session.timeline import TimelineEntry
from tests.support.killed_recording import killed_after

pytestmark = pytest.mark.slow


def mark(number: int) -> Mark:
    return Mark(1_800_000_000.0 + number, "", "alice", f"mark {number}")


def recorded(directory: Path) -> list[Event]:
    return [e for e in SessionReader(directory).events() if isinstance(e, Mark | Notice)]


async def until(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not ready():
            await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_what_is_published_is_on_disk_while_it_runs() -> None:
    async def session() -> None:
        stream = Stream()
        running = SessionRecording(new_session(), stream, Store())
        assert await running.has_files()
        stream.publish(mark(1))
        await until(lambda: recorded(running.directory) == [mark(1)])
        (listed,) = sessions()
        assert listed.running and not listed.ended_abruptly
        stream.publish(mark(2))
        stream.close()
        await running.finished()
        assert recorded(running.directory) == [mark(1), mark(2)]
        (listed,) = sessions()
        assert not listed.running and not listed.ended_abruptly and listed.summary.marks == 2

    asyncio.run(session())


def test_a_full_disk_is_said_and_the_rest_is_recorded_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disk_gap, "AGAIN_S", 0.0)
    write = os.write
    full: list[bool] = []

    def refusing(fd: int, data: bytes) -> int:
        if full and os.readlink(f"/proc/self/fd/{fd}").endswith(".zst"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data)

    async def session() -> None:
        stream = Stream()
        running = SessionRecording(new_session(), stream, Store())
        assert await running.has_files()
        stream.publish(mark(1))
        await until(lambda: recorded(running.directory) == [mark(1)])
        monkeypatch.setattr(os, "write", refusing)
        full.append(True)
        stream.publish(mark(2))
        await until(lambda: running.gap.is_open)
        full.clear()
        stream.publish(mark(3))
        await until(lambda: mark(3) in recorded(running.directory))
        stream.close()
        await running.finished()
        seen = recorded(running.directory)
        said = " ".join(event.text for event in seen if isinstance(event, Notice))
        assert mark(2) not in seen and "recorded again, with 1 event missing before" in said
        reader = SessionReader(running.directory)
        *begun, gap = [one for one in reader.events() if isinstance(one, ConsumerDrop)]
        assert len(begun) <= 1, "that it began is on disk as well, where there was room"
        assert (gap.events, gap.consumer, running.gap.lost) == (1, running_session.DISK, 1)
        assert gap.since <= gap.at and "No space left" in gap.cause
        events = list(reader.events())
        assert events.index(gap) < events.index(mark(3)), "it stands where it was"
        store = Store()
        store.apply_all(events)
        (line,) = [one for one in store.timeline.entries if one.kind == "gap"]
        assert line.text.startswith("the session's recording lost 1 event: No space left")

    asyncio.run(session())


@pytest.mark.parametrize("seconds", [0.0, 0.4, 0.9, 1.3, 2.2])
def test_killed_at_any_moment_the_last_second_is_missing_at_most(seconds: float) -> None:
    """Log and pcap; 100 times at random: python -m tests.support.killed_recording."""
    found = killed_after(seconds + 0.7)  # the first write is after that
    assert found.is_whole, found


def test_packets_that_were_lost_are_counted_by_their_capture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those of a full disk, and those that came faster than they were written."""
    monkeypatch.setattr(disk_gap, "AGAIN_S", 0.0)
    batch = PacketBatch(1.0, "pod/a/b", 1, 1, (Packet(1, bytes(60), 60),) * 7)
    drop = ConsumerDrop(1.0, "pod/a/b", running_session.NAME, 3, 20, 0.0, "its queue was full")

    async def session() -> None:
        stream = Stream()
        running = SessionRecording(new_session(), stream, Store())
        assert await running.has_files()
        keeper = running.keeper("pod/a/b")
        capture = Capture(1, Target("pod", "b", "a"), LocalRunner(), stream, "", kept_by=keeper)
        states = stream.subscribe(100, "states")
        write = SessionWriter.write

        def refusing(writer: SessionWriter, events: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(SessionWriter, "write", refusing)
        stream.publish(batch)
        await until(lambda: keeper.dropped == 7)
        capture.say("running")
        monkeypatch.setattr(SessionWriter, "write", write)
        stream.publish(drop)
        await until(lambda: keeper.dropped == 27 and not running.gap.error)
        capture.say("running")
        assert running.keeper("pod/a/b").dropped == 0, "a capture that begins now lost none"
        said = [e for e in states.pending() if isinstance(e, CaptureState)]
        assert [(one.dropped_disk, bool(one.kept)) for one in said] == [(7, False), (27, True)]
        assert "is not recorded at the moment: No space left" in said[0].message
        stream.close()
        await running.finished()

    asyncio.run(session())


@pytest.mark.parametrize("is_drawn", [True, False])
def test_its_files_wait_for_the_first_list_and_have_what_came_before(is_drawn: bool) -> None:
    """Also where the console is left before it was drawn."""

    async def session() -> None:
        stream, drawn = Stream(), asyncio.Event()
        running = SessionRecording(new_session(), stream, Store(), after=drawn)
        stream.publish(mark(1))
        await asyncio.sleep(0.1)
        assert [path.name for path in running.directory.iterdir()] == ["running"]
        if is_drawn:
            drawn.set()
            assert await running.has_files()
            await until(lambda: recorded(running.directory) == [mark(1)])
        stream.publish(mark(2))
        stream.close()
        await running.finished()
        assert recorded(running.directory) == [mark(1), mark(2)]

    asyncio.run(session())


def _has_lost_more(running: SessionRecording, before: int) -> bool:
    return running.lost_packets("pod/a/b") > before


def test_what_is_lost_at_the_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """No later write succeeds but the last: the gap is before the end. Packets count in it, and no
    empty file of them is left."""
    write, full = os.write, [True]

    def refusing(fd: int, data: bytes) -> int:
        if full and os.readlink(f"/proc/self/fd/{fd}").endswith(".zst"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data)

    monkeypatch.setattr(os, "write", refusing)
    monkeypatch.setattr(disk_gap, "AGAIN_S", 0.0)
    batch = PacketBatch(1.0, "pod/a/b", 1, 1, (Packet(1, bytes(60), 60),) * 7)

    async def session() -> None:
        stream = Stream()
        running = SessionRecording(new_session(), stream, Store())
        assert await running.has_files()
        while (before := running.lost_packets("pod/a/b")) < 21:
            stream.publish(batch)
            await until(partial(_has_lost_more, running, before))
        assert not list(running.directory.glob("*.pcap.zst"))
        stream.close()
        full.clear()
        await running.finished()
        *_, gap, end = SessionReader(running.directory).events()
        assert isinstance(gap, ConsumerDrop) and isinstance(end, RecordingEnd) and end.clean
        assert gap.packets == 21 and running.gap.lost >= 3

    asyncio.run(session())


class SmallDisk:
    """For a session's files: once it is full, there is the room that the reserve gives back."""

    def __init__(self, directory: Path) -> None:
        self.reserve = directory / RESERVE
        self.is_full = False
        self._used = 0
        self._write = os.write

    def write(self, fd: int, data: bytes) -> int:
        if self.is_full and os.readlink(f"/proc/self/fd/{fd}").endswith(".zst"):
            kept = self.reserve.stat().st_size if self.reserve.exists() else 0
            if self._used + len(data) > RESERVED - kept:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._used += len(data)
        return self._write(fd, data)

    def free_bytes(self, _: Path) -> int:
        return 0 if self.is_full else 1 << 30


def gaps(events: Iterable[Event]) -> list[TimelineEntry]:
    store = Store()
    store.apply_all(events)
    return [one for one in store.timeline.entries if one.kind == "gap"]


def test_a_gap_is_on_the_timeline_and_on_disk_while_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The disk is full to the end: what was lost is said there, and the session ends well."""
    monkeypatch.setattr(disk_gap, "AGAIN_S", 0.0)
    batch = PacketBatch(1.0, "pod/a/b", 1, 1, (Packet(1, os.urandom(RESERVED), 60),))

    async def session() -> None:
        stream = Stream()
        seen = stream.subscribe(1_000, "the timeline")
        running = SessionRecording(new_session(), stream, Store())
        assert await running.has_files()
        disk = SmallDisk(running.directory)
        monkeypatch.setattr(os, "write", disk.write)
        monkeypatch.setattr(disk_gap, "free_bytes", disk.free_bytes)
        stream.publish(mark(1))
        await until(lambda: recorded(running.directory) == [mark(1)])
        disk.is_full = True
        stream.publish(batch)
        await until(lambda: bool(gaps(seen.pending())))
        (line,) = gaps(seen.pending())
        assert line.open and "No space left" in line.text
        await until(lambda: bool(gaps(SessionReader(running.directory).events())))
        (on_disk,) = gaps(SessionReader(running.directory).events())
        assert on_disk.open, "whatever ends the console now"
        stream.publish(batch)
        await until(lambda: "lost 3 events" in gaps(seen.pending())[0].text)  # and the notice
        stream.close()
        await running.finished()
        (line,) = gaps(SessionReader(running.directory).events())
        assert line.until is not None and line.at < line.until and "lost 3 events" in line.text
        (listed,) = sessions()
        assert not listed.ended_abruptly and not disk.reserve.exists()

    asyncio.run(session())


def test_a_flood_is_written_with_pauses_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event needs as long as is written at once."""
    slept: list[float] = []
    clock = iter(n * recording.AT_ONCE_S for n in range(10_000))
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    events = [mark(number) for number in range(2_000)]
    assert list(recording.paced(events)) == events
    assert len(slept) > 0 and sum(slept) == pytest.approx(recording.PAUSES_S)
