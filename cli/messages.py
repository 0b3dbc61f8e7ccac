"""Lines for people outside the console: results on standard output, messages on standard error.

A terminal that went away, a full disk or a reader that ended is not an error of podwire's own.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from typing import IO, TextIO, cast

from cli.exit_codes import BROKEN_PIPE, FAILED


class OutputLost(Exception):
    """Standard output cannot be written any more; the cause is its OSError."""


def print_message(text: str) -> None:
    """One line on standard error; lost where nobody can read it any more."""
    try:
        sys.stderr.write(f"podwire: {text}\n")
        sys.stderr.flush()
    except (OSError, ValueError):  # a closed file is a ValueError
        discard(sys.stderr)


def write_output(text: str) -> None:
    try:
        sys.stdout.write(text)
    except OSError as error:
        raise OutputLost from error


def write_bytes(data: bytes | memoryview) -> None:
    """Whole lines of UTF-8, whatever the locale's encoding is."""
    try:
        sys.stdout.buffer.write(data)
    except OSError as error:
        raise OutputLost from error


def flush_output() -> None:
    try:
        sys.stdout.flush()
    except OSError as error:
        raise OutputLost from error


def print_line(text: str = "") -> None:
    write_output(text + "\n")


def print_messages(texts: Iterable[str]) -> None:
    for text in texts:
        print_message(text)


def replace_closed_streams() -> None:
    """`podwire <&- >&-`: Python has None for a standard stream that is closed at the start."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, _null_stream("r" if name == "stdin" else "w"))


def _null_stream(mode: str) -> IO[str]:
    return cast(IO[str], open(os.devnull, mode))  # noqa: PTH123 (open to the end)


def discard(stream: TextIO) -> None:
    """What is still buffered goes nowhere: Python flushes it at exit, and complains where it
    cannot."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def exit_code_without_output(lost: OutputLost) -> int:
    """Say why; the code that names it."""
    discard(sys.stdout)
    cause = lost.__cause__
    if isinstance(cause, BrokenPipeError):  # `podwire doctor | head`
        return BROKEN_PIPE
    print_message(f"standard output cannot be written: {_reason(cause)}")
    return FAILED


def _reason(cause: BaseException | None) -> object:
    return cause.strerror if isinstance(cause, OSError) else cause
