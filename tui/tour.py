"""The guided tour of `podwire demo`: eight steps, each a key and what it does. Knows no screens."""

from __future__ import annotations

from collections.abc import Sequence

from collectors.frozen import frozen


@frozen
class TourStep:
    """`key` as Textual names it, `shown` as it is written on a keyboard."""

    key: str
    shown: str
    text: str


STEPS = (
    TourStep("P", "P", "a recorded incident: play it. P again pauses"),
    TourStep("right_curly_bracket", "}", "go to the next thing that was found"),
    TourStep("d", "d", "what is wrong, by which figures, what to do"),
    TourStep("s", "s", "the screen that shows it: the node's conntrack"),
    TourStep("left_square_bracket", "[", "back to the pod: what is open has a tab"),
    TourStep("2", "2", "its connections, those that fail first"),
    TourStep("enter", "enter", "one of them: handshake, losses, a ladder"),
    TourStep("t", "t", "what came first, in order. ? has all keys"),
)


class Tour:
    """Where somebody is in it. A key that is not the step's does what it always does."""

    def __init__(self, steps: Sequence[TourStep] = STEPS) -> None:
        self._steps = steps
        self._done = 0

    @property
    def is_over(self) -> bool:
        return self._done >= len(self._steps)

    @property
    def text(self) -> str:
        """`3 of 8, esc ends it:  d  …`; '' where it is over. It fits into 80 columns."""
        if self.is_over:
            return ""
        step = self._steps[self._done]
        number = f"{self._done + 1} of {len(self._steps)}"
        return f"{number}, esc ends it:  {step.shown}  {step.text}"

    def pressed(self, key: str) -> bool:
        """Whether it was the key of the step: the next one begins."""
        if self.is_over or key != self._steps[self._done].key:
            return False
        self._done += 1
        return True

    def end(self) -> None:
        self._done = len(self._steps)
