"""One line of text over the lowest row; it has the keys while it is open."""

from __future__ import annotations

from textual.widget import Widget
from textual.widgets import Input

from tui.pasted_text import LONGEST


class FilterBox(Input, can_focus=False):
    """Closed until `open`. Its cursor does not blink: over SSH every repaint costs."""

    def __init__(self, **options: str) -> None:
        super().__init__(max_length=LONGEST, **options)  # type: ignore[arg-type]
        self._after: Widget | None = None

    def on_mount(self) -> None:
        self.cursor_blink = False

    # The box always stays in the layout, below the screen's edge while it is closed. To show and
    # hide it would need a refresh, and a fast typist's keys would go to the list meanwhile.

    def open(self, after: Widget) -> None:
        """Get the keys; `after` has them again when it closes."""
        self._after = after
        self.can_focus = True
        self.styles.offset = (0, -1)
        self.screen.set_focus(self)

    def close(self) -> None:
        self.screen.set_focus(self._after)
        self.can_focus = False
        self.styles.offset = (0, 9)

    async def action_submit(self) -> None:
        """Closes at once: what is typed after Enter is for the list."""
        if self.can_focus:
            await super().action_submit()
            self.close()
