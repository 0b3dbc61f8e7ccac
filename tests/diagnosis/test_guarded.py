"""Calls of other people's code end in a result or in a sentence."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import pytest

from diagnosis.guarded import CallFailed, CallTooSlow, described, within


def test_a_result_is_handed_on() -> None:
    assert within(5.0, lambda: [1, 2]) == [1, 2]


def test_what_it_prints_is_not_heard_and_what_others_print_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`podwire check -o json` prints JSON, whatever a rule of a package prints."""
    streams = sys.stdout, sys.stderr
    begun, said = threading.Event(), threading.Event()

    def call() -> None:
        sys.stdout.write("of the rule")
        sys.stderr.write("of the rule")
        begun.set()
        said.wait(5.0)

    def other() -> None:
        begun.wait(5.0)
        sys.stdout.write("of podwire\n")
        said.set()

    thread = threading.Thread(target=other)
    thread.start()
    within(5.0, call)
    thread.join()
    assert capsys.readouterr() == ("of podwire\n", "")
    assert (sys.stdout, sys.stderr) == streams


def failing(error: BaseException) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("no\x1b[2J such"), "ValueError: no␛[2J such (test_guarded.py, line"),
        (KeyError(), "KeyError (test_guarded.py, line"),
        (SystemExit(1), "SystemExit: 1 (test_guarded.py, line"),
        (RecursionError("deep" * 200), "RecursionError: deep"),
    ],
)
def test_an_error_is_a_clause(error: BaseException, says: str) -> None:
    with pytest.raises(CallFailed) as failed:
        within(5.0, failing(error))
    assert str(failed.value).startswith(says) and len(str(failed.value)) < 250


def test_a_clause_of_podwire_stays_as_it_is() -> None:
    with pytest.raises(CallFailed, match=r"^it yields nothing$"):
        within(5.0, failing(CallFailed("it yields nothing")))


def test_what_never_ends_is_stopped() -> None:
    threads: list[threading.Thread] = []

    def endless() -> None:
        threads.append(threading.current_thread())
        while True:
            pass

    began = time.monotonic()
    with pytest.raises(CallTooSlow, match=r"^it needs more than 0\.2 s$"):
        within(0.2, endless)
    assert time.monotonic() - began < 5.0
    threads[0].join(10.0)
    assert not threads[0].is_alive()


def test_an_error_without_a_place_has_none() -> None:
    assert described(ValueError("x")) == "ValueError: x"
