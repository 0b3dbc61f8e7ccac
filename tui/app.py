"""The Textual application: themes, signals, tabs, leaving; everything else has a screen of its own.

It is drawn before its data source is imported: that needs 0.5 s, and longer on a cold bastion."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from textual import events
from textual.app import ComposeResult, ScreenError, SystemCommand
from textual.css.query import QueryError
from textual.dom import NoScreen
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import ModalScreen, Screen
from textual.widget import MountError
from textual.widgets import Input
from textual.worker import WorkerFailed

from collectors.errors import PodwireError
from session.crash import report_crash
from tui.actions import ACTIONS, bindings
from tui.background_imports import preload
from tui.command_keys import CommandKeys
from tui.garbage_collection import GarbageCollection
from tui.key_queue import Handled, KeyQueue
from tui.keymap import KEYS
from tui.look import TerminalLook
from tui.offered_keys import Offered, offered
from tui.pasted_text import safe_paste
from tui.replay_keys import ReplayKeys
from tui.screens.base import ConsoleScreen
from tui.share_keys import ShareKeys
from tui.terminal_driver import TerminalDriver
from tui.terminal_keys import TerminalKeys
from tui.themed_app import ThemedApp
from tui.tour_keys import TourKeys
from tui.widgets.header import Header, HeaderData

if TYPE_CHECKING:
    from session.controller import Controller

OURS = frozenset(action.name for action in ACTIONS if action.where in ("app", "lab", "replay"))
REPLAYS = frozenset(action.name.partition("(")[0] for action in ACTIONS if action.where == "replay")

WITHOUT_WIDGETS = (QueryError, ScreenError, NoScreen, MountError)

NOT_IN_MENU = ("command_palette", "quit")  # itself, and what `leave` does as well
QUITTING = "; {target.save} saves those listed as one file."


class OpenConsole(NamedTuple):
    """What a console works on; `first` is the key of the target to open, '' opens the cluster.
    `wanted` is a target by its name, which is opened as soon as it is listed. `is_demo`: a tour
    begins there. `contexts` reads which contexts there are, where others can be gone to; `notes`
    are said at once."""

    control: Controller
    first: str
    wanted: str = ""
    is_demo: bool = False
    contexts: Callable[[], Sequence[str]] | None = None
    notes: Sequence[str] = ()


class PodwireApp(ThemedApp, TerminalKeys, ReplayKeys, ShareKeys, CommandKeys, TourKeys):
    TITLE = "podwire"
    CSS_PATH = "podwire.tcss"
    BINDINGS = bindings("lab", "replay", "app")
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = ""  # the table has its key, and it is not in the footer

    def __init__(
        self,
        opening: Callable[[], Awaitable[OpenConsole]],
        name: str = "",
        look: TerminalLook | None = None,
    ) -> None:
        """`opening` is awaited after the first frame, which shows the `name` of what opens."""
        super().__init__()
        self._opening = opening
        self._name_of = name
        self.is_open = False
        self.failed: PodwireError | None = None  # why it could not be opened
        self._signalled: int | None = None
        self._tidy = GarbageCollection()
        self._typing = KeyQueue(self)
        self.look = look or TerminalLook()
        self.use_keys()
        self.begin_with(self.look.theme)

    def compose(self) -> ComposeResult:
        yield Header()

    def on_mount(self) -> None:
        self.query_one(Header).show(HeaderData(target=self._name_of, state="opening"))
        self._tidy.begin()
        self.set_interval(1.0, self._tidy.turn)
        self._catch_signals()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.run_worker(self._open())

    async def _open(self) -> None:
        try:
            opened = await self._opening()
        except PodwireError as error:
            self.failed = error
            self.exit(return_code=error.exit_code)
            return
        self.control, first = opened.control, opened.first
        self.contexts = opened.contexts
        self.is_open = True
        self.say_notices()
        self.begin_to_look()
        self.control.tasks.spawn(self._preload())
        if not first or self.control.lists_cluster:
            from tui.screens.cluster import ClusterScreen

            self.push_screen(ClusterScreen(self.control.store, self.control, opened.wanted))
        if first:
            from session.recorded_targets import node_beside

            self._show_target(first, node_beside(self.control.store, first))
        if opened.is_demo:
            self.begin_tour()
        for note in opened.notes:
            self.notify(note, severity="warning", timeout=30, markup=False)
        with contextlib.suppress(PodwireError):  # said when one is gone to
            await self.read_contexts()

    async def _preload(self) -> None:
        await self.control.painted.wait()
        await preload()
        self._tidy.freeze()

    def on_unmount(self) -> None:
        self._tidy.end()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Paste):
            await super().on_event(safe_paste(event, self.focused))
        elif not isinstance(event, events.Key):
            await super().on_event(event)
        elif event.is_forwarded:  # it bubbled: no widget handled it
            await super().on_event(event)
            self._typing.ended(event)
        elif self._typing.begins(event):
            self._tidy.key()
            if self.tour_has(event):
                self._typing.ended(event)
                return
            receiver = self.focused or self.screen
            await super().on_event(event)
            receiver.post_message(Handled(event))

    def on_handled(self, message: Handled) -> None:
        self._typing.ended(message.key)

    # --- leaving

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        return TerminalDriver if found is LinuxDriver else found

    def _handle_exception(self, error: Exception) -> None:
        """A dialog that opens while it is left finds its widgets gone: that is no error."""
        cause = error.error if isinstance(error, WorkerFailed) else error
        if not (self._exit and isinstance(cause, WITHOUT_WIDGETS)):
            super()._handle_exception(error)

    def _print_error_renderables(self) -> None:
        with contextlib.suppress(OSError):  # nobody reads it; the details are in the crash log
            super()._print_error_renderables()

    def _catch_signals(self) -> None:
        """Textual restores the terminal on a clean exit only; SIGTERM and SIGHUP would leave it
        in raw mode."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        self._signalled = number
        self.exit(128 + number, return_code=128 + number)

    async def action_interrupt(self) -> None:
        if self.is_open and self.control.captures.any_running():
            await self.control.captures.stop_all()
            self.notify(KEYS.fill("Captures stopped. {app.leave} quits."), markup=False)
        else:
            self.action_leave()

    def action_leave(self) -> None:
        if not self.is_open or not self.control.captures.any_running():
            self.exit(0)
            return
        from tui.screens.confirm import Confirm

        kept = self.control.captures.kept_text()
        text = f"Quitting stops it. {kept}{KEYS.fill(QUITTING)}"
        ask = Confirm("A capture is running. Quit?", text, (("y", "quit"),))
        self.push_screen(ask, lambda answer: self.exit(0) if answer else None)

    async def action_quit(self) -> None:
        """Textual's own name for it."""
        self.action_leave()

    def _fatal_error(self) -> None:
        """A sentence on the screen; the traceback, without local variables (tokens), in a file."""
        first = self._exception  # what follows it is often only its effect
        message = report_crash(first.error if isinstance(first, WorkerFailed) else first)
        self._exit_renderables.append(message)
        self._close_messages_no_wait()

    # --- everywhere

    def action_help(self) -> None:
        from tui.screens.help import Help

        if isinstance(self.screen, Help):
            self.screen.dismiss(None)
        else:
            panels = getattr(self.screen, "panels", None)
            lists = tuple(panels.by_name) if panels is not None else ()
            self.push_screen(Help(lists, self._offered(), self.look.keymap))

    def _offered(self) -> Offered:
        places = (one.place for one in self.screen_stack if isinstance(one, ConsoleScreen))
        return offered(self.control, "cluster" in places)

    def action_findings(self) -> None:
        from tui.screens.findings import FindingsScreen

        if isinstance(self.screen, FindingsScreen):
            self.pop_screen()
        elif isinstance(self.screen, ConsoleScreen):
            self.push_screen(FindingsScreen(self.control.store, self.control))

    def action_timeline(self) -> None:
        from tui.screens.timeline import TimelineScreen

        if isinstance(self.screen, TimelineScreen):
            self.pop_screen()
        elif isinstance(self.screen, ConsoleScreen):
            key = getattr(self.screen, "key", "")
            self.push_screen(TimelineScreen(self.control.store, self.control, key))

    def action_mark(self) -> None:
        from tui.screens.mark_note import MarkNote

        key = str(getattr(self.screen, "key", ""))
        self.push_screen(MarkNote(), lambda note: self._set_mark(note, key))

    def _set_mark(self, note: str | None, key: str) -> None:
        if note is None:
            return
        try:
            self.control.mark(note, key)
        except PodwireError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        kept = "" if self.control.replay is None else " Of a recording it is kept until you quit."
        shown = KEYS.fill("A mark is set: {app.timeline} shows the timeline.")
        self.notify(f"{shown}{kept}", markup=False)

    def action_faults(self) -> None:
        from tui.screens.faults import Faults

        if self.control.is_lab:
            self.push_screen(Faults(self.control))
        else:
            self.notify("Faults are the lab's: start it with `podwire lab`.", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if isinstance(self.focused, Input):
            return action not in OURS
        if isinstance(self.screen, ModalScreen):  # a dialog has all keys but ctrl+c
            return action == "interrupt" or action not in OURS
        if not self.is_open:
            return action in ("leave", "quit", "interrupt") or action not in OURS
        if action in REPLAYS:
            return self.control.replay is not None
        return self.control.is_lab if action == "faults" else True

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: what can be done here, from the table of actions."""
        if not self.is_open:
            return
        place = screen.place if isinstance(screen, ConsoleScreen) else ""
        places = {"app", "lab", "replay", place}
        for action in self._offered().of(ACTIONS):
            if action.where in places and action.name not in NOT_IN_MENU:
                namespace = "app" if action.where in ("app", "lab", "replay") else "screen"
                yield SystemCommand(
                    action.label,
                    action.help,
                    lambda a=f"{namespace}.{action.name}": self.call_later(self.run_action, a),
                )
