"""The first line: target, context, namespace, user, and whether it is live."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.widget import Widget

from collectors.cluster.inventory.short_names import shortened
from collectors.frozen import frozen


@frozen
class HeaderData:
    context: str = ""
    namespace: str = ""
    target: str = ""
    user: str = ""
    state: str = ""  # a word
    mood: str = "dim"  # good, warn, bad, dim
    alert: str = ""  # what the diagnosis says, in a few words
    alert_mood: str = "warn"
    shared: str = ""  # with how many, or whose session was joined
    replay: str = ""  # of what was recorded: where it is, how fast it plays


LONG, LONGEST = 24, 40  # cells of a name that may be cut, and of a cut one
OF_PLACE = 10  # cells at least that are left of the state
BRAND = "podwire"
GLYPHS = {"good": "●", "warn": "◐", "bad": "✕", "dim": "○"}


class Header(Widget):
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "header--label",
        "header--strong",
        "header--good",
        "header--warn",
        "header--bad",
        "header--dim",
    }

    def __init__(self, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.data = HeaderData()

    def show(self, data: HeaderData) -> None:
        if data != self.data:
            self.data = data
            self.refresh()

    def _style(self, name: str) -> str:
        return str(self.get_component_rich_style(f"header--{name}", partial=True))

    def render(self) -> Text:
        if not self.data.state:  # nothing was drawn yet
            return Text(" podwire", self._style("label"))
        width = self.size.width
        state = self._state(width)
        text = self._place(width - state.cell_len - 1)
        text.truncate(max(10, width - state.cell_len - 1), overflow="ellipsis")
        text.append(" " * max(1, width - text.cell_len - state.cell_len))
        return text.append(state)

    def _state(self, width: int) -> Text:
        """Right: the alert of the diagnosis, and the state."""
        data, text, state = self.data, Text(), Text()
        if data.alert:
            text.append(f"▲ {data.alert} ", self._style(data.alert_mood))
            text.append(" ")
        state.append(f"{GLYPHS[data.mood]} {data.state} ", self._style(data.mood))
        if data.replay:
            state.append(f"{data.replay} ", self._style("strong"))
        if data.shared:
            shared = _fitting(data.shared, width - OF_PLACE - text.cell_len - state.cell_len - 2)
            text.append(f"{shared}  ", self._style("strong"))
        return text.append(state)

    def _place(self, room: int) -> Text:
        """Left: target, context, namespace and user. Where `room` cells are short the target's
        name is cut, and what does not fit beside it is left out: what is cut is another name."""
        target = self.data.target or "cluster"
        parts = (("ctx ", self.data.context), ("ns ", self.data.namespace), ("as ", self.data.user))
        known = [(label, value) for label, value in parts if value]
        brand = len(BRAND) + 3
        wanted = brand + len(target) + sum(map(_cells, known))
        name = _cut(target) if wanted > room else target
        text = Text(" ", no_wrap=True, overflow="ellipsis")
        if brand + len(name) <= room:
            text.append(BRAND, self._style("label"))
            text.append("  ")
        text.append(name, self._style("strong"))
        for label, value in known:
            if text.cell_len + _cells((label, value)) > room:
                break
            text.append("  ")
            text.append(label, self._style("label"))
            text.append(value)
        return text


def _fitting(shared: str, room: int) -> str:
    """Without its first parts where there is no room for them: who asks to drive is the last."""
    while len(shared) > room and ", " in shared:
        shared = shared.partition(", ")[2]
    return shared


def _cells(part: tuple[str, str]) -> int:
    return 2 + len(part[0]) + len(part[1])


def _cut(name: str) -> str:
    """A long name cut in the middle of its words, or from the left: the end identifies it."""
    if len(name) <= LONG:
        return name
    short = " ".join(shortened(word) for word in name.split(" "))
    return short if len(short) <= LONGEST else "…" + short[1 - LONGEST :]
