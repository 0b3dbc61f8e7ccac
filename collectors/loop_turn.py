"""A share of the event loop for a reader whose data is there at once."""

from __future__ import annotations

import asyncio
import time

LONGEST_S = 0.01  # a key waits no longer for one reader


class LoopTurn:
    """Lets other tasks run when its owner has gone on for LONGEST_S.

    Awaiting what is in a buffer already does not: a stream of many small messages would hold the
    loop for as long as they come.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()

    async def share(self) -> None:
        if time.monotonic() - self._began > LONGEST_S:
            await asyncio.sleep(0)
            self._began = time.monotonic()
