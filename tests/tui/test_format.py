"""Numbers with their nouns."""

from tui import format as fmt


def test_one_is_no_plural() -> None:
    assert [fmt.times(number) for number in (1, 2, 1000)] == ["once", "2 times", "1,000 times"]
    assert [fmt.many(number, "packet") for number in (1, 2)] == ["1 packet", "2 packets"]


def test_what_was_typed_is_quoted_in_few_cells() -> None:
    assert fmt.quoted("web !api") == "“web !api”"
    assert len(fmt.quoted("x" * 2_000)) == fmt.QUOTED + 2 and fmt.quoted("x" * 2_000)[-2] == "…"


def test_a_rounded_count_has_no_decimal() -> None:
    given = ["", "999", "4,956", "999,499", "999,500", "1,234,567", "CPU"]
    assert [fmt.rounded(one) for one in given] == ["", "999", "5k", "999k", "1M", "1M", "CPU"]


def test_a_compact_count_has_four_characters_at_most() -> None:
    given = ["", "56", "999", "4,956", "39,949", "999,999", "1.2 M", "n/a"]
    assert [fmt.compact(one) for one in given] == [
        "",
        "56",
        "999",
        "5.0k",
        "40k",
        "1.0M",
        "1.2M",
        "n/a",
    ]
