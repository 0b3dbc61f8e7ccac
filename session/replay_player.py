"""What plays a recorded session in a console: play and pause, speed, and going to a time, a finding
or a mark. Going there is one thing: the store becomes what was known at that time.

Where rules of today are asked for, they look at all of it once, beside what is played; until that
is done, what they find where one is began "before" that time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from collectors.errors import ConfigError
from collectors.frozen import frozen
from session.findings_again import findings_again
from session.replay_time import time_within
from session.wall_clock import same_day

if TYPE_CHECKING:
    from collectors.events import Event
    from session.controller import Controller
    from session.replay_source import ReplaySource
    from session.session_archive import Rare

SPEEDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
NEAR_S = 0.5  # a finding that one has just gone to is not the one before


@frozen
class ReplayClock:
    """Where a replay is: a time, how fast it plays, and whether it does."""

    at: float
    speed: float
    playing: bool
    at_end: bool
    of_days: bool = False  # the recording is of more than one day
    looked: float | None = None  # the share of it that rules of today have looked at


class ReplayPlayer:
    """`with_rules`: findings are those of today's rules. On the event loop."""

    def __init__(self, control: Controller, source: ReplaySource, with_rules: bool) -> None:
        self.source = source
        self.with_rules = with_rules
        self._control = control
        self._wanted: float | None = None
        self._ahead = False  # what begins there is shown, which was found later
        self._is_going = False
        self._moving = asyncio.Lock()
        self._looks_again = False
        self._came_to = 0.0
        self._found: list[Rare] | None = None  # in all of it, by rules of today
        self._playing = False
        source.speed = SPEEDS[0]
        source.pause()
        control.live = False
        control.replay = self
        control.diagnosis.enabled = False
        if with_rules:
            source.before_event = control.diagnosis.advance

    # --- questions

    @property
    def began(self) -> float:
        return self.source.archive.began

    @property
    def ended(self) -> float:
        return self.source.archive.ended

    def now(self) -> float:
        """Where it goes, or is."""
        return self._wanted if self._wanted is not None else self.source.now()

    @property
    def shown_at(self) -> float:
        """While it goes elsewhere, still where it was: figures are of that time."""
        return self.source.now()

    @property
    def clock(self) -> ReplayClock:
        at_end = self.source.state == "ended" or self.now() >= self.ended
        return ReplayClock(
            self.now(),
            self.source.speed,
            playing=self._playing and not at_end,
            at_end=at_end,
            of_days=not same_day(self.began, self.ended),
            looked=self._looked(),
        )

    def _looked(self) -> float | None:
        """None where rules of today do not look at it, or have."""
        if not self.with_rules:
            return None
        span = self.ended - self.began
        return max(0.0, min(1.0, (self._came_to - self.began) / span)) if span > 0 else 0.0

    def _come_to(self, at: float) -> None:
        """In another thread."""
        self._came_to = at

    # --- playing

    def toggle(self) -> None:
        """Play or pause; from its end it plays again from the beginning."""
        if self.clock.at_end:
            self._set_playing(True)
            self.go(self.began)
        else:
            self._set_playing(not self._playing)

    def _set_playing(self, playing: bool) -> None:
        self._playing = playing
        if playing:
            self.source.resume()
        else:
            self.source.pause()

    def change_speed(self, steps: int) -> None:
        place = SPEEDS.index(self.source.speed) + steps
        self.source.speed = SPEEDS[max(0, min(len(SPEEDS) - 1, place))]

    # --- going to a time

    def skip(self, seconds: float) -> None:
        self.go(self.now() + seconds)

    def go_to(self, text: str) -> None:
        """ConfigError where that is not a time of the recording."""
        self.go(time_within(text, self.began, self.ended, self.now()))

    def go(self, at: float, ahead: bool = False) -> None:
        """Of many in short order only the last is gone to."""
        self._wanted, self._ahead = max(self.began, min(at, self.ended)), ahead
        if not self._is_going:
            self._is_going = True
            self._control.tasks.spawn(self._go())

    async def _go(self) -> None:
        try:
            while (at := self._wanted) is not None:
                await self._moved(at, self._ahead)
                if self._wanted == at:
                    self._wanted = None
        finally:
            self._is_going = False

    async def _moved(self, at: float, ahead: bool) -> None:
        """Where that fails, it says so and stays where it was."""
        try:
            await self.move(at, ahead)
        except ConfigError as error:
            self._set_playing(False)
            self._control.notice(str(error), level="error")

    async def move(self, at: float, ahead: bool = False) -> None:
        """Be at a time, and go on from there where it plays."""
        control = self._control
        async with self._moving:
            await self._put_found()
            store = await self.source.move(at, ahead)
            control.store.become(store)
            if self.with_rules:
                control.store.findings.known_from = at if at > self.began else 0.0
                await control.diagnosis.begin_at(at)
            control.tasks.watch(self.source.start())
        if self.with_rules and not self._looks_again:
            self._looks_again = True
            control.tasks.spawn(self._look_again())

    async def _look_again(self) -> None:
        try:
            self._found = await findings_again(self.source.archive, self._come_to)
        except (OSError, ConfigError) as error:
            text = f"The rules of this version could not look at all of the recording: {error}"
            self._control.notice(text, level="error")
        else:
            self.go(self.now(), self._ahead)

    async def _put_found(self) -> None:
        """From here on they are replayed, as those of a recording are."""
        if self._found is not None:
            await self.source.halt()
            self.source.archive.put_findings(self._found)
            self._found, self.with_rules, self.source.before_event = None, False, None

    def go_to_finding(self, direction: int) -> bool:
        """To when the next (1) or previous (-1) began, with what was found of it some seconds
        later; False where there is none."""
        times = set(self.source.archive.finding_times)
        if self.with_rules:  # those that were found since one went somewhere
            times |= {span.since for span in self._control.store.findings.spans}
        return self._go_to_next({max(at, self.began) for at in times}, direction, ahead=True)

    def go_to_mark(self, direction: int) -> bool:
        return self._go_to_next(self.source.archive.mark_times, direction)

    def _go_to_next(self, times: Iterable[float], direction: int, ahead: bool = False) -> bool:
        now = self.now()
        later = [at for at in times if (at - now) * direction > NEAR_S]
        if later:
            self.go(min(later) if direction > 0 else max(later), ahead)
        return bool(later)

    def keep(self, event: Event) -> None:
        """What somebody says meanwhile stays at its time until the console is left."""
        self._control.tasks.spawn(self.source.keep(event))
