"""Tabs: a screen for each open target, the cluster's below them, and how to go from one to
another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from textual.screen import Screen

from tui.screens.base import CloseTarget, ConsoleScreen, ShowTarget
from tui.toasts import Toasts
from tui.widgets.target_tabs import Targets

if TYPE_CHECKING:
    from session.controller import Controller
    from tui.screens.target import TargetScreen


class TabbedApp(Toasts):
    control: Controller  # set when the console is open

    def _show_target(self, key: str, node: str = "") -> None:
        name = self._installed(key, node)
        if (shown := self._target_in_stack()) is None:
            self.push_screen(name)
            return
        self._pop_to(shown)
        if shown.key != key:
            self.switch_screen(name)

    def _installed(self, key: str, node: str = "") -> str:
        """The name of a target's screen, which is made where its tab was not shown yet."""
        name, tab = f"target:{key}", self.control.targets.open_tab(key, node)
        if not self.is_screen_installed(name):
            from tui.screens.target import TargetScreen

            screen = TargetScreen(self.control.store, self.control, key, tab.node)
            self.install_screen(screen, name)
        return name

    def _target_in_stack(self) -> TargetScreen | None:
        """At most one target's screen is open; the others are installed, and switched to."""
        for screen in self.screen_stack:
            if isinstance(screen, ConsoleScreen) and screen.place == "target":
                return cast("TargetScreen", screen)
        return None

    def _shown_target(self) -> TargetScreen | None:
        """The target's screen where it is on top."""
        found = self._target_in_stack()
        return found if found is self.screen else None

    def _pop_to(self, screen: Screen[Any]) -> None:
        while self.screen is not screen:
            self.pop_screen()

    def on_show_target(self, message: ShowTarget) -> None:
        if not message.key:
            self.go("")
            if isinstance(self.screen, ConsoleScreen) and self.screen.place == "cluster":
                self.screen.show(message.view, message.words)
            return
        self._show_target(message.key, message.node)
        if message.view and (shown := self._shown_target()):
            self.call_after_refresh(shown.show, message.view)

    def on_targets_tab_chosen(self, message: Targets.TabChosen) -> None:
        self.go(message.key)

    def go(self, key: str) -> None:
        """To a tab; '' is the cluster's."""
        if key:
            self._show_target(key)
            return
        for screen in self.screen_stack:
            if isinstance(screen, ConsoleScreen) and screen.place == "cluster":
                self._pop_to(screen)

    def action_step(self, by: int) -> None:
        """The next tab, or the one before; the cluster is the first."""
        if not isinstance(self.screen, ConsoleScreen) or not self.screen.place:
            return
        cluster = [""] if self.control.lists_cluster else []
        keys = [*cluster, *(tab.key for tab in self.control.targets.tabs)]
        here = shown.key if (shown := self._shown_target()) else ""
        if here in keys and len(keys) > 1:
            self.go(keys[(keys.index(here) + by) % len(keys)])

    async def on_close_target(self, message: CloseTarget) -> None:
        """Close a target's tab. The last one of a console without a cluster stays."""
        name = f"target:{message.key}"
        if len(self.screen_stack) <= 2 and len(self.control.targets.tabs) < 2:
            return
        self.control.targets.close_tab(message.key)
        if (closing := self._target_in_stack()) is not None:
            self._pop_to(closing)
        if len(self.screen_stack) > 2:
            await self.pop_screen()
        else:
            await self.switch_screen(self._installed(self.control.targets.tabs[0].key))
        closed = self.get_screen(name)
        self.uninstall_screen(name)
        await closed.remove()
