"""How long to wait before trying again: doubling, with jitter, never less than what the server asked for."""

from __future__ import annotations

import random

JITTER = 0.2  # so that the streams that one fault broke do not all come back at once


class Backoff:
    def __init__(self, first: float = 0.5, longest: float = 15.0) -> None:
        """Seconds of the first wait and of the longest."""
        self._first = first
        self._longest = longest
        self._next = first

    def reset(self) -> None:
        self._next = self._first

    def next(self, at_least: float = 0.0) -> float:
        """Seconds to wait this time."""
        wait = max(self._next, at_least)
        self._next = min(self._next * 2, self._longest)
        return wait * random.uniform(1.0, 1.0 + JITTER)
