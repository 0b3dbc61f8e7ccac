"""What the lists of the target screen have in common; each list has a file of its own beside
this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from collectors.target import SCOPES
from session.store import Store
from session.target_data import TargetData
from tui import format as fmt
from tui.keymap import KEYS
from tui.widgets.row_list import ListState

Status = tuple[str, bool]  # text, whether it is bad news
Sort = tuple[str, Callable[[Any], Any]]  # its name, and the key
T = TypeVar("T")


def scope_of(key: str) -> str:
    """Which network namespace a target's figures describe."""
    return SCOPES.get(key.partition("/")[0], "recorded")  # type: ignore[call-overload, no-any-return]


class Panel:
    """A list. `key` is the target whose rows it shows; `words` filters lists that filter as you
    type."""

    name = ""
    placeholder = "words to find"
    has_words = True
    sorts: tuple[Sort, ...] = ()
    nothing = "nothing here yet"
    nothing_recorded = "nothing of this was recorded"
    live = True  # False where what is shown was recorded: nothing comes any more, no key starts it

    def __init__(self, store: Store, key: str, state: ListState) -> None:
        self.store = store
        self.key = key
        self.state = state
        self.words = ""
        self.sort = 0

    @property
    def data(self) -> TargetData:
        return self.store.target(self.key)

    def version(self) -> tuple[Any, ...]:
        """Equal as long as the rows are the same."""
        return ()

    def rows(self) -> Sequence[Any]:
        return []

    def note(self) -> str:
        """The figure beside the list's name."""
        return fmt.count(len(self.rows()))

    def status(self, shown: int) -> Status:
        """`shown` rows are in the list."""
        return "", False

    def empty(self) -> str:
        """Why there is no row, and what to press."""
        if self.words:
            hint = KEYS.fill("{target.back} clears the filter")
            return f"nothing matches {fmt.quoted(self.words)}: {hint}"
        return KEYS.fill(self.nothing) if self.live else self.nothing_recorded

    def next_sort(self) -> None:
        if self.sorts:
            self.sort = (self.sort + 1) % len(self.sorts)

    def _found(self, rows: Iterable[T], text_of: Callable[[T], str]) -> list[T]:
        """The rows whose text has every word, in the chosen order."""
        words = self.words.lower().split()
        if words:
            rows = [row for row in rows if all(word in text_of(row) for word in words)]
        return sorted(rows, key=self.sorts[self.sort][1]) if self.sorts else list(rows)

    def _shown(self, shown: int, one: str = "") -> list[str]:
        """The parts that most status lines begin with; `one` is what a row is."""
        parts = [scope_of(self.key), fmt.many(shown, one) if one else f"{fmt.count(shown)} shown"]
        if self.sorts:
            parts.append(f"sorted by {self.sorts[self.sort][0]}")
        if self.words:
            parts.append(f"matching {fmt.quoted(self.words)}")
        return parts


def read_from(data: TargetData) -> str:
    """From when on packets were read, where that is not the capture's start: a replay that went to
    a time reads those shortly before it."""
    return f"read from {fmt.clock(data.packets_from)}" if data.packets_from else ""


def none_read(what: str, data: TargetData) -> str:
    """Of a recording: which packets held none of it."""
    since = read_from(data)
    where = f"the packets {since}: earlier ones may have some" if since else "the packets read"
    return f"no {what} in {where}"


def joined(parts: Iterable[str]) -> str:
    """A status line of its parts; empty ones are left out."""
    return " " + " · ".join(part for part in parts if part)
