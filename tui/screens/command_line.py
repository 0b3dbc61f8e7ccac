"""The command line: a `:` at the foot of the screen, what it may become above it."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from tui.command_line import (
    BY_NAME,
    CommandChoices,
    Completion,
    completions,
    is_incomplete,
    split,
)
from tui.screens.leaving import Dialog
from tui.widgets.columns import fit

SHOWN = 8  # completions
LONGEST = 400  # characters
KEYS = "enter  do it   tab  complete   ↑ ↓  choose   esc  back"


class CommandLine(Dialog[str | None]):
    """Ends with the line that was entered, or None."""

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss", "back"),
        Binding("tab", "complete", priority=True),
        Binding("down,ctrl+n", "choose(1)", priority=True),
        Binding("up,ctrl+p", "choose(-1)", priority=True),
    ]

    def __init__(self, choices: CommandChoices) -> None:
        super().__init__()
        self._choices = choices
        self._found: list[Completion] = []
        self._chosen = -1  # none: the line as it was typed

    def compose(self) -> ComposeResult:
        with Vertical(id="command"):
            yield Static("", id="completions", markup=False)
            with Horizontal(id="command-row"):
                yield Static(":", id="command-colon", markup=False)
                yield Input(max_length=LONGEST, id="command-text")

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False
        self._find()

    def on_resize(self) -> None:
        self._draw()

    # --- completions

    def on_input_changed(self) -> None:
        self._find()

    def _find(self) -> None:
        self._found = completions(self.query_one(Input).value, self._choices)
        self._chosen = -1
        self._draw()

    def _draw(self) -> None:
        width = max(self.size.width - 2, 1)
        names = max((len(one.shown) for one in self._found), default=0)
        text = Text(no_wrap=True, overflow="ellipsis")
        first = max(0, min(self._chosen - SHOWN // 2, len(self._found) - SHOWN))
        for number, one in enumerate(self._found[first : first + SHOWN], first):
            style = "reverse" if number == self._chosen else ""
            text.append(fit(f"{one.shown.ljust(names)}  {one.note}", width), style)
            text.append("\n")
        more = len(self._found) - SHOWN
        text.append(fit(f"{KEYS}{f'   {more} more' if more > 0 else ''}", width), "dim")
        self.query_one("#completions", Static).update(text)

    def action_choose(self, by: int) -> None:
        if self._found:
            self._chosen = max(-1, min(len(self._found) - 1, self._chosen + by))
            self._draw()

    def action_complete(self) -> None:
        """The chosen completion, or the only one, or as much as all begin with."""
        if not self._found:
            return
        if self._chosen >= 0 or len(self._found) == 1:
            self._write(self._found[max(self._chosen, 0)].text)
            return
        texts = [one.text for one in self._found]
        same = 0
        while len({text[: same + 1] for text in texts}) == 1 and same < min(map(len, texts)):
            same += 1
        if same > len(self.query_one(Input).value):
            self._write(texts[0][:same])
        else:
            self.action_choose(1)

    def _write(self, text: str) -> None:
        box = self.query_one(Input)
        box.value = text
        box.cursor_position = len(text)

    # --- what is entered

    def on_input_submitted(self, event: Input.Submitted) -> None:
        text = event.value
        if self._chosen >= 0:
            text = self._found[self._chosen].text
        elif self._is_begun(text):
            if len(self._found) > 1:
                self.action_choose(1)
                return
            text = self._found[0].text
        if is_incomplete(text) and completions(f"{text.strip()} ", self._choices):
            self._write(f"{text.strip()} ")  # shows what may follow
        else:
            self.dismiss(text.strip() or None)

    def _is_begun(self, text: str) -> bool:
        """Whether it is the beginning of a command, or of what one thing alone has."""
        name, argument = split(text)
        is_command = not argument and name not in BY_NAME
        return bool(name) and bool(self._found) and (is_command or len(self._found) == 1)
