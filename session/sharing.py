"""Whether this console's session is shared: `S` begins and ends that."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from collectors.errors import ConfigError

if TYPE_CHECKING:  # most consoles share nothing
    from session.controller import Controller
    from session.share.people import Person
    from session.share.share import SharedSession
    from session.store_feed import StoreFeed


class Sharing:
    """`share` is None where the session is not shared."""

    def __init__(self, control: Controller, feed: StoreFeed) -> None:
        self.share: SharedSession | None = None
        self._control, self._feed = control, feed

    @property
    def people(self) -> list[Person]:
        """Who is in the session, the driver first; nobody where it is not shared."""
        if self._control.joined is not None:
            return self._control.joined.people
        return self.share.people if self.share is not None else []

    def begin(self) -> None:
        """ConfigError where that cannot be."""
        if self._control.joined is not None:
            raise ConfigError(f"This console joined: only {self._control.joined.driver} shares it.")
        if not self._control.live:
            raise ConfigError(
                "Only a live session is shared: of a recording or a capture, give away the file."
            )
        from session.share.share import SharedSession

        if self.share is None:
            self.share = SharedSession(self._control, self._feed, self._name())

    def _name(self) -> str:
        """Of the session as it is recorded."""
        recording = self._control.captures.kept_by
        if recording is not None:
            return recording.directory.name
        return f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"

    async def end(self) -> None:
        if self.share is not None:
            share, self.share = self.share, None
            await share.close()
