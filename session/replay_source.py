"""A recorded session as a source that can be moved: its clock plays and goes to any time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from collectors.errors import ConfigError
from collectors.events import Event
from collectors.source import RecordedSource
from collectors.stream import Stream
from session.session_archive import SessionArchive
from session.store import Store


class ReplaySource(RecordedSource):
    """From its beginning until it is moved. One that has ended can be moved, and plays on."""

    def __init__(self, archive: SessionArchive, stream: Stream, speed: float = 0.0) -> None:
        super().__init__("", stream, speed)
        self.archive = archive
        self._next = 0.0  # number of the event that is played next

    def events(self) -> Iterator[Event]:
        is_empty = True
        try:
            for event in self.archive.events_from(self._next):
                is_empty = False
                yield event
        except OSError as error:
            raise ConfigError(_unreadable(error)) from None
        self.message = self.archive.left_out()
        if is_empty and not self._next:
            raise ConfigError("The recording holds nothing.")

    async def keep(self, event: Event) -> None:
        """What is said while it is played, at its time."""
        await asyncio.to_thread(self.archive.add, event)

    async def halt(self) -> None:
        """Publish no more until it is started again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self.state != "failed":
            self.state = "new"

    async def move(self, at: float, ahead: bool = False) -> Store:
        """Go to a time: what is known there, and `ahead` what begins there as well. It is not
        playing meanwhile, nor after. ConfigError where it cannot be read any more."""
        await self.halt()
        await self.stream.caught_up()
        try:
            state = await asyncio.to_thread(self.archive.state_at, at, ahead)
        except OSError as error:
            raise ConfigError(_unreadable(error)) from None
        self._next, self._position = state.next, at
        return state.store


def _unreadable(error: OSError) -> str:
    """A session of which something was removed meanwhile, or whose disk fails."""
    return f"The recording cannot be read any more: {error.strerror or error}."
