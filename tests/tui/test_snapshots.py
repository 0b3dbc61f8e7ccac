"""How each screen looks, at 80x24 and 120x40, from a recorded session of the lab."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.replay import console

SIZES = ((80, 24), (120, 40))
SCREENS: dict[str, tuple[str, tuple[str, ...]]] = {
    "cluster": ("", ()),
    "nodes": ("", ("2",)),
    "services": ("", ("3",)),
    "filter": ("", ("slash", *"backend")),
    "packets": ("pod", ()),
    "sockets": ("pod", ("4",)),
    "peers": ("pod", ("4", "p")),
    "counters": ("pod", ("5",)),
    "machine": ("node", ("7",)),
    "counter": ("pod", ("5", "enter")),
    "peer": ("pod", ("4", "p", "enter")),
    "pinned": ("pod", ("5", "m", "minus", "left")),
    "events": ("pod", ("8",)),
    "flows": ("pod", ("2",)),
    "flow": ("pod", ("2", "enter")),
    "dns": ("pod", ("3",)),
    "graphs": ("pod", ("z", "z")),
    "node": ("node", ("5",)),
    "help": ("pod", ("question_mark",)),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", SCREENS)
def test_screen(
    snap_compare: Callable[..., bool], recording: Path, name: str, size: tuple[int, int]
) -> None:
    first, keys = SCREENS[name]

    async def press_all(pilot) -> None:  # type: ignore[no-untyped-def]
        await pilot.pause(0.2)
        for key in keys:
            await pilot.press(key)
        await pilot.pause(0.7)

    assert snap_compare(console(recording, first), terminal_size=size, run_before=press_all)


@pytest.mark.parametrize("theme", ["day", "contrast"])
def test_theme(snap_compare: Callable[..., bool], recording: Path, theme: str) -> None:
    app = console(recording)
    app.begin_with(theme)
    assert snap_compare(app, terminal_size=(120, 40), run_before=lambda pilot: pilot.pause(0.7))
