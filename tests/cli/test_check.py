"""What a check says of pods and nodes that it could not attach to."""

from __future__ import annotations

from cli.check import by_reason


def test_a_reason_is_said_once_with_the_first_that_have_it() -> None:
    full = {f"pod/shop/web-{number}": "The disk is full." for number in range(5)}
    assert by_reason({**full, "node/n1": "It may not be entered."}) == [
        "pod/shop/web-0, pod/shop/web-1, pod/shop/web-2 and 2 more: The disk is full.",
        "node/n1: It may not be entered.",
    ]


def test_three_are_all_named() -> None:
    assert by_reason(dict.fromkeys("abc", "No.")) == ["a, b, c: No."]
    assert by_reason({}) == []
