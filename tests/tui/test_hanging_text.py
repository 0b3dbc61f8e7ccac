"""Long lines go on to the right of where they begin, and are copied as they are."""

from __future__ import annotations

from hypothesis import given, strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.selection import Selection

from tui.widgets.hanging_text import HangingText, folded

LINES = "spec:\n  args: one two three four five six\n\nend"


class OneText(App[None]):
    def compose(self) -> ComposeResult:
        yield HangingText(LINES)


async def test_what_is_selected_has_the_lines_as_they_were() -> None:
    app = OneText()
    async with app.run_test(size=(16, 12)) as pilot:
        await pilot.pause()
        text = app.query_one(HangingText)
        shown = [strip.text.rstrip() for strip in text.render_lines(text.size.region)]
        assert shown[:4] == ["spec:", "  args: one two", "    three four", "    five six"]
        assert text.get_selection(Selection(None, None)) == (LINES, "\n")
        part = Selection(Offset(4, 2), Offset(8, 3))
        assert text.get_selection(part) == ("three four five", "\n")
        await pilot.resize_terminal(60, 12)
        await pilot.pause()
        assert text.get_selection(Selection(None, None)) == (LINES, "\n") and text.size.height == 4


@given(st.lists(st.text("ab", min_size=1, max_size=9), max_size=12), st.integers(0, 6))
def test_no_word_is_lost_or_cut(words: list[str], begins: int) -> None:
    line = " " * begins + " ".join(words)
    rows = folded(line, 20)
    assert " ".join(rows).split() == words and all(len(row) <= 20 for row in rows)
    assert all(row.startswith(" " * (begins + 2)) for row in rows[1:])
