"""A list says that it is empty only when it knows, and shows its last rows while it follows."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from collectors.events import Packet, PacketBatch
from tests.support.replay import console
from tui.screens.target import TargetScreen
from tui.widgets.columns import Column
from tui.widgets.row_list import RowList

COLUMNS = (Column("N", 0, str),)


class ListApp(App[None]):
    """`rows` are shown as soon as it is mounted, before there is a layout."""

    def __init__(self, rows: list[str]) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        yield RowList(COLUMNS, "nothing is wrong", follow=True, id="list")

    def on_mount(self) -> None:
        if self._rows:
            self.query_one(RowList).show(self._rows)


def lines(rows: RowList) -> list[str]:
    return [rows.render_line(y).text.strip() for y in range(rows.size.height)]


async def test_that_nothing_is_there_is_said_when_it_is_known() -> None:
    app = ListApp([])
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.pause()
        rows = app.query_one(RowList)
        assert "nothing is wrong" not in lines(rows)
        rows.show([])
        assert "nothing is wrong" in lines(rows)


async def test_the_cursor_is_put_on_a_row_of_that_name_and_into_view() -> None:
    app = ListApp([f"row {number}" for number in range(400)])
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.pause()
        rows = app.query_one(RowList)
        rows.follow = False
        rows.put_cursor(lambda row: row == "row 12")
        await pilot.pause()
        assert rows.current == "row 12" and "row 12" in lines(rows)
        rows.put_cursor(lambda row: row == "row 1234")
        assert rows.current == "row 12", "there is none"


async def test_the_last_rows_are_shown_at_any_height() -> None:
    app = ListApp([f"row {number}" for number in range(400)])
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.pause(0.2)
        rows = app.query_one(RowList)
        assert lines(rows)[-1] == "row 399"
        for height in (30, 8, 20):
            await pilot.resize_terminal(40, height)
            await pilot.pause(0.2)
            assert lines(rows)[-1] == "row 399"


async def test_any_list_follows_any_other(recording: Path) -> None:
    """A list that is shown again is as wide as before: its columns are not those of the last."""
    app = console(recording)
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.pause(0.3)
        for first, second in permutations("12345678", 2):
            await pilot.press(first, second)
        assert app._exception is None
        assert isinstance(app.screen, TargetScreen) and app.screen.shown_view == "node"


async def test_packets_that_rush_by_are_drawn_once_a_second(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer than the screen has rows are drawn at once, and the others are not missed."""
    app, now = console(recording), [1_000.0]
    monkeypatch.setattr("tui.panels.packets.monotonic", lambda: now[0])
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.pause(0.3)
        await pilot.press("1")
        screen = app.screen
        assert isinstance(screen, TargetScreen)
        lists = list[int]()
        for seconds, count in ((1.0, 5_000), (0.5, 5_000), (0.5, 0), (0.5, 3), (0.1, 3)):
            now[0] += seconds
            packets = tuple([Packet(1, bytes(20), 20)] * count)
            screen.data.add_packets(PacketBatch(now[0], screen.key, 9, 1, packets))
            screen.pull()
            lists.append(len(screen.rows.rows) - (lists[0] if lists else 0))
        assert lists[1:] == [0, 5_000, 5_003, 5_006]
