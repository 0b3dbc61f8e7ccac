"""The widths of a list's columns: what identifies a row is cut before it is left out."""

from __future__ import annotations

from hypothesis import example, given, strategies as st
from rich.cells import cell_len

from tui.widgets.columns import Column, common_beginning, fit, laid_out

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


def test_a_short_name_is_cut_where_it_has_an_ellipsis_already() -> None:
    assert fit("frontend…iohjs:33796", 19, tail=6) == "fronten…iohjs:33796"
    assert fit("frontend…iohjs:33796", 12, tail=6) == "front…:33796", "no room for its beginning"


@example(52, {"CLIENT": 35, "SERVER": 0})
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


def test_of_a_long_name_the_hash_of_its_template_goes_first() -> None:
    assert fit("checkout-58cc45b5bc-r8thp", 18, tail=6) == "checkout…r8thp    "


def test_what_long_names_have_in_common_goes_before_what_they_differ_in() -> None:
    names = ["payments-europe-west-ledger-0", "payments-europe-west-gateway-0"]
    common = common_beginning(names)
    assert common == "payments-europe-west-"
    shown = [fit(name, 20, tail=6, common=common) for name in names]
    assert shown == ["payments-eu…ledger-0", "payments-e…gateway-0"]
    assert fit("web-0", 20, tail=6, common=common) == "web-0" + " " * 15


def test_one_name_or_a_short_beginning_is_nothing_in_common() -> None:
    assert common_beginning(["payments-europe-west-ledger-0"]) == ""
    assert common_beginning(["a-ledger", "a-gateway"]) == ""
