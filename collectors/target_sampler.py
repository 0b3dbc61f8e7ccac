"""A target that is being watched: its one sampler stream, kept up while the target lives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from collectors import remote_commands
from collectors.backoff import Backoff
from collectors.command_runner import STDERR, Runner
from collectors.errors import PodwireError, TargetGone
from collectors.events import Event, Mark, TargetPhase, TargetState
from collectors.kernel import packet_filters, sampler
from collectors.sanitize import sanitize_bytes
from collectors.stream import Stream
from collectors.target import Target

STEADY_S = 1.0  # a stream that lasted so long was well: what broke it is a new fault
ALIVE_S = 2.0  # a server that does not answer must not hold up the message
BIG_FRAME = 100_000  # characters: about 10 ms


class TargetSampler:
    """Runs the sampler at a target and publishes what it reads. `alive` raises TargetGone once it is."""

    def __init__(
        self,
        target: Target,
        runner: Runner,
        session: Stream,
        alive: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.target = target
        self.runner = runner
        self.session = session
        self.capabilities: int | None = None
        self._alive = alive
        self._pid: int | None = None
        self._settings: dict[str, int] = {}

    def _say(self, phase: TargetPhase, message: str = "") -> None:
        self.session.publish(TargetState(time.time(), self.target.key, phase, message))

    async def run(self) -> None:
        """Until cancelled, or until the target is gone."""
        beside = [asyncio.create_task(remote_commands.keep_marked(self.runner))]
        if self.target.kind == "node":
            beside.append(
                asyncio.create_task(
                    packet_filters.follow(self.runner, self.session, self.target.key)
                )
            )
        try:
            await self._sweep()
            await self._keep()
        finally:
            for task in beside:
                task.cancel()

    async def _sweep(self) -> None:
        if count := await remote_commands.sweep(self.runner):
            text = f"ended {count} commands that a console which is gone had left running here"
            self.session.publish(Mark(time.time(), self.target.key, "podwire", text))

    async def _keep(self) -> None:
        backoff = Backoff()
        while True:
            began, asked = time.monotonic(), 0.0
            try:
                reason = await self._stream()
            except PodwireError as error:
                reason, asked = str(error), error.retry_after
            except sampler.SamplerError as error:
                reason = str(error)
            if time.monotonic() - began > STEADY_S:
                backoff.reset()
            if await self._is_gone():
                return
            wait = backoff.next(asked)
            self._say("gap", f"{reason} Trying again in {wait:.0f} s.")
            await asyncio.sleep(wait)
            if self._pid is not None:  # where only the way to it broke, the old sampler still runs
                await remote_commands.end(self.runner, self._pid)

    async def _read(self, frame: sampler.SamplerFrame) -> list[Event]:
        """A frame's events; one of thousands of sockets is read in a thread, not on the UI's loop."""
        now, key = time.time(), self.target.key
        if frame.size > BIG_FRAME:
            return await asyncio.to_thread(
                lambda: list(sampler.events(frame, key, now, self._settings))
            )
        return list(sampler.events(frame, key, now, self._settings))

    async def _is_gone(self) -> bool:
        """Whether the target is no more, and say so. Where that cannot be told soon: no."""
        if self._alive is None:
            return False
        try:
            async with asyncio.timeout(ALIVE_S):
                await self._alive()
        except TargetGone as error:
            self._say("gone", str(error))
            return True
        except (PodwireError, TimeoutError):
            pass
        return False

    async def _stream(self) -> str:
        """One connection of the sampler; returns why it ended."""
        reader = sampler.FrameReader()
        running = await self.runner.start(sampler.command())
        said = b""
        try:
            first = True
            async for piece in running.output():
                if piece.channel == STDERR:
                    said = (said + piece.data)[-600:]
                    continue
                for frame in reader.feed(piece.data):
                    if first:
                        first = False
                        self.capabilities = sampler.capabilities(frame)
                        self._pid = sampler.process_id(frame)
                        self._say("live")
                    for event in await self._read(frame):
                        self.session.publish(event)
        finally:
            await running.close()
        ended = running.message or f"exit code {running.exit_code}"
        detail = sanitize_bytes(said.strip(), 200)
        return f"The sampler ended: {ended}.{f' It said: {detail}.' if detail else ''}"
