"""The first line where there is little room: what is left out, and what never is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.app import App, ComposeResult

from tui.widgets.header import Header, HeaderData

ASKED = "joined root, root (3640) drives, you asked to drive"


class Line(App[None]):
    def compose(self) -> ComposeResult:
        yield Header()


@pytest.mark.parametrize(
    ("alert", "shared", "shown"),
    [
        ("", "joined root", "joined root  ● live "),
        ("", ASKED, f"{ASKED}  ● live "),
        ("1 critical", ASKED, "root (3640) drives, you asked to drive  ● live "),
        ("12 critical, 3 warnings", ASKED, "you asked to drive  ● live "),
        ("1 critical", ASKED.replace("root", "a-long-login-name"), "you asked to drive  ● live "),
    ],
)
async def test_the_state_is_whole_whoever_drives(alert: str, shared: str, shown: str) -> None:
    app = Line()
    data = HeaderData("prod", "shop", "pod web-1", "root", state="live", mood="good", alert=alert)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.1)
        header = app.query_one(Header)
        header.styles.height = 1
        header.show(replace(data, shared=shared))
        line = header.render().plain
    assert line.endswith(shown) and len(line) == 80
    assert not alert or f"▲ {alert} " in line
