"""The guided tour of `podwire demo`: eight steps, each a key and what it does. Knows no screens."""

from __future__ import annotations

from collections.abc import Sequence

from collectors.frozen import frozen
from tui.keymap import KEYS


@frozen
class TourStep:
    """`action` is the id of what its key does; `text` has the ids of others in braces."""

    action: str
    text: str

    @property
    def key(self) -> str:
        """As Textual names it: the first where the action has several."""
        return KEYS.of(self.action)[0]

    @property
    def shown(self) -> str:
        """As it is written on a keyboard."""
        return KEYS.write(self.key)


STEPS = (
    TourStep("replay.play", "play this recorded incident; {replay.play} again pauses"),
    TourStep("replay.to_finding(1)", "go to the next finding"),
    TourStep("app.findings", "what is wrong, the evidence, what to do"),
    TourStep("findings.show", "the screen that shows it: the node's conntrack"),
    TourStep("app.step(-1)", "back to the pod: open targets have tabs"),
    TourStep("target.tab(2)", "its connections, failing ones first"),
    TourStep("list.choose", "one of them: handshake, losses, a ladder"),
    TourStep("app.timeline", "what came first, in order. {app.help} has all keys"),
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
        """`3 of 8, esc ends it:  d  …`; '' after the last step. It fits into 80 columns."""
        if self.is_over:
            return ""
        step = self._steps[self._done]
        number = f"{self._done + 1} of {len(self._steps)}"
        return f"{number}, esc ends it:  {step.shown}  {KEYS.fill(step.text)}"

    @property
    def short_text(self) -> str:
        """`3/8 d: …`, for two lines of a narrow terminal."""
        if self.is_over:
            return ""
        step = self._steps[self._done]
        return f"{self._done + 1}/{len(self._steps)} {step.shown}: {KEYS.fill(step.text)}"

    def pressed(self, key: str) -> bool:
        """Whether it was the key of the step: the next one begins."""
        if self.is_over or key not in KEYS.of(self._steps[self._done].action):
            return False
        self._done += 1
        return True

    def end(self) -> None:
        self._done = len(self._steps)
