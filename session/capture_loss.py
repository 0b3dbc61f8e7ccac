"""What a capture itself lost lately, by the counts that tcpdump gives every few seconds.

Of the last seconds, not of all its life: a flood that is over says nothing of what is compared now.
"""

from __future__ import annotations

from collections import deque

from collectors.events import CaptureState

LATELY_S = 30.0  # what is compared is of the last 25 s


class CaptureLoss:
    """Of one target's capture. Counts are packets since it began."""

    def __init__(self) -> None:
        self._states: deque[CaptureState] = deque()

    def note(self, state: CaptureState) -> None:
        if self._states and not _goes_on(self._states[-1], state):
            self._states.clear()
        self._states.append(state)
        while len(self._states) > 2 and self._states[1].at <= state.at - LATELY_S:
            self._states.popleft()

    @property
    def percent(self) -> float:
        """Of the packets that came, those that the kernel did not hand to the capture; of a single
        count, of all."""
        if not self._states:
            return 0.0
        last = self._states[-1]
        dropped, received = last.dropped_kernel, last.received
        if len(self._states) > 1:
            dropped -= self._states[0].dropped_kernel
            received -= self._states[0].received
        return 100 * dropped / (dropped + received) if dropped > 0 else 0.0


def _goes_on(before: CaptureState, state: CaptureState) -> bool:
    counted = state.dropped_kernel >= before.dropped_kernel and state.received >= before.received
    return state.capture == before.capture and counted
