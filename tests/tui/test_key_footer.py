"""The line of keys: none is cut, and what is dropped is what matters less."""

from __future__ import annotations

from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.widgets._footer import FooterKey

from tests.tui.test_tour_keys import demo, ready
from tui.widgets.key_footer import KeyFooter, whole

KEYS = (
    ("slash", "/", "filter", "filter"),
    ("escape", "esc", "back", "back"),
    ("d", "d", "findings", "findings"),
    ("question_mark", "?", "help", "help"),
    ("q", "q", "quit", "leave"),
    ("P", "P", "play", "play"),
    ("at", "@", "go to", "to_time"),
)


def shown(width: int) -> str:
    keys = [FooterKey(*one) for one in KEYS]
    return "".join(f" {one.key_display} {one.description} " for one in whole(keys, width))


def test_each_key_is_whole_and_the_more_important_stay() -> None:
    everything = shown(200)
    assert everything.count("  ") == len(KEYS) - 1
    for width in range(8, 80):
        line = shown(width)
        assert len(line) <= width and " ? help " in line
        assert all(one in everything for one in line.split("  "))
    assert shown(26) == " esc back  ? help  P play "
    assert "@ go to" not in shown(len(everything) - 1), "the last of those of less importance"
    assert "/ filter" in shown(len(everything) - 1)


class TwoKeys(App[None]):
    """`b` can be refused."""

    BINDINGS: ClassVar = [("a", "first", "first"), ("b", "second", "second")]
    refused = False

    def compose(self) -> ComposeResult:
        yield KeyFooter(show_command_palette=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (self.refused and action == "second")


async def test_keys_that_stay_the_same_are_not_made_again() -> None:
    """Bindings are looked at with each change of what has the focus."""
    app = TwoKeys()
    async with app.run_test() as pilot:
        await pilot.pause()
        before = list(app.query(FooterKey))
        assert [one.description for one in before] == ["first", "second"]
        app.screen.refresh_bindings()
        await pilot.pause()
        await pilot.pause()
        assert list(app.query(FooterKey)) == before
        app.refused = True
        app.screen.refresh_bindings()
        await pilot.pause()
        await pilot.pause()
        assert [one.description for one in app.query(FooterKey)] == ["first"]


@pytest.mark.slow
async def test_a_replay_has_its_keys_and_none_that_is_refused() -> None:
    """At 80 columns and after the terminal became narrower."""
    app = demo()
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press("escape")
        await pilot.pause(0.5)
        for width, last in ((80, "@ go to"), (40, "P play")):
            await pilot.resize_terminal(width, 24)
            await pilot.pause(0.5)
            keys = [str(one.render()).strip() for one in app.screen.query(FooterKey)]
            assert keys[-1] == last and sum(len(one) + 2 for one in keys) <= width
            assert not {"e guide", "c capture"} & set(keys)
