"""A share of the event loop for a reader whose data is there at once."""

from __future__ import annotations

import time

from collectors.key_priority import KEY_PRIORITY

LONGEST_S = 0.01  # a key waits no longer for one reader


class LoopTurn:
    """Lets other tasks run when its owner has gone on for `longest` s, or a key waits.

    Awaiting what is in a buffer already does not: a stream of many small messages would hold the
    loop for as long as they come.
    """

    def __init__(self, longest: float = LONGEST_S) -> None:
        self._longest = longest
        self._began = time.monotonic()

    async def share(self) -> None:
        if KEY_PRIORITY.waits or time.monotonic() - self._began > self._longest:
            await KEY_PRIORITY.share()
            self._began = time.monotonic()
