"""The file of `--record` on a disk that is full: whole lines, and the gap between them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from collectors.events import ConsumerDrop, Mark, Notice
from collectors.recording.event_log import Recorder, Recording
from collectors.stream import Stream
from session import disk_gap
from session.file_recording import FILE, FileRecording


def mark(number: int) -> Mark:
    return Mark(1_800_000_000.0 + number, "", "alice", f"mark {number} {'x' * 100}")


class FullDisk:
    """So many bytes go into the file that ends in .jsonl, and no more."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.write

    def write(self, fd: int, data: bytes) -> int:
        if not os.readlink(f"/proc/self/fd/{fd}").endswith(".jsonl"):
            return self._write(fd, data)
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(fd, bytes(data)[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("again", [True, False], ids=["room while it runs", "room at the end"])
async def test_lines_stay_whole_and_the_gap_is_where_it_was(
    again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, stream = tmp_path / "r.jsonl", Stream()
    monkeypatch.setattr(disk_gap, "AGAIN_S", 0.0)
    recording = FileRecording(Recorder(path), stream)
    said = stream.subscribe(100, "the screens")
    stream.publish(mark(1))
    await stream.caught_up()
    disk = FullDisk(room=70)  # not one line
    monkeypatch.setattr(os, "write", disk.write)
    stream.publish(mark(2))
    await stream.caught_up()
    assert recording.gap.is_open and path.read_bytes().endswith(b"\n")
    disk.room = 1_000_000
    if again:
        stream.publish(mark(3))
        await stream.caught_up()
        assert not recording.gap.is_open
    stream.close()
    await recording.finished()
    read = Recording(path)
    events = [one for one in read.events() if isinstance(one, Mark | ConsumerDrop)]
    gap = events[1]
    assert isinstance(gap, ConsumerDrop) and (gap.consumer, gap.events, gap.open) == (
        FILE,
        2,  # and the notice that says it
        False,
    )
    assert events == [mark(1), gap, *([mark(3)] if again else [])] and not read.skipped
    texts = [one.text for one in said.pending() if isinstance(one, Notice)]
    assert texts[0].startswith("the file of --record is not written at the moment: No space left")
    shown = [one.open for one in said.pending() if isinstance(one, ConsumerDrop)]
    assert shown == ([True, True, False] if again else [True, True])
