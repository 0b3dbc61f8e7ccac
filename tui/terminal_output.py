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
    """Textual's drivers use the stream that is there when they are made."""
    stream = sys.__stderr__
    if stream is None:
        yield
        return
    names = vars(sys)
    names["__stderr__"] = TerminalOutput(stream)
    try:
        yield
    finally:
        names["__stderr__"] = stream
