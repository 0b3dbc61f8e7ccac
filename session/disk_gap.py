"""What a disk that is full keeps out of a recording: one gap, which is said at once, is on the
timeline while it goes on, and stands in the recording as soon as anything can be written."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from collectors.events import ConsumerDrop, Event, Notice, NoticeLevel, PacketBatch
from collectors.new_file import open_new
from collectors.plural import counted
from collectors.stream import Stream, Subscription

AGAIN_S = 5.0  # after a disk that was full
RESERVE = "reserve"
RESERVED = 128 << 10  # bytes
PART = 32 << 10  # of it, for the line that a gap begins
ENOUGH = 1 << 20  # bytes that are free before it is written again: less is full again at once


class DiskGap:
    """Of one recording. `consumer` is its name on the timeline, `says` a sentence with a place for
    `not `. `lost` events in all; `error`: why nothing is written at the moment."""

    def __init__(
        self, consumer: str, says: str, directory: Path, stream: Stream, own: Subscription
    ) -> None:
        self.error = ""
        self.lost = 0
        self.lost_packets: Counter[str] = Counter()  # by target
        self._consumer, self._says, self._directory = consumer, says, directory
        self._stream, self._own = stream, own
        self._gap: ConsumerDrop | None = None
        self._failed_at = 0.0

    @property
    def is_open(self) -> bool:
        return self._gap is not None

    async def write(self, batch: Sequence[Event], write: Callable[[list[Event]], None]) -> bool:
        """In a thread, behind what is known to be lost before it; lost where there is no room.
        Whether a gap begins with it."""
        if self._rests:
            self._lose(batch)
            return False
        if not await asyncio.to_thread(self._has_room):
            self._goes_on(batch)
            return False
        try:
            await asyncio.to_thread(write, [*self.known(), *batch])
        except OSError as error:
            return self._failed(batch, error)
        if self.is_open:
            self._recovered()
        return False

    @property
    def _rests(self) -> bool:
        """Whether the last write failed a moment ago: nothing is tried."""
        return self.is_open and time.monotonic() - self._failed_at < AGAIN_S

    def _has_room(self) -> bool:
        """Whether it is worth a try. Blocking."""
        return not self.is_open or free_bytes(self._directory) >= ENOUGH

    def _goes_on(self, batch: Sequence[Event]) -> None:
        """There is no room yet."""
        self._lose(batch)
        self._failed_at = time.monotonic()
        self._publish(is_open=True)

    def _failed(self, batch: Sequence[Event], error: OSError) -> bool:
        """A write failed; whether the gap begins with it."""
        begins, reason = not self.is_open, error.strerror or "the disk failed"
        self._lose(batch, reason)
        self._failed_at = time.monotonic()
        if begins:
            self.error = f"{self._says.format('not ')} at the moment: {reason}"
            self._say(self.error, bad=True)
        self._publish(is_open=True)
        return begins

    def _lose(self, batch: Sequence[Event], reason: str = "") -> None:
        batches = [event for event in batch if isinstance(event, PacketBatch)]
        for event in batches:
            self.lost_packets[event.target] += len(event.packets)
        now = time.time()
        gap = self._gap or ConsumerDrop(
            now, "", self._consumer, 0, packets=0, since=now, cause=reason
        )
        packets = gap.packets + sum(len(event.packets) for event in batches)
        self._gap = replace(gap, events=gap.events + len(batch), packets=packets)
        self.lost += len(batch)

    def known(self, is_open: bool = False) -> Sequence[ConsumerDrop]:
        """What was lost until now, to be written before what comes next."""
        return () if self._gap is None else (replace(self._gap, at=time.time(), open=is_open),)

    def _recovered(self) -> None:
        """The disk has the gap; whoever else follows the session is given the end of it now."""
        for gap in self.known():
            lost = counted(gap.events, "event")
            self._say(f"{self._says.format('')} again, with {lost} missing before")
            self._publish()
        self._gap, self.error = None, ""

    def _publish(self, is_open: bool = False) -> None:
        for gap in self.known(is_open):
            self._stream.publish(gap, to_all_but=self._own)

    def _say(self, text: str, bad: bool = False) -> None:
        level: NoticeLevel = "warning" if bad else "information"
        self._stream.publish(Notice(time.time(), "", text, level))


def free_bytes(directory: Path) -> int:
    """Of its file system, for this user; more than any where that is not known."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return 1 << 62
    return found.f_bavail * found.f_frsize


class DiskReserve:
    """A file of a session's directory that is given back to a full disk in two parts, so that a gap
    can be written when it begins and when the session ends. Blocking."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / RESERVE
        try:
            with os.fdopen(open_new(self._path), "wb") as file:
                file.write(os.urandom(RESERVED))  # which no file system compresses
        except OSError:  # the disk is full already
            self.free()

    def free_part(self) -> None:
        with contextlib.suppress(OSError):
            os.truncate(self._path, RESERVED - PART)

    def free(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()
