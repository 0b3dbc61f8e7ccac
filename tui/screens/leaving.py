"""A screen is left once: keys that come together do not leave the one below it as well."""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, Screen, ScreenResultType


class LeftOnce(Screen[ScreenResultType]):
    """Ends only while it is on top: Textual removes whichever screen is."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        if self.app.screen is not self:
            return AwaitComplete()
        return super().dismiss(result)


class Dialog(LeftOnce[ScreenResultType], ModalScreen[ScreenResultType]):
    """Above what it asks about."""
