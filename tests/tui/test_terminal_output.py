"""Drawing on a terminal that goes away."""

from __future__ import annotations

import io
import os
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


def test_it_is_in_place_while_a_console_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sys.__stderr__
    with drawn_on_terminal():
        assert isinstance(sys.__stderr__, TerminalOutput)
        assert sys.__stderr__.fileno() == os.dup2(2, 2)
    assert sys.__stderr__ is before
    monkeypatch.setattr(sys, "__stderr__", None)  # as of a program without a terminal
    with drawn_on_terminal():
        assert sys.__stderr__ is None
