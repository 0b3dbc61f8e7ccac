"""Drawing on a terminal that goes away."""

from __future__ import annotations

import io
import sys

import pytest
from textual.drivers._writer_thread import WriterThread

from tui.terminal_output import TerminalOutput, drawn_on_terminal


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def test_what_cannot_be_written_ends_nothing() -> None:
    stream = TerminalOutput(Gone())
    assert stream.write("podwire") == 7
    stream.flush()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_thread_that_writes_goes_on() -> None:
    writer = WriterThread(TerminalOutput(Gone()))  # type: ignore[arg-type]
    writer.start()
    for _ in range(100):  # more than its queue holds
        writer.write("text")
    writer.stop()
    assert not writer.is_alive()


class Stream(io.StringIO):
    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self.isatty = lambda: is_terminal  # type: ignore[method-assign]


@pytest.mark.parametrize("error_is_terminal", [True, False])
def test_it_is_in_place_while_a_console_runs(
    monkeypatch: pytest.MonkeyPatch, error_is_terminal: bool
) -> None:
    """`podwire 2>messages` draws on the terminal, not into the file."""
    error, output = Stream(error_is_terminal), Stream(True)
    monkeypatch.setattr(sys, "__stderr__", error)
    monkeypatch.setattr(sys, "__stdout__", output)
    with drawn_on_terminal():
        assert isinstance(sys.__stderr__, TerminalOutput)
        sys.__stderr__.write("drawn")
    assert sys.__stderr__ is error
    assert (error.getvalue(), output.getvalue()) == (
        ("drawn", "") if error_is_terminal else ("", "drawn")
    )
    monkeypatch.setattr(sys, "__stderr__", None)  # as of a program without a terminal
    with drawn_on_terminal():
        assert sys.__stderr__ is None
