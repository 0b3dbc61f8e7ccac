"""Captures at the open targets: one a target, kept on disk as they go."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from collectors.errors import CaptureError, PodwireError
from collectors.frozen import slotted
from collectors.plural import counted
from session.files import file_stem, save_packets, session_directory

if TYPE_CHECKING:  # imported where it is used: the first frame does not wait for it
    from collectors.capture.capture import Capture
    from collectors.capture.pcap_files import PcapFiles
    from session.engine import Engine
    from session.recording import SessionRecording
    from session.targets import OpenTargets, WatchedTarget

STOP_S = 1.5  # tcpdump's last counts come within that, or not at all


@slotted
class RunningCapture:
    capture: Capture
    task: asyncio.Task[None]

    async def stop(self) -> None:
        if self.task.done():
            return
        await self.capture.stop()
        await asyncio.wait({self.task}, timeout=STOP_S)
        self.task.cancel()


class Captures:
    """`directory` is where this session's captures are kept; None before the first. `kept_by` is
    the recording of the session, where there is one, with its packets: they are stored once."""

    def __init__(self, engine: Engine, targets: OpenTargets) -> None:
        self.directory: Path | None = None
        self.kept_by: SessionRecording | None = None
        self._engine = engine
        self._targets = targets
        self._numbers = itertools.count(1)
        self._running: dict[str, RunningCapture] = {}

    def start(self, key: str, expression: str) -> None:
        """Capture in place of what runs there. A filter that tcpdump refuses changes nothing."""
        self._engine.tasks.spawn(self._start(key, expression))

    async def _start(self, key: str, expression: str) -> None:
        watched = self._targets.get(key)
        if watched is None or watched.runner is None:
            return
        new = await self._new(watched, expression)
        if await self._is_accepted(new, expression):
            await self.stop(key)
            self._running[key] = RunningCapture(new, self._engine.tasks.spawn(new.run()))

    async def _new(self, watched: WatchedTarget, expression: str) -> Capture:
        from collectors.capture.capture import Capture

        assert watched.runner is not None
        number, key = next(self._numbers), watched.target.key
        recording = self.kept_by
        if recording is not None and not await recording.has_files():
            recording = None
        return Capture(
            number,
            watched.target,
            watched.runner,
            self._engine.stream,
            expression,
            segments=None if recording else await self._files(key, number),
            alive=watched.alive,
            kept_by=recording.keeper(key) if recording else None,
        )

    async def _is_accepted(self, new: Capture, expression: str) -> bool:
        """Whether the tcpdump there can use the filter; if not, say why."""
        from collectors.capture import capture

        runner = self._targets.runner(new.target.key, "capture filter")
        assert runner is not None
        try:
            new.expression = capture.checked(expression)
            await capture.check(runner, new.expression)
        except CaptureError as error:
            refused = "Filter refused, nothing changed" if expression else "No capture here"
            new.say("failed", f"{refused}: {error}")
        except PodwireError as error:
            new.say("failed", str(error))
        else:
            return True
        return False

    async def _files(self, key: str, number: int) -> PcapFiles | None:
        """Where a capture is kept on disk; None, and a notice, where that cannot be."""
        from collectors.capture.pcap_files import PcapFiles

        self.directory = self.directory or await self._new_directory(key)
        if self.directory is None:
            return None
        return PcapFiles(self.directory, f"{file_stem(key)}-{number}")

    async def _new_directory(self, key: str) -> Path | None:
        try:
            return await asyncio.to_thread(session_directory)
        except OSError as error:
            reason = f"captures are not kept on disk: {error.strerror}"
            self._engine.notice(f"{reason}; w still saves what is in the list", key, "warning")
            return None

    async def stop(self, key: str) -> None:
        if running := self._running.pop(key, None):
            await running.stop()

    async def stop_all(self) -> None:
        await asyncio.gather(*(self.stop(key) for key in list(self._running)))

    def is_running(self, key: str) -> bool:
        running = self._running.get(key)
        return running is not None and not running.task.done()

    def any_running(self) -> bool:
        return any(self.is_running(key) for key in self._running)

    def kept_text(self) -> str:
        """Whether the packets of what runs are on disk, and how many are not, to show."""
        running = (key for key in self._running if self.is_running(key))
        states = [self._engine.store.target(key).capture for key in running]
        if missing := sum(one.dropped_disk for one in states if one is not None):
            return f"{counted(missing, 'packet')} are not on disk, the others stay there"
        is_kept = all(one is None or one.kept for one in states)
        return "Its packets stay on disk" if is_kept else "Its packets are not kept on disk"

    async def save(self, key: str) -> Path:
        """Write the packets in memory to a new pcap (0600). CaptureError where there are none,
        OSError where they cannot be written."""
        lines = self._engine.store.target(key).packets[:]
        path = await asyncio.to_thread(save_packets, key, lines)
        self._engine.notice(f"packets saved to {path}", key)
        return path
