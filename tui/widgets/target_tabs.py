"""The tabs: the cluster, and each open target with its state."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from collectors.cluster.inventory.short_names import shortened
from collectors.frozen import frozen
from tui.widgets.header import GLYPHS

LEAST = 8  # cells of a name that can still be recognized


@frozen
class Tab:
    """`key` is the target's, '' the cluster's; `mood` as in the header; `capturing` is marked."""

    key: str
    mood: str = ""
    capturing: bool = False

    @property
    def name(self) -> str:
        kind, _, name = self.key.partition("/")
        if not self.key:
            return "cluster"
        short = shortened(name.rpartition("/")[2])
        return f"node/{short}" if kind == "node" else short


class Targets(Widget):
    """Shown where there is more than one tab."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "targets--on",
        "targets--off",
        "targets--good",
        "targets--warn",
        "targets--bad",
        "targets--dim",
    }

    class TabChosen(Message):
        """A tab was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._tabs: tuple[Tab, ...] = ()
        self._current = ""

    def show(self, tabs: tuple[Tab, ...], current: str) -> None:
        if (tabs, current) != (self._tabs, self._current):
            self._tabs, self._current = tabs, current
            self.refresh()
        self.display = len(tabs) > (2 if current else 1)

    def _pieces(self) -> list[tuple[Tab, str]]:
        """Each tab with its name, cut so that all fit, the longest names first."""
        room = self.size.width - sum(6 for _ in self._tabs)
        names = [tab.name for tab in self._tabs]
        longest = max(map(len, names), default=0)
        while longest > LEAST and sum(min(len(name), longest) for name in names) > room:
            longest -= 1
        return [
            (tab, name if len(name) <= longest else f"…{name[1 - longest :]}")
            for tab, name in zip(self._tabs, names, strict=True)
        ]

    def render(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        for tab, name in self._pieces():
            on = tab.key == self._current
            base = str(
                self.get_component_rich_style(f"targets--{'on' if on else 'off'}", partial=True)
            )
            text.append(" ", base)
            if tab.mood:
                mood = str(self.get_component_rich_style(f"targets--{tab.mood}", partial=True))
                text.append(GLYPHS[tab.mood], base if on else mood)
                text.append(" ", base)
            text.append(f"{name}{' ◉' if tab.capturing else ''} ", base)
            text.append(" ")
        return text

    def on_click(self, event: events.Click) -> None:
        start = 0
        for tab, name in self._pieces():
            width = len(name) + 3 + 2 * bool(tab.mood) + 2 * tab.capturing
            if start <= event.x < start + width:
                self.post_message(self.TabChosen(tab.key))
                return
            start += width
