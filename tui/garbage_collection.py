"""When garbage is collected: between keys. Python's own collector would traverse 100,000 live
packets while a key waits, 50 ms each time. What reference counting frees (nearly all) does not
need it."""

from __future__ import annotations

import gc
import time

EVERY_S = 20.0  # when nobody types
LATEST_S = 60.0  # when someone always does
QUIET_S = 3.0  # since the last key


class GarbageCollection:
    """Collects between keys. Begin on the event loop, end when the console ends."""

    def __init__(self) -> None:
        self._key = self._collected = time.monotonic()

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
        if self._is_due(time.monotonic()):
            gc.collect()
            self._collected = time.monotonic()

    def _is_due(self, now: float) -> bool:
        """Sooner where nobody types."""
        since = now - self._collected
        return since > LATEST_S or (since > EVERY_S and now - self._key > QUIET_S)

    def end(self) -> None:
        gc.unfreeze()
        gc.enable()
