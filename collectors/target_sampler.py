"""One long-lived sampler in a target's network namespace, kept connected while the target lives."""

from __future__ import annotations

import asyncio
import time

from collectors import remote_commands
from collectors.backoff import Check, keep_connected
from collectors.command_runner import STDERR, Runner, Running
from collectors.conntrack import table_count
from collectors.errors import ExecError, PodwireError, TargetGone
from collectors.events import Event, Notice, TargetPhase, TargetState
from collectors.kernel import filter_rules, packet_filters, sampler, sampler_program
from collectors.sanitize import sanitize_bytes
from collectors.stream import Stream
from collectors.target import Target

BIG_FRAME = 100_000  # characters: about 10 ms
STDERR_KEPT = 600  # bytes


class TargetSampler:
    """Runs the sampler at a target and publishes what it reads. `alive` raises TargetGone once it
    is."""

    def __init__(
        self, target: Target, runner: Runner, stream: Stream, alive: Check | None = None
    ) -> None:
        self.target = target
        self.runner = runner
        self.stream = stream
        self.capabilities: int | None = None
        self._alive = alive
        self._pid: int | None = None
        self._settings: dict[str, int] = {}

    def _report(self, phase: TargetPhase, message: str = "") -> None:
        self.stream.publish(TargetState(time.time(), self.target.key, phase, message))

    async def run(self) -> None:
        """Until cancelled, or until the target is gone."""
        where = self.runner, self.stream, self.target.key
        helpers = [
            asyncio.create_task(remote_commands.keep_marked(self.runner)),
            asyncio.create_task(filter_rules.follow(*where)),
        ]
        if self.target.kind == "node":
            helpers.append(asyncio.create_task(packet_filters.follow(*where)))
            helpers.append(asyncio.create_task(table_count.follow(*where)))
        try:
            await self._sweep()
            await keep_connected(
                self._connect, alive=self._alive, on_gap=self._gap, clean_up=self._clean_up
            )
        except TargetGone as error:
            self._report("gone", str(error))
        finally:
            for task in helpers:
                task.cancel()

    async def _sweep(self) -> None:
        if count := await remote_commands.sweep(self.runner):
            text = f"ended {count} commands that an earlier console had left running here"
            self.stream.publish(Notice(time.time(), self.target.key, text))

    def _gap(self, reason: PodwireError, wait: float) -> None:
        self._report("gap", f"{reason} Trying again in {wait:.0f} s.")

    async def _clean_up(self) -> None:
        """Where only the connection broke, the old sampler still runs."""
        if self._pid is not None:
            await remote_commands.end(self.runner, self._pid)

    async def _connect(self) -> PodwireError:
        """One connection of the sampler; returns why it broke: a sampler never ends by itself."""
        try:
            return ExecError(await self._stream())
        except (PodwireError, sampler.SamplerError) as error:
            return error if isinstance(error, PodwireError) else ExecError(str(error))

    async def _stream(self) -> str:
        running = await self.runner.start(sampler_program.command())
        try:
            errors = await self._read(running)
        finally:
            await running.close()
        ended = running.message or f"exit code {running.exit_code}"
        detail = sanitize_bytes(errors.strip(), 200)
        return f"The sampler ended: {ended}.{f' Its last message: {detail}.' if detail else ''}"

    async def _read(self, running: Running) -> bytes:
        """Publish frames until the output ends; returns the end of standard error."""
        reader, errors, frames = sampler.FrameReader(), b"", 0
        async for piece in running.output():
            if piece.channel == STDERR:
                errors = (errors + piece.data)[-STDERR_KEPT:]
                continue
            for frame in reader.feed(piece.data):
                if not frames:
                    self._begin(frame)
                frames += 1
                for event in await self._events(frame):
                    self.stream.publish(event)
        return errors

    def _begin(self, frame: sampler.SamplerFrame) -> None:
        self.capabilities = sampler.capabilities(frame)
        self._pid = sampler.process_id(frame)
        self._report("live")

    async def _events(self, frame: sampler.SamplerFrame) -> list[Event]:
        """A frame's events; one of thousands of sockets is read in a thread, not on the UI's
        loop."""
        now, key = time.time(), self.target.key
        if frame.size > BIG_FRAME:
            return await asyncio.to_thread(
                lambda: list(sampler.events(frame, key, now, self._settings))
            )
        return list(sampler.events(frame, key, now, self._settings))
