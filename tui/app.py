"""The Textual application: themes, signals, leaving; everything else has a screen of its own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterable

from textual import events
from textual.app import App, SystemCommand
from textual.screen import Screen
from textual.widgets import Input

import themes
from tui.actions import ACTIONS, bindings
from tui.control import Control
from tui.crash import told
from tui.preload import preload
from tui.screens.base import CloseTarget, ConsoleScreen, ShowTarget
from tui.screens.target import TargetScreen
from tui.store import Store
from tui.tidy import Tidy
from tui.typeahead import Handled, TypeAhead
from tui.widgets.targets import Targets

OURS = frozenset(action.name for action in ACTIONS if action.where in ("app", "lab"))


class PodwireApp(App[int]):
    TITLE = "podwire"
    CSS_PATH = "podwire.tcss"
    BINDINGS = bindings("lab", "app")
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, store: Store, control: Control, first: str = "", theme: str = themes.DEFAULT) -> None:
        """`first` is the key of the target to open; '' opens the cluster."""
        super().__init__()
        self.store = store
        self.control = control
        self.first = first
        self._signalled: int | None = None
        self._tidy = Tidy()
        self._typing = TypeAhead(self)
        control.painted.clear()
        self.begin_with(theme)

    def begin_with(self, name: str) -> None:
        """Set before the style sheets are read: to change it later reads and applies them all again."""
        for theme in themes.all_themes():
            self.register_theme(theme)
        self.set_reactive(App.theme, name)
        self.stylesheet.set_variables(self.get_css_variables())
        self.set_class(self.current_theme.dark, "-dark-mode", update=False)
        self.set_class(not self.current_theme.dark, "-light-mode", update=False)

    def on_mount(self) -> None:
        self.control.start()
        self.control.spawn(self._preload())
        self._tidy.begin()
        self.set_interval(1.0, self._tidy.turn)
        self._catch_signals()
        if self.first:
            nodes = (key for key in self.store.targets if key.startswith("node/"))
            beside = next(nodes, "") if self.first.startswith("pod/") else ""
            self._show_target(self.first, beside)
        else:
            from tui.screens.cluster import ClusterScreen

            self.push_screen(ClusterScreen(self.store, self.control))

    async def _preload(self) -> None:
        await self.control.painted.wait()
        await preload()
        self._tidy.settled()

    def on_unmount(self) -> None:
        self._tidy.end()

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key):
            await super().on_event(event)
        elif event.is_forwarded:  # it bubbled: no widget took it
            await super().on_event(event)
            self._typing.ended(event)
        elif self._typing.begins(event):
            self._tidy.key()
            taker = self.focused or self.screen
            await super().on_event(event)
            taker.post_message(Handled(event))

    def on_handled(self, message: Handled) -> None:
        self._typing.ended(message.key)

    # --- a tab each target

    def _show_target(self, key: str, node: str = "") -> None:
        name = f"target:{key}"
        self.control.open_tab(key, node)
        if not self.is_screen_installed(name):
            self.install_screen(TargetScreen(self.store, self.control, key, node), name)
        if isinstance(self.screen, TargetScreen):
            if self.screen.key != key:
                self.switch_screen(name)
        else:
            self.push_screen(name)

    def on_show_target(self, message: ShowTarget) -> None:
        if not message.key:
            self._go("")
            if isinstance(self.screen, ConsoleScreen) and self.screen.place == "cluster":
                self.screen.show(message.view, message.words)
            return
        self._show_target(message.key, message.node)
        if message.view and isinstance(self.screen, TargetScreen):
            self.call_after_refresh(self.screen.show, message.view)

    def on_targets_chosen(self, message: Targets.Chosen) -> None:
        self._go(message.key)

    def _go(self, key: str) -> None:
        """To a tab; '' is the cluster's."""
        if key:
            self._show_target(key)
        elif isinstance(self.screen, TargetScreen) and len(self.screen_stack) > 2:
            self.pop_screen()

    def action_step(self, by: int) -> None:
        """The next tab, or the one before; the cluster is the first."""
        if not isinstance(self.screen, ConsoleScreen) or not self.screen.place:
            return
        keys = [*([""] if self.control.cluster is not None else []), *(o.key for o in self.control.opened)]
        here = self.screen.key if isinstance(self.screen, TargetScreen) else ""
        if here in keys and len(keys) > 1:
            self._go(keys[(keys.index(here) + by) % len(keys)])

    async def on_close_target(self, message: CloseTarget) -> None:
        """Close a target's tab. The last one of a console without a cluster stays."""
        name = f"target:{message.key}"
        if len(self.screen_stack) <= 2 and len(self.control.opened) < 2:
            return
        self.control.close_tab(message.key)
        if len(self.screen_stack) > 2:
            await self.pop_screen()
        else:
            await self.switch_screen(f"target:{self.control.opened[0].key}")
        closed = self.get_screen(name)
        self.uninstall_screen(name)
        await closed.remove()

    # --- leaving

    def _catch_signals(self) -> None:
        """Textual restores the terminal on a clean exit only; SIGTERM and SIGHUP would leave it in raw mode."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        self._signalled = number
        self.exit(128 + number, return_code=128 + number)

    async def action_interrupt(self) -> None:
        if self.control.capturing():
            await self.control.stop_captures()
            self.notify("Captures stopped. q leaves podwire.", markup=False)
        else:
            self.action_leave()

    def action_leave(self) -> None:
        if not self.control.capturing():
            self.exit(0)
            return
        from tui.screens.confirm import Confirm

        text = "It ends then. What it captured is kept on disk; w saves the list as one file."
        ask = Confirm("A capture is running. Leave?", text, (("y", "leave"),))
        self.push_screen(ask, lambda answer: self.exit(0) if answer else None)

    def _fatal_error(self) -> None:
        """A sentence on the screen and the traceback, without local variables (they hold tokens), in a file."""
        message = told(self._exception)  # the first: what follows it is often only its wake
        self._exit_renderables.append(message)
        self._close_messages_no_wait()

    # --- everywhere

    def action_help(self) -> None:
        from tui.screens.help import Help

        if isinstance(self.screen, Help):
            self.screen.dismiss(None)
        else:
            self.push_screen(Help())

    def action_findings(self) -> None:
        from tui.screens.findings import FindingsScreen

        if isinstance(self.screen, FindingsScreen):
            self.pop_screen()
        elif isinstance(self.screen, ConsoleScreen):
            self.push_screen(FindingsScreen(self.store, self.control))

    def action_faults(self) -> None:
        from tui.screens.faults import Faults

        if self.control.is_lab:
            self.push_screen(Faults(self.control))
        else:
            self.notify("Faults belong to the lab: start it with `podwire lab`.", markup=False)

    def action_next_theme(self) -> None:
        names = [theme.name for theme in themes.all_themes()]
        place = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(place + 1) % len(names)]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if isinstance(self.focused, Input):
            return action not in OURS
        return self.control.is_lab if action == "faults" else True

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: what can be done here, from the table of actions."""
        place = screen.place if isinstance(screen, ConsoleScreen) else ""
        places = ("app", place, *(("lab",) if self.control.is_lab else ()))
        for action in ACTIONS:
            if action.where in places and action.name != "command_palette":
                namespace = "app" if action.where in ("app", "lab") else "screen"
                yield SystemCommand(
                    action.label,
                    action.help,
                    lambda a=f"{namespace}.{action.name}": self.call_later(self.run_action, a),
                )
