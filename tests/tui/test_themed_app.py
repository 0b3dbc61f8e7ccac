"""How every screen looks: text that can be read in each theme, no colour where none is wanted, ASCII alone where that
is asked for, the user's keys."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import pytest
from rich.cells import cell_len

import themes
from tests.support.drawn import (
    FROM_CLUSTER,
    FROM_POD,
    drawn,
    is_dialog,
    looking,
    ready,
    screens,
    shown_app,
)
from themes.contrast_figures import LEAST, PAIRS, dimmed, rgb
from tools.drawn_screen import texts_of
from tui.app import PodwireApp
from tui.ascii_text import ascii_of
from tui.look import TerminalLook


def is_same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Rounding of blended colours apart."""
    parts = zip(rgb(one[0]) + rgb(one[1]), rgb(other[0]) + rgb(other[1]), strict=True)
    return all(abs(a - b) <= 1 for a, b in parts)


def colours_of(theme: themes.ThemeFile) -> set[tuple[str, str]]:
    """The pairs that are computed, as colours."""
    known = theme.all_colours
    found = set()
    for text, behind in PAIRS:
        plain = known[text.removeprefix("dim ")]
        found.add((plain if text in known else dimmed(plain, known[behind]), known[behind]))
    return found


def unknown_pairs(app: PodwireApp, theme: themes.ThemeFile) -> set[tuple[str, str, float]]:
    """Of text, those that are not computed; in a dialog those that cannot be read, for what is
    behind it is blended."""
    allowed = colours_of(theme)
    wrong = set()
    for text in texts_of(app):
        pair = (text.colour, text.behind)
        is_known = any(is_same(pair, one) for one in allowed)
        if text.contrast < LEAST or not (is_known or is_dialog(app)):
            wrong.add((*pair, round(text.contrast, 1)))
    return wrong


def with_colour(app: PodwireApp) -> list[str]:
    return [text for text, style, _ in drawn(app) if style and (style.color or style.bgcolor)]


def with_other_than_16(app: PodwireApp) -> list[str]:
    """And text that cannot be read in xterm's 16."""
    styles = [(text, style) for text, style, _ in drawn(app) if style]
    return [
        text
        for text, style in styles
        for colour in (style.color, style.bgcolor)
        if colour is not None and colour.triplet is not None
    ] + [f"{one.text}: {one.contrast:.1f}" for one in texts_of(app) if one.contrast < LEAST]


WRONG: dict[str, Callable[[PodwireApp], Collection[object]]] = {
    "plain": with_colour,
    "sixteen": with_other_than_16,
    **{
        name: partial(unknown_pairs, theme=themes.bundled(name))
        for name in ("night", "day", "contrast", "distinct")
    },
}


@pytest.mark.slow
async def test_every_screen_in_every_theme(recording: Path) -> None:
    """No text in other pairs of colours than those whose contrast is computed; without colours,
    none; of 16, only those."""
    wrong, seen, dialogs, chosen = {}, set(), 0, 0
    async for where, pilot in screens(recording, TerminalLook()):
        app = shown_app(pilot)
        dialogs += is_dialog(app)
        for name in themes.names():
            app.change_theme(name)
            await pilot.pause(0.05)
            if found := WRONG[name](app):
                wrong[where, name] = found
            if name == "plain":
                chosen += any(s and s.reverse and text.strip() for text, s, _ in drawn(app))
        seen.add(where)
    assert wrong == {}
    assert len(seen) == len(FROM_CLUSTER) + len(FROM_POD) and dialogs >= 3
    assert chosen > len(seen) / 2, "chosen rows cannot be seen without colour"


@pytest.mark.slow
async def test_nothing_outside_of_ascii_is_drawn_on_any_screen(recording: Path) -> None:
    seen = set()
    async for where, pilot in screens(recording, TerminalLook(is_ascii=True)):
        lines = "".join(text for text, _, _ in drawn(shown_app(pilot)))
        assert lines.isascii(), (where, {one for one in lines if not one.isascii()})
        seen.add(lines)
    assert len(seen) > 15, "the screens are not what they should be"


async def test_it_is_the_same_screen_in_ascii(recording: Path) -> None:
    """Nothing moves: each character is as wide as the one that it stands for."""
    texts = []
    for look in (TerminalLook(), TerminalLook(is_ascii=True)):
        app = looking(recording, look, "")
        async with app.run_test(size=(120, 40)) as pilot:
            await ready(pilot)
            texts.append("".join(text for text, _, _ in drawn(app)))
    assert cell_len(texts[0]) == cell_len(texts[1])
    assert ascii_of(texts[0]) == texts[1] and texts[0] != texts[1]


async def test_a_theme_is_changed_with_what_its_palette_needs(recording: Path) -> None:
    app = looking(recording, TerminalLook(theme="plain"), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        names = []
        for _ in themes.names():
            await pilot.press("T")
            await pilot.pause(0.2)
            names.append(app.theme)
            coloured = any(style and style.color for _, style, _ in drawn(app))
            assert coloured == (app.theme != "plain"), app.theme
    assert sorted(names) == sorted(themes.names()) and names[-1] == "plain"


async def test_help_footer_and_hints_have_the_keys_in_force(recording: Path) -> None:
    keymap = {
        "app.help": "f1",
        "app.findings": "i,I",
        "target.capture": "f5,C",
        "target.tab(2)": "f2",
    }
    app = looking(recording, TerminalLook(keymap=keymap), "pod")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        shown = "".join(text for text, _, _ in drawn(app))
        assert "i findings" in shown and "f1 help" in shown
        assert "f5 capture" not in shown, "a recording captures nothing"
        assert " f2 flows" in shown and " 3 dns" in shown
        await pilot.press("d", "question_mark")
        await pilot.pause(0.3)
        assert not is_dialog(app), "the keys of the table still act"
        await pilot.press("f2")
        await pilot.pause(0.3)
        assert getattr(app.screen, "shown_view", "") == "flows"
        await pilot.press("f1")
        await pilot.pause(0.3)
        assert is_dialog(app)
        lines = "".join(text for text, _, _ in drawn(app))
        for _ in range(4):
            await pilot.press("ctrl+f")
            await pilot.pause(0.1)
            lines += "".join(text for text, _, _ in drawn(app))
        assert "i I" in lines and "f1" in lines
        assert "f5 C" not in lines, "a recording captures nothing"
        await pilot.press("f1")
        await pilot.pause(0.3)
        assert not is_dialog(app)
        await pilot.press("i")
        await pilot.pause(0.3)
        assert type(app.screen).__name__ == "FindingsScreen"


async def test_keys_that_changed_places_do(recording: Path) -> None:
    app = looking(recording, TerminalLook(keymap={"cluster.pods": "2", "cluster.nodes": "1"}), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("1")
        await pilot.pause(0.3)
        assert getattr(app.screen, "shown_view", "") == "nodes"
        await pilot.press("2")
        await pilot.pause(0.3)
        assert getattr(app.screen, "shown_view", "") == "pods"


async def test_what_is_wrong_in_the_configuration_is_said_when_it_is_open(recording: Path) -> None:
    app = looking(
        recording, TerminalLook(notices=("config.toml, line 1: there is no [b]key[/b].",)), ""
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        (notice,) = app._notifications
        assert notice.message == "config.toml, line 1: there is no [b]key[/b]."
        assert not notice.markup
