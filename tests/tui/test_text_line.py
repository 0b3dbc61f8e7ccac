"""A status line that is cut says so."""

from __future__ import annotations

from textual.app import App, ComposeResult

from tui.widgets.text_line import TextLine


class Line(App[None]):
    def compose(self) -> ComposeResult:
        yield TextLine(id="line")


async def test_an_ellipsis_stands_for_what_does_not_fit() -> None:
    app = Line()
    async with app.run_test(size=(40, 5)) as pilot:
        line = app.query_one(TextLine)
        for text, shown in (("x" * 41, "x" * 39 + "…"), ("x" * 40, "x" * 40), ("short", "short")):
            line.show(text)
            await pilot.pause(0.05)
            strip = app.screen._compositor.render_strips()[0]
            assert strip.text.rstrip() == shown
