"""The widths of a list's columns: what identifies a row is cut before it is left out."""

from __future__ import annotations

from hypothesis import given, strategies as st
from rich.cells import cell_len

from tui.widgets.columns import Column, fit, laid_out

COLUMNS = (
    Column("CLIENT", 34, str, tight=19, tail=6),
    Column("SERVER", 0, str, least=19),
    Column("STATE", 23, str, tight=9),
    Column("BYTES", 9, str, rank=1),
)
NEEDED = {"CLIENT": 34, "SERVER": 40, "STATE": 12, "BYTES": 9}


def widths(available: int) -> dict[str, int]:
    return {column.title: width for column, width in laid_out(COLUMNS, NEEDED, available)}


def test_what_identifies_a_row_is_cut_and_not_left_out() -> None:
    assert widths(50) == {"CLIENT": 19, "SERVER": 19, "STATE": 9}


def test_nothing_is_cut_where_there_is_room() -> None:
    assert widths(120) == {"CLIENT": 34, "SERVER": 42, "STATE": 12, "BYTES": 9}


def test_the_room_between_goes_to_what_lacks_most() -> None:
    assert widths(75) == {"CLIENT": 24, "SERVER": 29, "STATE": 9, "BYTES": 9}


def test_a_port_remains_where_a_name_is_cut() -> None:
    assert fit("web-7d9f8b6c5-abcde:43122", 19, tail=6) == "web-7d9f8b6c…:43122"
    assert fit("web-7d9f8b6c5-abcde:43122", 5, tail=6) == "web-…"


@given(st.integers(0, 300), st.dictionaries(st.sampled_from(list(NEEDED)), st.integers(0, 300)))
def test_columns_fit_on_any_screen_that_has_room_for_the_least(
    available: int, needed: dict[str, int]
) -> None:
    shown = laid_out(COLUMNS, needed, available)
    assert available < 52 or sum(width + 1 for _, width in shown) <= available
    assert {column.title for column, _ in shown} >= {"CLIENT", "SERVER", "STATE"}


@given(st.text(), st.integers(0, 40), st.booleans(), st.integers(0, 8))
def test_a_text_fills_exactly_its_column(text: str, width: int, right: bool, tail: int) -> None:
    assert cell_len(fit(text, width, right, tail)) == width
