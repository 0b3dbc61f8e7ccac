"""Calls of code that is not podwire's: they end in a result, or in a sentence, within a time."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TextIO, TypeVar

from collectors.sanitize import sanitize

T = TypeVar("T")
TEXT = 160  # characters of an error


class CallFailed(Exception):
    """`str` says why, as a clause after a name."""


class CallTooSlow(CallFailed):
    """It was stopped; what blocks outside of Python is left behind in a thread that nobody waits
    for."""


class _Call(threading.Thread, Generic[T]):
    def __init__(self, function: Callable[[], T]) -> None:
        super().__init__(daemon=True, name="a rule of a package")
        self._function = function
        self.results: list[T] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.results.append(self._function())
        except BaseException as error:  # SystemExit as well: nobody else's code ends podwire
            self.error = error


class _Unheard:
    """A stream on which one thread writes nothing."""

    def __init__(self, stream: TextIO, thread: threading.Thread) -> None:
        self._stream, self._thread = stream, thread

    def write(self, text: str) -> int:
        if threading.current_thread() is self._thread:
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _unheard(name: str, thread: threading.Thread) -> Iterator[None]:
    """What it prints would stand in the middle of an answer that is JSON, or on the console."""
    before = getattr(sys, name)
    setattr(sys, name, quiet := _Unheard(before, thread))
    try:
        yield
    finally:
        if getattr(sys, name) is quiet:
            setattr(sys, name, before)


def within(seconds: float, function: Callable[[], T]) -> T:
    """Its result. CallFailed where it raises, CallTooSlow where it lasts longer."""
    call = _Call(function)
    with _unheard("stdout", call), _unheard("stderr", call):
        call.start()
        call.join(seconds)
    if call.is_alive():
        _stop(call)
        raise CallTooSlow(f"it needs more than {seconds:g} s")
    if isinstance(call.error, CallFailed):
        raise call.error
    if call.error is not None:
        raise CallFailed(described(call.error)) from None
    return call.results[0]


def _stop(call: threading.Thread) -> None:
    """SystemExit is raised in it, at its next step in Python."""
    identity = ctypes.c_ulong(call.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(SystemExit))


def described(error: BaseException) -> str:
    """`ZeroDivisionError: division by zero (queue.py, line 12)`"""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    outside = [one for one in frames if not one.filename.startswith(("<frozen ", __file__))]
    place = f" ({Path(outside[-1].filename).name}, line {outside[-1].lineno})" if outside else ""
    return f"{sanitize(text, TEXT)}{sanitize(place, TEXT)}"
