"""What is pasted into a text box: it comes from a page or a file that may hold escape sequences."""

from __future__ import annotations

from textual.events import Paste
from textual.widget import Widget
from textual.widgets import Input

from collectors.sanitize import sanitize

LONGEST = 2_000  # characters: filters are shorter


def safe_paste(event: Paste, box: Widget | None) -> Paste:
    """Its first line that is not empty, with what would move the cursor made visible, as far as
    the box has room."""
    room = LONGEST
    if isinstance(box, Input):
        kept = len(box.value) - len(box.selected_text)
        room = min(LONGEST, max(0, (box.max_length or LONGEST) - kept))
    line = next(filter(None, map(str.strip, event.text[: 4 * LONGEST].splitlines())), "")
    return Paste(sanitize(line, LONGEST)[:room])
