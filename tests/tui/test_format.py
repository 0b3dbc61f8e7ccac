"""Numbers with their nouns."""

from tui import format as fmt


def test_one_is_no_plural() -> None:
    assert [fmt.times(number) for number in (1, 2, 1000)] == ["once", "2 times", "1,000 times"]
    assert [fmt.many(number, "packet") for number in (1, 2)] == ["1 packet", "2 packets"]
