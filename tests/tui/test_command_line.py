"""What can be typed behind a colon."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App

from collectors.errors import ConfigError
from session.favourites import ContextNamespace
from tui.command_line import (
    COMMANDS,
    CommandChoices,
    completions,
    is_incomplete,
    namespace_of,
    place_of,
    typed,
)
from tui.screens.command_line import CommandLine

CHOICES = CommandChoices(
    contexts=("dev", "prod", "prod-eu", "my cluster"),
    namespaces=("default", "shop"),
    favourites=(ContextNamespace("prod-eu", "shop"),),
    here=ContextNamespace("dev", "shop"),
)


def texts(line: str) -> list[str]:
    return [one.text for one in completions(line, CHOICES)]


def test_commands_are_completed() -> None:
    assert texts("c") == ["ctx "] and texts("n") == ["ns ", "nodes"]
    assert len(texts("")) == len(COMMANDS)
    assert texts("context") == ["ctx "] and texts("xyz") == [] and texts("xyz a") == []


def test_favourites_are_first_and_what_begins_so_is_before_what_has_it() -> None:
    assert texts("ctx ") == ["ctx prod-eu", "ctx dev", "ctx my cluster", "ctx prod"]
    assert texts("ctx prod") == ["ctx prod-eu", "ctx prod"]
    assert texts("ctx eu") == ["ctx prod-eu"]
    assert texts("ns s") == ["ns shop"] and texts("fav ") == ["fav prod-eu shop"]
    assert [one.note for one in completions("ctx ", CHOICES)][:2] == ["★", "here"]


def test_what_a_cluster_or_file_names_is_not_drawn_raw() -> None:
    evil = CommandChoices(contexts=("a\x1b]52;c;eA==\x07",))
    assert "\x1b" not in completions("ctx ", evil)[0].shown


def test_a_line_is_a_command_or_a_target() -> None:
    assert (typed("ctx prod eu").command, typed("ctx prod eu").argument) == ("ctx", "prod eu")
    assert typed("namespace shop").command == "ns" and typed("q").command == "quit"
    assert (typed("deploy/web").command, typed("deploy/web").argument) == ("open", "deploy/web")
    with pytest.raises(ConfigError, match=r"There is no command 'nss'. Is it ns?"):
        typed("nss shop")


def test_contexts_may_have_spaces_and_a_namespace_may_follow() -> None:
    assert place_of("my cluster", CHOICES.contexts) == ContextNamespace("my cluster")
    assert place_of("my cluster shop", CHOICES.contexts) == ContextNamespace("my cluster", "shop")
    with pytest.raises(ConfigError, match=r"There is no context 'prot' in the kubeconfig. Is it"):
        place_of("prot", CHOICES.contexts)
    with pytest.raises(ConfigError, match=r"the kubeconfig has none"):
        place_of("prod", ())


def test_a_namespace_is_one_of_those_or_all() -> None:
    assert namespace_of("all", ("shop",)) == "" and namespace_of("shop", ("shop",)) == "shop"
    with pytest.raises(ConfigError, match=r"no namespace 'shopp' in this cluster. Is it shop?"):
        namespace_of("shopp", ("shop",))


def test_what_needs_an_argument_is_incomplete_without() -> None:
    assert is_incomplete("ctx") and is_incomplete(" ns ")
    assert not is_incomplete("keep") and not is_incomplete("ctx prod") and not is_incomplete("x")


class LineApp(App[None]):
    """Only the command line; what it ended with."""

    entered: list[str | None]

    def on_mount(self) -> None:
        self.entered = []
        self.push_screen(CommandLine(CHOICES), self.entered.append)


async def entered(*keys: str, size: tuple[int, int] = (80, 24)) -> list[Any]:
    app = LineApp()
    async with app.run_test(size=size) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
    return app.entered


async def test_a_line_is_entered_completed_or_left() -> None:
    assert await entered(*"ns shop", "enter") == ["ns shop"]
    assert await entered("c", "tab", *"eu", "tab", "enter") == ["ctx prod-eu"]
    assert await entered("f", "enter", "down", "enter") == []  # `fo` or `fav`
    assert await entered(*"ctx", "enter", "down", "enter") == ["ctx prod-eu"]
    assert await entered(*"ctx", "space", "down", "down", "up", "enter") == ["ctx prod-eu"]
    assert await entered(*"ns", "escape") == [None]


@pytest.mark.parametrize("size", [(20, 6), (80, 24), (200, 50)])
async def test_what_is_found_fits_on_the_screen(size: tuple[int, int]) -> None:
    assert await entered(*"ctx", "enter", "escape", size=size) == [None]
