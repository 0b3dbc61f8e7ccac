"""Time in which nothing happens is skipped: a loop that would only wait for its next timer is at that timer at once.

The clock meanwhile, also of what reads `time.time` and `time.monotonic`, is that of a machine with nothing else to
do: it goes on by the CPU time of this process and by what was skipped. While a thread works for the loop, or where a
socket, a pipe or a program is open, nothing is skipped, and it goes on as clocks do.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar, TypeVarTuple, Unpack

import textual._time
import textual._wait

OWN_FILES = 1  # of a loop: what wakes it
T = TypeVar("T")
Given = TypeVarTuple("Given")
_monotonic, _time = time.monotonic, time.time


def _idle() -> float:
    """Seconds in which this process did not run, since some moment."""
    return _monotonic() - time.process_time()


class SkippedTime:
    """What `time.monotonic` and `time.time` would be, in seconds."""

    def __init__(self) -> None:
        self._monotonic, self._time = _monotonic(), _time()
        self._began = time.process_time()
        self._more = 0.0  # skipped, or waited for what is outside of the loop
        self._waits_from: float | None = None  # `_idle` when it began to wait for that

    def passed(self) -> float:
        return time.process_time() - self._began + self._more + self._waited()

    def _waited(self) -> float:
        return 0.0 if self._waits_from is None else max(0.0, _idle() - self._waits_from)

    def monotonic(self) -> float:
        return self._monotonic + self.passed()

    def time(self) -> float:
        return self._time + self.passed()

    def skip(self, seconds: float) -> None:
        self._more += seconds

    @contextmanager
    def as_any_clock(self) -> Iterator[None]:
        """It goes on as clocks do, whatever this process does."""
        self._waits_from = _idle()
        try:
            yield
        finally:
            self._more += self._waited()
            self._waits_from = None

    def use(self) -> None:
        """For all of this process."""
        _set_clock(self.monotonic, self.time)


def _set_clock(monotonic: Callable[[], float], of_day: Callable[[], float]) -> None:
    for module, name in ((time, "monotonic"), (textual._time, "get_time")):
        setattr(module, name, monotonic)
    setattr(textual._wait, "monotonic", monotonic)  # noqa: B010
    time.time = of_day


class _Skipping(selectors.EpollSelector):
    """What a loop waits with."""

    def __init__(self, clock: SkippedTime) -> None:
        super().__init__()
        self.clock = clock
        self.outside = 0  # threads and programs that the loop waits for

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or self.outside or len(self.get_map()) > OWN_FILES:
            with self.clock.as_any_clock():
                return super().select(timeout)
        if not (found := super().select(0)):
            self.clock.skip(max(0.0, timeout))
        return found


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own until it is closed; one at a time."""

    def __init__(self) -> None:
        clock = SkippedTime()
        self._waiting = _Skipping(clock)
        super().__init__(self._waiting)
        clock.use()

    def close(self) -> None:
        super().close()
        _set_clock(_monotonic, _time)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Given]], T], *args: *Given
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._waiting.outside += 1
        future.add_done_callback(self._came)
        return future

    def _came(self, _: object) -> None:
        self._waiting.outside -= 1

    async def shutdown_default_executor(self, *args: Any) -> None:
        self._waiting.outside += 1
        await super().shutdown_default_executor(*args)

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        self._waiting.outside += 1  # for good: who waits for it to end is not seen
        return await super().subprocess_exec(*args, **options)
