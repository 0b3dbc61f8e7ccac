"""The keys that move a replay: they work on every screen, and only where something is replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App

from collectors.errors import ConfigError

if TYPE_CHECKING:
    from session.controller import Controller
    from session.replay_player import ReplayPlayer


class ReplayKeys(App[int]):
    control: Controller

    @property
    def player(self) -> ReplayPlayer | None:
        return self.control.replay

    def action_play(self) -> None:
        if self.player is not None:
            self.player.toggle()

    def action_speed(self, steps: int) -> None:
        if self.player is not None:
            self.player.change_speed(steps)

    def action_skip(self, seconds: int) -> None:
        if self.player is not None:
            self.player.skip(seconds)

    def action_to_finding(self, direction: int) -> None:
        if self.player is not None and not self.player.go_to_finding(direction):
            self._say_none("finding", direction)

    def action_to_mark(self, direction: int) -> None:
        if self.player is not None and not self.player.go_to_mark(direction):
            self._say_none("mark", direction)

    def _say_none(self, what: str, direction: int) -> None:
        where = "after" if direction > 0 else "before"
        self.notify(f"There is no {what} {where} this time.", markup=False)

    def action_to_time(self) -> None:
        from tui.screens.go_to_time import GoToTime

        if self.player is not None:
            self.push_screen(GoToTime(self.player.began, self.player.ended), self._go_to_time)

    def _go_to_time(self, text: str | None) -> None:
        if not text or self.player is None:
            return
        try:
            self.player.go_to(text)
        except ConfigError as error:
            self.notify(str(error), severity="warning", markup=False)
