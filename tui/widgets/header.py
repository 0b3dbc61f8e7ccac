"""The line that always says: context, namespace, target, user, live or not."""

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
        data, width = self.data, self.size.width
        state = Text()
        if data.alert:
            state.append(f"▲ {data.alert} ", self._style(data.alert_mood))
            state.append(" ")
        state.append(f"{GLYPHS[data.mood]} {data.state} ", self._style(data.mood))
        place = (
            ("ctx ", data.context),
            ("ns ", data.namespace or ("all" if data.context else "")),
            ("as ", data.user),
        )
        parts = [("", data.target or "cluster"), *place]
        text = Text(" ", no_wrap=True, overflow="ellipsis")
        text.append("podwire", self._style("label"))
        room = width - state.cell_len - 10
        wanted = sum(len(a) + len(b) + 3 for a, b in parts)
        over = max(0, wanted - room)
        for label, value in parts:
            if not value:
                continue
            if (
                over and not label and len(value) > 24
            ):  # the target's name gives way first: its end tells most
                value = " ".join(shortened(word) for word in value.split(" "))
                value = value if len(value) <= 40 else "…" + value[-39:]
            text.append("  ")
            text.append(label, self._style("label"))
            text.append(value, self._style("strong") if not label else "")
        text.truncate(max(10, width - state.cell_len - 1), overflow="ellipsis")
        text.append(" " * max(1, width - text.cell_len - state.cell_len))
        return text.append(state)
