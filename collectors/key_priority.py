"""What somebody types goes first: work in the background waits until a key had its effect on the
screen. A key passes through some ten turns of the event loop, and each would be as long as the
pieces of all that goes on beside it."""

from __future__ import annotations

import asyncio
import threading
import time

LONGEST_S = 0.06  # for one key, whatever it does
REST_S = 0.01  # between two keys: the others go on, however fast somebody types
STEP_S = 0.002


class KeyPriority:
    """One a process, as there is one keyboard. `begin` may be called by any thread."""

    def __init__(self) -> None:
        self._until = 0.0
        self._over = threading.Event()
        self._over.set()

    def begin(self) -> None:
        """A key was typed. One that comes too early has no time of its own."""
        now = time.monotonic()
        if now < self._until + REST_S:
            return
        self._until = now + LONGEST_S
        self._over.clear()

    def end(self) -> None:
        """Its effect is on the screen."""
        self._until = min(self._until, time.monotonic())
        self._over.set()

    @property
    def waits(self) -> bool:
        """Whether a key has not had its effect yet."""
        return not self._over.is_set() and time.monotonic() < self._until

    async def share(self) -> None:
        """A turn for other tasks; until the end of one for a key."""
        await asyncio.sleep(0)
        while self.waits:
            await asyncio.sleep(STEP_S)

    def share_of_thread(self) -> None:
        """The same for a thread, which competes with the event loop for the interpreter."""
        if not self._over.is_set():
            self._over.wait(max(0.0, self._until - time.monotonic()))


KEY_PRIORITY = KeyPriority()
