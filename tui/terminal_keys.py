"""What the app does with the terminal besides drawing: copies, mouse, title, a sign for what is
critical and new."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from textual.app import App

from tui import terminal_sequences as sequences
from tui.keymap import KEYS
from tui.look import TerminalLook
from tui.screens.base import ConsoleScreen

if TYPE_CHECKING:
    from collectors.findings import Finding
    from session.controller import Controller

TURN_S = 1.0
LEAST_COLUMNS, LEAST_ROWS = 40, 12  # below which lists and keys are cut to nothing


class TerminalKeys(App[int]):
    control: Controller
    look: TerminalLook = TerminalLook()
    is_open = False
    _title_shown = ""
    _mouse_on = False
    _mouse_changed = False
    _is_small = False
    _critical: frozenset[object] | None = None  # keys of findings; None before the first look

    def on_mount(self) -> None:
        self._mouse_on = self.look.mouse
        self.set_interval(TURN_S, self._turn)

    def on_unmount(self) -> None:
        if self._title_shown:
            self.write(sequences.TITLE_BACK)
        if self._mouse_changed and self._mouse_on:
            self.write(sequences.mouse(False))

    def write(self, sequence: str) -> None:
        """To the terminal, in order with what is drawn."""
        if self._driver is not None:
            self._driver.write(sequence)

    def _turn(self) -> None:
        self._notice_small()
        if self.is_open:
            self._show_title()
            self._notice_critical()

    def _notice_small(self) -> None:
        """Once, whenever it became so."""
        columns, rows = self.size
        is_small = columns < LEAST_COLUMNS or rows < LEAST_ROWS
        if is_small and not self._is_small:
            least = f"{LEAST_COLUMNS} x {LEAST_ROWS}"
            text = f"{columns} x {rows} is too small: podwire needs {least}."
            self.notify(text, severity="warning", markup=False)
        self._is_small = is_small

    # --- the title

    def _show_title(self) -> None:
        bare = os.environ.get("TERM", "") in sequences.BARE
        wanted = self._wanted_title() if self.look.title and not bare else ""
        if not wanted or wanted == self._title_shown:
            return
        if not self._title_shown:
            self.write(sequences.TITLE_KEPT)
        self._title_shown = wanted
        self.write(sequences.title(wanted))

    def _wanted_title(self) -> str:
        start = self.control.store.start
        shown = [one for one in self.screen_stack if isinstance(one, ConsoleScreen)]
        key = str(getattr(shown[-1], "key", "")) if shown else ""
        parts = ("podwire", key.partition("/")[2], start.context if start else "")
        return " - ".join(part for part in parts if part)

    # --- what is critical

    def _notice_critical(self) -> None:
        if self.look.bell == "off" or self.control.replay is not None:
            return
        findings = self.control.store.findings.current
        critical = [one for one in findings if one.severity == "critical"]
        before, self._critical = self._critical, frozenset(one.key for one in critical)
        if before is not None and (new := [one for one in critical if one.key not in before]):
            self._signal(new[0])

    def _signal(self, finding: Finding) -> None:
        if self.look.bell == "bell":
            self.write(sequences.BELL)
        else:
            self.write(sequences.notification(f"podwire: {finding.where}: {finding.title}"))

    # --- keys

    def action_mouse(self) -> None:
        self._mouse_on, self._mouse_changed = not self._mouse_on, True
        self.write(sequences.mouse(self._mouse_on))
        text = "The mouse is podwire's: {app.mouse} gives it back to the terminal."
        if not self._mouse_on:
            text = "The mouse is the terminal's, to select text: {app.mouse} changes that."
        self.notify(KEYS.fill(text), markup=False)

    def action_copy(self) -> None:
        """What was selected by the mouse, else the row, finding or page that is shown."""
        text = self.screen.get_selected_text() or ""
        if not text and isinstance(self.screen, ConsoleScreen):
            text = self.screen.copied_text()
        self.copy_text(text)

    def copy_text(self, text: str) -> None:
        if text:
            self.run_worker(self._copy(text))
        else:
            self.notify("There is nothing here to copy.", markup=False)

    async def _copy(self, text: str) -> None:
        from tui.clipboard import copied

        self.notify(await copied(text, self.write), markup=False)
