"""What a capture itself lost lately, by the counts that tcpdump gives every few seconds, and what
came and podwire had no time to look at.

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
        self._unread: deque[tuple[float, int]] = deque()

    def note(self, state: CaptureState) -> None:
        if self._states and not _goes_on(self._states[-1], state):
            self._states.clear()
        self._states.append(state)
        while len(self._states) > 2 and self._states[1].at <= state.at - LATELY_S:
            self._states.popleft()
        self._forget(state.at)

    def note_unread(self, at: float, packets: int) -> None:
        """Packets that the kernel handed on, and that nothing is concluded from."""
        self._unread.append((at, packets))
        self._forget(at)

    def _forget(self, now: float) -> None:
        while self._unread and self._unread[0][0] <= now - LATELY_S:
            self._unread.popleft()

    @property
    def percent(self) -> float:
        """Of the packets that came, those that were not handed to the capture or not looked at; of
        a single count, of all."""
        dropped, received = self._counts()
        lost = dropped + sum(packets for _, packets in self._unread)
        return 100 * lost / max(lost, dropped + received) if lost > 0 else 0.0

    def _counts(self) -> tuple[int, int]:
        """(dropped by the kernel, received) lately."""
        if not self._states:
            return 0, 0
        last = self._states[-1]
        if len(self._states) == 1:
            return last.dropped_kernel, last.received
        first = self._states[0]
        return last.dropped_kernel - first.dropped_kernel, last.received - first.received


def _goes_on(before: CaptureState, state: CaptureState) -> bool:
    counted = state.dropped_kernel >= before.dropped_kernel and state.received >= before.received
    return state.capture == before.capture and counted
