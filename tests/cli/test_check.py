"""What a check says of pods and nodes that it could not attach to."""

from __future__ import annotations

import argparse

from cli.check import LEAST_WATCH_S, WATCH_S, _watch_s, by_reason
from diagnosis.tracker import RISE_S


def test_a_reason_is_said_once_with_the_first_that_have_it() -> None:
    full = {f"pod/shop/web-{number}": "The disk is full." for number in range(5)}
    assert by_reason({**full, "node/n1": "It may not be entered."}) == [
        "pod/shop/web-0, pod/shop/web-1, pod/shop/web-2 and 2 more: The disk is full.",
        "node/n1: It may not be entered.",
    ]


def test_three_are_all_named() -> None:
    assert by_reason(dict.fromkeys("abc", "No.")) == ["a, b, c: No."]
    assert by_reason({}) == []


def test_a_look_is_long_enough_to_find_something() -> None:
    def watch_s(seconds: float | None) -> float:
        return _watch_s(argparse.Namespace(seconds=seconds))

    assert (watch_s(None), watch_s(0), watch_s(60)) == (WATCH_S, LEAST_WATCH_S, 60)
    assert LEAST_WATCH_S > RISE_S
