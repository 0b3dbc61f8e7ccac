"""Whether this console's session is shared: `S` begins and ends that."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from collectors.errors import ConfigError

if TYPE_CHECKING:  # most consoles share nothing
    from session.controller import Controller
    from session.share.person import Person
    from session.share.share import SharedSession
    from session.share.viewer_source import ViewerSource
    from session.store_feed import StoreFeed


NOT_SHARED = "This session is not shared: S shares it."
LIVE_ONLY = "Only a live session is shared: of a recording or a capture, give away the file."


class Sharing:
    """`share` is None where the session is not shared; members of `group` may join as well as the
    same user, where one is named."""

    def __init__(self, control: Controller, feed: StoreFeed) -> None:
        self.share: SharedSession | None = None
        self.group = ""
        self._control, self._feed = control, feed

    @property
    def people(self) -> list[Person]:
        """Who is in the session, the driver first; nobody where it is not shared, or over."""
        if (joined := self._control.joined) is not None:
            return [] if joined.ended else joined.people
        return self.share.people if self.share is not None else []

    @property
    def number(self) -> int:
        """This console's own among `people`."""
        return self._control.joined.number if self._control.joined is not None else 0

    @property
    def driver(self) -> Person | None:
        return next((person for person in self.people if person.drives), None)

    @property
    def drives(self) -> bool:
        """Whether everybody follows this console."""
        return self.driver is not None and self.driver.number == self.number

    @property
    def asking(self) -> list[Person]:
        """Who wants to drive, by when they asked: the first is granted it."""
        return sorted((one for one in self.people if one.asks), key=lambda person: person.turn)

    @property
    def none_shared(self) -> str:
        """Why nobody is here, of a console that joined none and shares none: as `S` says."""
        return NOT_SHARED if self._control.live else LIVE_ONLY

    def hand_over(self, chosen: Person | None = None) -> str:
        """Who drives gives that to the one chosen, or the first who asks, or back to the owner; the
        owner may have it back at any time; all others ask for it, or no longer. What that did, a
        sentence. PodwireError where the other console is not there any more."""
        if self.driver is None and self._control.joined is None:
            return self.none_shared
        if self.drives:
            return self._give(chosen)
        if self._control.joined is None:
            self._give_to(0)
            return "You drive again."
        return self._ask(self._control.joined)

    def _ask(self, joined: ViewerSource) -> str:
        wants = not any(person.number == self.number for person in self.asking)
        joined.ask(wants)
        return "You ask to drive: H withdraws it." if wants else "You no longer ask to drive."

    def _give(self, chosen: Person | None) -> str:
        asking = self.asking
        wanted = [one for one in asking if chosen is not None and one.number == chosen.number]
        for person in [*wanted, *asking][:1]:
            self._give_to(person.number)
            return f"You hand over to {person.name}: F follows."
        if self._control.joined is None:
            return "Nobody asks to drive: whoever joined does that by H."
        self._give_to(0)
        return f"You hand over to {self._control.joined.owner}, whose session it is."

    def _give_to(self, number: int) -> None:
        if self._control.joined is not None:
            self._control.joined.give(number)
        elif self.share is not None:
            self.share.give(number)

    def begin(self) -> None:
        """ConfigError where that cannot be."""
        if self._control.joined is not None:
            raise ConfigError(f"This console joined: only {self._control.joined.owner} shares it.")
        if not self._control.live:
            raise ConfigError(LIVE_ONLY)
        from session.share.share import SharedSession

        if self.share is None:
            self.share = SharedSession(self._control, self._feed, self._name(), self.group)

    def _name(self) -> str:
        """Of the session as it is recorded."""
        recording = self._control.captures.kept_by
        if recording is not None:
            return recording.directory.name
        return f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"

    async def end(self, leaves: bool = False) -> None:
        """`leaves`: the console ends as well."""
        if self.share is not None:
            share, self.share = self.share, None
            await share.close(leaves)
