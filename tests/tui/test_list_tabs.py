"""The lists and their counts, on screens of any width."""

import re

import pytest
from textual.app import App, ComposeResult

from session.store import Store
from tui.panels.target_panels import TargetPanels
from tui.widgets.list_tabs import TabBar

NAMES = tuple(TargetPanels(Store(), "pod/shop/web", "").by_name)
USUAL = dict(zip(NAMES, ("400", "56", "56", "391", "36", "4,956", "CPU 5 %", "13"), strict=True))
LARGE = dict.fromkeys(NAMES, "1,234,567") | {"node": "CPU 100 %"}


class Bar(App[None]):
    def compose(self) -> ComposeResult:
        yield TabBar(NAMES)


async def shown(width: int, current: str, notes: dict[str, str]) -> str:
    app = Bar()
    async with app.run_test(size=(width, 5)) as pilot:
        bar = app.query_one(TabBar)
        bar.show(current, notes)
        await pilot.pause()
        return bar.render().plain


COUNTS = ("400", "56", "56", "391", "36", "5.0k", "5%", "13")


@pytest.mark.parametrize("current", NAMES)
async def test_every_count_fits_at_80_columns(current: str) -> None:
    """Key, name and count with a space between them; the name of the list that is shown is whole
    where that leaves room for the counts."""
    line = await shown(80, current, USUAL)
    assert len(line) <= 80
    pieces = re.findall(r" (\d) ([a-z]+) (\S+)", line)
    assert [int(number) for number, _, _ in pieces] == list(range(1, 9)), line
    counts = [count for _, _, count in pieces]
    assert counts in ([*COUNTS], [one.replace("5.0k", "5k") for one in COUNTS])
    shown_as = pieces[NAMES.index(current)][1]
    assert shown_as == current or current in ("counters", "conntrack"), line


async def test_those_of_a_busy_pod_fit_as_well() -> None:
    busy = ("2,621", "391", "1,245", "36", "391", "39,949", "CPU 15 %", "113")
    line = await shown(80, "packets", dict(zip(NAMES, busy, strict=True)))
    assert line.startswith((" 1 packets 3k  2 flow 391 ", " 1 pkt ")), line
    assert len(re.findall(r" \d [a-z]+ \S+", line)) == 8 and len(line) <= 80, line


async def test_a_wide_screen_has_whole_names_and_counts() -> None:
    line = await shown(120, "flows", USUAL)
    assert all(f"{name} {USUAL[name]}" in line for name in NAMES)


@pytest.mark.parametrize("width", [80, 60, 40])
async def test_no_count_is_cut(width: int) -> None:
    line = await shown(width, "events", LARGE)
    assert re.search(r"(evt|events) 1M", line) or width == 40
    assert len(line) <= width or width == 40
    assert not any(word in line for word in ("1.2 ", "1,2", "10 "))
