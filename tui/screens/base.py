"""What every screen of the console shares: the store it reads, the requests it may make, a steady refresh."""

from __future__ import annotations

from textual.screen import Screen
from textual.widgets import Input

from tui.control import Control
from tui.store import Store
from tui.widgets.header import Header, HeaderData

REFRESH_S = 0.5


class ConsoleScreen(Screen[None]):
    def __init__(self, store: Store, control: Control) -> None:
        super().__init__()
        self.store = store
        self.control = control

    def on_mount(self) -> None:
        self.set_interval(REFRESH_S, self._pull_if_there)
        self.call_after_refresh(self._pull_if_there)

    def _pull_if_there(self) -> None:
        """A screen that is being left has no widgets any more."""
        if self.is_current and self.query(Header):
            self.pull()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No action on a screen that is not drawn yet; `/` in a text box is a character."""
        if not self.query(Header):
            return False
        return not (action == "filter" and isinstance(self.focused, Input))

    def pull(self) -> None:
        """Take the present state from the store; widgets redraw only what differs."""
        raise NotImplementedError

    def header_data(self) -> HeaderData:
        raise NotImplementedError

    def show_header(self) -> None:
        self.query_one(Header).show(self.header_data())

    def say(self, text: str, severity: str = "information") -> None:
        """A short message to the user; never markup."""
        self.notify(text, severity=severity, markup=False, timeout=6)  # type: ignore[arg-type]
