"""Text whose long lines go on a little to the right of where they begin."""

from __future__ import annotations

import textwrap

from textual import events
from textual.selection import Selection
from textual.widgets import Static

HANG = 2  # cells


class HangingText(Static):
    """What is selected in it has the lines as they were given."""

    def __init__(self, text: str) -> None:
        super().__init__(text, markup=False)
        self._given = text.split("\n")
        self._goes_on: list[bool] = []  # by row: whether it is the rest of a line

    def on_resize(self, event: events.Resize) -> None:
        rows = [folded(line, event.size.width) for line in self._given]
        self._goes_on = [number > 0 for row in rows for number in range(len(row))]
        self.update("\n".join(part for row in rows for part in row))

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        found = super().get_selection(selection)
        if found is None:
            return None
        first, *others = found[0].split("\n")
        start = selection.start.y if selection.start else 0
        goes_on = self._goes_on[start + 1 :]
        rest = (
            f" {row.lstrip()}" if joins else f"\n{row}"
            for row, joins in zip(others, goes_on, strict=False)
        )
        return first + "".join(rest), found[1]


def folded(line: str, width: int) -> list[str]:
    """Rows of at most `width` characters; a word that is longer stays whole."""
    begins = len(line) - len(line.lstrip())
    wrapped = textwrap.wrap(
        line,
        max(width, 1),
        subsequent_indent=" " * min(begins + HANG, width // 2),
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        expand_tabs=False,
    )
    return wrapped or [""]
