"""Seconds from a key to the screen that it brings, beside the same console untroubled."""

from __future__ import annotations

import time

from tests.support.terminal import Tmux

TRIES = 3  # the best counts: the machine is shared
CALM_S = 0.2  # a bound below this would measure tmux and this process, not the console
SLOWER = 3.0  # a blocked event loop costs seconds


def key_seconds(tmux: Tmux, enough: float = 0.0) -> float:
    """Seconds from `?` to the help that it opens; the best of TRIES, or the first under `enough`."""
    best = _once(tmux)
    for _ in range(TRIES - 1):
        if best < enough:
            break
        best = min(best, _once(tmux))
    return best


def _once(tmux: Tmux) -> float:
    began = time.monotonic()
    tmux.keys("?")
    while "Everywhere" not in tmux.screen() and time.monotonic() - began < 3:
        time.sleep(0.01)
    seconds = time.monotonic() - began
    tmux.keys("?")
    tmux.gone("Everywhere")
    return seconds


class KeyLatency:
    """Made while nothing is wrong; keys must answer about as fast when something is."""

    def __init__(self, tmux: Tmux) -> None:
        self._tmux = tmux
        self.bound_s = max(CALM_S, SLOWER * key_seconds(tmux))

    def check(self, when: str) -> None:
        seconds = key_seconds(self._tmux, self.bound_s)
        assert seconds < self.bound_s, (
            f"a key needed {seconds:.3f} s {when}, over {self.bound_s:.3f} s"
        )
