"""Who is in a shared session, and where each one looks: plain values, for screens as well."""

from __future__ import annotations

from collections.abc import Sequence

from collectors.frozen import frozen

NOTE_KEPT = 300  # characters of a mark's note


@frozen
class ScreenLook:
    """What somebody has on the screen: its name (cluster, target, findings), the target's key, and
    which of its lists."""

    screen: str = ""
    key: str = ""
    view: str = ""

    @property
    def text(self) -> str:
        where = self.key.partition("/")[2]
        return " ".join(part for part in (self.screen, where, self.view) if part)


@frozen
class Person:
    """`since` when (epoch) they are there; `lost` events that their console was too slow for.
    `number` is their connection's: 0 is the console whose session it is. `drives`: all follow
    them; `asks`: they want to, and were the `turn`th (from 1) of those to ask for it."""

    name: str
    pid: int
    since: float
    look: ScreenLook = ScreenLook()
    lost: int = 0
    drives: bool = False
    number: int = 0
    asks: bool = False
    turn: int = 0


def label(person: Person, people: Sequence[Person]) -> str:
    """Their name; with their process where others have that name as well."""
    others = (one for one in people if one.number != person.number)
    if person.pid and any(one.name == person.name for one in others):
        return f"{person.name} ({person.pid})"
    return person.name
