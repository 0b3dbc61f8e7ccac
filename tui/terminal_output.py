"""What is drawn, where the terminal may go away: nothing fails and nothing waits for it.

Textual 8 writes in a thread, with a queue of 30 texts. Where a write fails the thread ends,
the queue is full soon, and the app waits for room in it for ever.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class TerminalOutput:
    """A stream of which what cannot be written is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def drawn_on_terminal() -> Iterator[None]:
    """Textual's drivers use the standard error that is there when they are made; where that goes to
    a file (`podwire 2>messages`) the console is drawn on standard output."""
    before = sys.__stderr__
    drawn = before if before is None or before.isatty() else sys.__stdout__
    if drawn is None:
        yield
        return
    names = vars(sys)
    names["__stderr__"] = TerminalOutput(drawn)
    try:
        yield
    finally:
        names["__stderr__"] = before
