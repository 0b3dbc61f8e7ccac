"""The line of keys at the foot of a screen: each whole. Where not all fit, the more important ones
stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual import events
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

# names of actions, the most important first; what a screen has of its own comes after these
FIRST = ("help", "play", "back", "findings", "leave")
AROUND = 3  # columns beside the texts of a key


class KeyFooter(Footer):
    def compose(self) -> Iterator[Widget]:
        yield from self._wanted()

    async def recompose(self) -> None:
        """Not where it shows the same keys already: Textual asks for it with each change of what
        has the focus."""
        if self.is_attached and self._differs():
            await super().recompose()

    def _differs(self) -> bool:
        return list(map(_drawn, self._wanted())) != list(map(_drawn, self.query(FooterKey)))

    def _wanted(self) -> list[FooterKey]:
        known = [one for one in super().compose() if isinstance(one, FooterKey)]
        return whole(known, self.app.size.width)

    def on_resize(self, event: events.Resize) -> None:
        if self.query(FooterKey):
            self.call_after_refresh(self.recompose)


def whole(keys: Sequence[FooterKey], width: int) -> list[FooterKey]:
    """Those that fit into so many columns, in the same order."""
    kept = list(keys)
    for one in sorted(keys, key=_place)[::-1]:
        if sum(map(_width, kept)) > width:
            kept.remove(one)
    return kept


def _drawn(key: FooterKey) -> tuple[object, ...]:
    """All of a key that makes a difference."""
    shown = (key.key_display, key.description, key.tooltip)
    return (key.key, key.action, *shown, key.has_class("-disabled"))


def _place(key: FooterKey) -> int:
    return FIRST.index(key.action) if key.action in FIRST else len(FIRST)


def _width(key: FooterKey) -> int:
    return len(key.key_display) + len(key.description) + AROUND
