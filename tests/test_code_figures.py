"""What tools/code_figures.py counts stays within its bars."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median, quantiles

import pytest

from tools import code_figures
from tools.code_figures import Figures

pytestmark = pytest.mark.slow  # every token is counted


@pytest.fixture(scope="module")
def figures() -> Figures:
    found = Figures()
    for path in code_figures.files_of(list(code_figures.PACKAGES)):
        code_figures.measure(path, found)
    return found


def over(counts: list[tuple[int, str]], most: int) -> Iterator[str]:
    return (f"{place}: {count}, at most {most}" for count, place in counts if count > most)


def test_functions_are_short_and_simple(figures: Figures) -> None:
    tokens = [count for count, _ in figures.tokens]
    assert median(tokens) < 50 and quantiles(tokens, n=10)[8] < code_figures.MOST_TOKENS
    assert figures.fmt_skips < 20
    branchy = list(over(figures.complexity, code_figures.MOST_COMPLEXITY))
    assert 100 * len(branchy) < 3 * len(figures.complexity), branchy


def test_no_call_has_more_than_five_positional_arguments(figures: Figures) -> None:
    assert not list(over(figures.positional, code_figures.MOST_POSITIONAL))


def test_classes_are_short_and_have_names_of_their_own(figures: Figures) -> None:
    assert not list(over(figures.class_lines, code_figures.MOST_CLASS_LINES - 1))
    assert not {name: places for name, places in figures.classes.items() if len(places) > 1}
