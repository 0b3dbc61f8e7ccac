"""What a viewer of a shared session may ask for, and people as messages have them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from collectors.frozen import frozen
from collectors.recording.field_types import is_time
from collectors.sanitize import sanitize
from session.share.frames import PROTOCOL, FrameError, said
from session.share.person import NOTE_KEPT, Person, ScreenLook

LONGEST = 400  # characters of a target's key: a namespace of 63, a name of 253
BURST, PER_S = 20.0, 10.0  # messages of a viewer at once, and each second


@frozen
class JoinRequest:
    """The first message: which protocol the viewer speaks."""

    protocol: int


@frozen
class MarkRequest:
    text: str
    target: str


@frozen
class LookRequest:
    look: ScreenLook


@frozen
class DriveRequest:
    """To drive, or not to ask for that any more."""

    wants: bool


@frozen
class GiveRequest:
    """To hand the driver's place to the connection of that number."""

    to: int


Request = JoinRequest | MarkRequest | LookRequest | DriveRequest | GiveRequest


def request(body: bytes) -> Request:
    """What a viewer asks for, clean and within bounds. FrameError where it is nothing that one may
    ask for."""
    value = said(body)
    if (made := _REQUESTS.get(value["say"])) is None:
        raise FrameError("a request that a viewer cannot make")
    return made(value)


def _join(value: Mapping[str, Any]) -> JoinRequest:
    protocol = value.get("protocol")
    if type(protocol) is not int or protocol != PROTOCOL:
        raise FrameError(
            f"it speaks another version of the protocol than this podwire ({PROTOCOL}): use the"
            " podwire that shares"
        )
    return JoinRequest(protocol)


def _mark(value: Mapping[str, Any]) -> MarkRequest:
    return MarkRequest(_text(value, "text", NOTE_KEPT), _text(value, "target", LONGEST))


def _look(value: Mapping[str, Any]) -> LookRequest:
    return LookRequest(look_of(value))


def _drive(value: Mapping[str, Any]) -> DriveRequest:
    if type(wants := value.get("wants")) is not bool:
        raise FrameError("to drive is wanted or not: true or false")
    return DriveRequest(wants)


def _give(value: Mapping[str, Any]) -> GiveRequest:
    if type(to := value.get("to")) is not int:
        raise FrameError("a hand-over is to the number of a connection")
    return GiveRequest(to)


_REQUESTS: dict[str, Callable[[Mapping[str, Any]], Request]] = {
    "join": _join,
    "mark": _mark,
    "look": _look,
    "drive": _drive,
    "give": _give,
}


def _text(value: Mapping[str, Any], name: str, most: int) -> str:
    text = value.get(name, "")
    if not isinstance(text, str) or len(text) > most:
        raise FrameError(f"a text of more than {most} characters, or none")
    return sanitize(text.strip(), most)


def look_of(value: Mapping[str, Any]) -> ScreenLook:
    return ScreenLook(*(_text(value, name, LONGEST) for name in ("screen", "key", "view")))


def plain_look(look: ScreenLook) -> dict[str, str]:
    return {"screen": look.screen, "key": look.key, "view": look.view}


def plain_person(person: Person) -> dict[str, object]:
    names = ("name", "pid", "since", "lost", "drives", "number", "asks", "turn")
    return {name: getattr(person, name) for name in names} | plain_look(person.look)


def person_of(value: Mapping[str, Any]) -> Person:
    """FrameError where that is nobody."""
    pid, lost, number = (value.get(name) for name in ("pid", "lost", "number"))
    since = value.get("since")
    if not (isinstance(pid, int) and isinstance(lost, int) and isinstance(number, int)):
        raise FrameError("a person without a process or a number")
    if not isinstance(since, int | float) or not is_time(since):
        raise FrameError("a person without a time")
    return Person(
        _text(value, "name", LONGEST),
        pid,
        float(since),
        look=look_of(value),
        lost=lost,
        drives=value.get("drives") is True,
        number=number,
        asks=value.get("asks") is True,
        turn=turn if type(turn := value.get("turn")) is int else 0,
    )


class Allowance:
    """So many messages at once, and so many each second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left, self._at = BURST, clock()

    def use(self) -> None:
        """FrameError where there is none left."""
        now = self._clock()
        self._left = min(BURST, self._left + PER_S * (now - self._at)) - 1.0
        self._at = now
        if self._left < 0:
            raise FrameError(f"more than {PER_S:.0f} messages a second")
