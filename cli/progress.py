"""How far a command is with what was recorded: one line on a terminal's standard error, which is
written over and goes. Nothing where standard error is not a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TypeVar

from cli.messages import discard
from collectors.errors import PodwireError
from collectors.recording.event_log import RecordingSource
from collectors.source import RecordedSource

FIRST_S, EVERY_S = 1.5, 0.5  # what is done before needs none
MINUTE_S = 60.0
CLEAR = "\r\x1b[K"
T = TypeVar("T")


@contextlib.asynccontextmanager
async def progress(
    played: RecordedSource, sources: Sequence[RecordedSource]
) -> AsyncIterator[None]:
    """While `played` plays, which joins `sources`."""
    if not sys.stderr.isatty():
        yield
        return
    shown = asyncio.create_task(_show(played, sources))
    try:
        yield
    finally:
        shown.cancel()
        await asyncio.gather(shown, return_exceptions=True)
        _write(CLEAR)


@contextlib.contextmanager
def counted_progress(things: Sequence[T], done: str) -> Iterator[Iterator[T]]:
    """`things`, one after the other; how many of them are `done` is shown meanwhile."""
    shown_at = time.monotonic() + FIRST_S - EVERY_S

    def passed() -> Iterator[T]:
        nonlocal shown_at
        for number, thing in enumerate(things):
            if sys.stderr.isatty() and time.monotonic() > shown_at + EVERY_S:
                shown_at = time.monotonic()
                _write(f"{CLEAR}podwire: {done}: {number:,} of {len(things):,}; Ctrl-C ends it")
            yield thing

    try:
        yield passed()
    finally:
        if sys.stderr.isatty():
            _write(CLEAR)


async def _show(played: RecordedSource, sources: Sequence[RecordedSource]) -> None:
    await asyncio.sleep(FIRST_S)
    began, ended = await asyncio.to_thread(span_of, sources)
    while True:
        began = began or played.now()
        _write(f"{CLEAR}podwire: {progress_text(played.now(), began, ended)}; Ctrl-C ends it")
        await asyncio.sleep(EVERY_S)


def progress_text(now: float, began: float, ended: float) -> str:
    """Times are of the recording; `ended` is 0 where its end is not known yet."""
    done = max(0.0, now - began) / MINUTE_S
    if ended <= began:
        return f"looked at {done:.1f} min"
    return f"looked at {done:.1f} of {max(done, (ended - began) / MINUTE_S):.1f} min"


def span_of(sources: Sequence[RecordedSource]) -> tuple[float, float]:
    """From when to when sessions last, by the headers of their blocks. Blocking."""
    from collectors.recording.session_reader import SessionReader  # imports slowly

    times: list[float] = []
    for source in sources:
        if isinstance(source, RecordingSource) and source.recording.path.is_dir():
            with contextlib.suppress(OSError, PodwireError):
                evidence = SessionReader(source.recording.path).evidence
                times += [block.at for block in (*evidence[:1], *evidence[-1:])]
        else:
            return 0.0, 0.0
    return min(times, default=0.0), max(times, default=0.0)


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        discard(sys.stderr)
