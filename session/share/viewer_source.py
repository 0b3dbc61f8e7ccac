"""A session that somebody shares as a source: the state as it is, what comes after, and who is
there. Marks and requests go the other direction, and nothing that has an effect elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from collectors.errors import PodwireError
from collectors.events import ConsumerDrop, Event, TargetPhase, TargetState
from collectors.sanitize import sanitize
from collectors.source import Source
from session.share.frames import (
    EVENT,
    LEFT,
    MOST_OF_DRIVER,
    PROTOCOL,
    SHARED_NO_LONGER,
    FrameError,
    MessageReader,
    said,
    saying,
)
from session.share.people import person_of, plain_look
from session.share.person import Person, ScreenLook
from session.share.received_state import event_of, received_state
from session.share.viewer_queue import CAUSE
from session.targets import CLOSED

if TYPE_CHECKING:
    from session.engine import Engine
    from session.share.links import SessionLink

AT_ONCE = 1 << 18  # bytes that are read at once
LARGE = 1 << 16  # bytes of an event that is decoded in a thread
DROPS_KEPT = 1_000
MOST_PEOPLE = 100
NOBODY = -1  # no connection has that number
OVER = {  # how, as the header says it
    LEFT: "{} left",
    SHARED_NO_LONGER: "{} stopped sharing",
    "": "removed from the session of {}",
}


class ViewerSource(Source):
    """`owner` is the login name of whoever shares, `number` that of this connection; `ready` is
    set once the state is there. `ended`: how it ended and since when, in a few words."""

    def __init__(self, link: SessionLink, engine: Engine) -> None:
        super().__init__("", engine.stream)
        self.session = link.name
        self.owner = "the driver"
        self.number = NOBODY
        self.ended = ""
        self.people: list[Person] = []
        self.lost = 0  # events
        self.ready = asyncio.Event()
        self.heard = time.monotonic()  # when anything came
        self._engine, self._link = engine, link
        self._writer: asyncio.StreamWriter | None = None
        self._look = ScreenLook()
        self._over = ""
        self._state: list[bytes] | None = None  # while it arrives
        self._drops: list[ConsumerDrop] = []

    @property
    def refusal(self) -> str:
        return (
            f"joined: {self.owner} does it, whose session this is. * sets a mark that everybody"
            " sees."
        )

    def fail(self, message: str, phase: TargetPhase = "failed") -> None:
        self.ended = f"{self._over or 'connection lost'} at {time.strftime('%H:%M:%S')}"
        super().fail(message, phase)
        self._engine.notice(message, level="error")

    @property
    def silent_s(self) -> float:
        """Seconds for which nothing came, of a console that says something every 2 s."""
        return time.monotonic() - self.heard

    # --- to the driver

    def mark(self, text: str, key: str) -> None:
        """PodwireError where the driver's console is not there any more."""
        self._require_driver("No mark is set.")
        self._say(saying("mark", text=text.strip(), target=key))

    def looks(self, look: ScreenLook) -> None:
        """What is on the screen here."""
        if look != self._look:
            self._look = look
            self._say(saying("look", **plain_look(look)))

    def ask(self, wants: bool) -> None:
        """To drive, or no longer. PodwireError as of a mark."""
        self._require_driver("Nobody is asked.")
        self._say(saying("drive", wants=wants))

    def give(self, to: int) -> None:
        """The driver's place to a connection; only of effect where this one drives. PodwireError as
        of a mark."""
        self._require_driver("Nothing is handed over.")
        self._say(saying("give", to=to))

    def _require_driver(self, otherwise: str) -> None:
        if self.state != "running":
            raise PodwireError(f"{otherwise} {self.message}")

    def _say(self, data: bytes) -> None:
        if self._writer is not None and self.state == "running":
            self._writer.write(data)

    # --- from the driver

    async def run(self) -> None:
        try:
            reader, self._writer = await self._link.open(saying("join", protocol=PROTOCOL))
            await self._receive(reader)
        except FrameError as error:
            text = f"What {self.owner}'s console sent cannot be used: {error}."
            raise PodwireError(text) from None
        except OSError:
            self._broke_off()
        finally:
            await self._link.close()

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        frames = MessageReader(MOST_OF_DRIVER)
        while data := await reader.read(AT_ONCE):
            self.heard = time.monotonic()
            for body in frames.feed(data):
                await self._put(body)
        self._broke_off()

    def _broke_off(self) -> None:
        at, why = time.strftime("%H:%M:%S"), self._link.why()
        raise PodwireError(
            f"The connection to {self.owner}'s console broke off at {at}{why and f' ({why})'}: what"
            " is shown is of that time."
        ) from None

    async def _put(self, body: bytes) -> None:
        if self._state is not None and body[:1] == EVENT:
            self._state.append(body)
        elif body[:1] == EVENT:
            await self._publish(body)
        else:
            await self._hear(said(body), body)

    async def _publish(self, body: bytes) -> None:
        large = len(body) > LARGE
        event = await asyncio.to_thread(event_of, body) if large else event_of(body)
        if isinstance(event, ConsumerDrop) and event.cause == CAUSE:
            self._note_drop(event)
        if not self.stream.has_room():
            await self.stream.caught_up()
        self.stream.publish(event)

    def _note_drop(self, event: ConsumerDrop) -> None:
        self.lost += event.events
        self._drops = [*self._drops, event][-DROPS_KEPT:]

    async def _hear(self, value: Mapping[str, Any], body: bytes) -> None:
        say = value["say"]
        if say == "state":
            self.owner = sanitize(str(value.get("owner", "")), 64)
            self.session = sanitize(str(value.get("session", "")), 80)
            number = value.get("you")
            self.number = number if isinstance(number, int) else NOBODY
            self._state = []
        elif say == "lines" and self._state is not None:
            self._state.append(body)
        elif say == "live":
            await self._become()
        elif say == "people":
            self.people = [person_of(one) for one in _list(value, "people")[:MOST_PEOPLE]]
        elif say == "bye":
            how = OVER.get(str(value.get("how", "")), OVER[""])
            self._over = how.format(self.owner)
            raise PodwireError(sanitize(str(value.get("text", "")), 300))
        else:
            raise FrameError("a message that it should not send now")

    async def _become(self) -> None:
        """The store holds what the driver's does; losses of before stay on the timeline."""
        bodies, self._state = self._state or [], None
        store = await asyncio.to_thread(received_state, bodies)
        drops: list[Event] = list(self._drops)
        store.apply_all(drops)
        await self.stream.caught_up()
        closed = self._engine.store.targets.keys() - store.targets.keys()
        self._engine.store.become(store)
        for key in closed:
            self.stream.publish(TargetState(self.now(), key, "ended", CLOSED))
        self.ready.set()


def _list(value: Mapping[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise FrameError(f"a list of {name} that is none")
    return found
