"""When garbage is collected: between keys. Python's own collector would traverse 100,000 live
packets while a key waits, 50 ms each time. What reference counting frees (nearly all) does not
need it. Where many are young, these are collected before: in a flood 5,000 objects a second are in
cycles, and those of a minute need 0.4 to 0.7 s."""

from __future__ import annotations

import gc
import time

EVERY_S = 20.0  # when nobody types
LATEST_S = 60.0  # when someone always does
QUIET_S = 3.0  # since the last key
YOUNG = 30_000  # objects that were made since the last time, and are still there
YOUNG_EVERY_S, YOUNG_QUIET_S = 5.0, 0.1  # since the last time, and the last key


class GarbageCollection:
    """Collects between keys. Begin on the event loop, end when the console ends."""

    def __init__(self) -> None:
        self._key = self._collected = self._young = time.monotonic()

    def begin(self) -> None:
        gc.disable()

    def freeze(self) -> None:
        """What is loaded now stays, and is never traversed again."""
        gc.collect()
        gc.freeze()

    def key(self) -> None:
        self._key = time.monotonic()

    def turn(self) -> None:
        """Collect now, if now is the time."""
        now = time.monotonic()
        if self._is_due(now):
            gc.collect()
            self._collected = self._young = time.monotonic()
        elif self._are_young_due(now):
            gc.collect(0)
            self._young = time.monotonic()

    def _is_due(self, now: float) -> bool:
        """Sooner where nobody types."""
        since = now - self._collected
        return since > LATEST_S or (since > EVERY_S and now - self._key > QUIET_S)

    def _are_young_due(self, now: float) -> bool:
        """The second time also while somebody types without a pause."""
        since, is_quiet = now - self._young, now - self._key > YOUNG_QUIET_S
        is_time = since > 2 * YOUNG_EVERY_S or (since > YOUNG_EVERY_S and is_quiet)
        return is_time and gc.get_count()[0] > YOUNG

    def end(self) -> None:
        gc.unfreeze()
        gc.enable()
