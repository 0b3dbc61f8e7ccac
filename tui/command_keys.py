"""The key of the command line, and which other contexts can be gone to; what a line asks for is in
tui/entered_commands.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tui.keymap import KEYS
from tui.screens.base import ConsoleScreen
from tui.tabbed_app import TabbedApp

if TYPE_CHECKING:
    from tui.screens.cluster import ClusterScreen

LEAVING = "That ends it here, as {app.leave} does: who joined sees the end."


class ContextSwitch(NamedTuple):
    """Where the console goes once it was left; without a namespace to that of the context."""

    context: str
    namespace: str | None = None


class CommandKeys(TabbedApp):
    """`contexts` reads the names of the kubeconfig's contexts; None where there is none to read."""

    contexts: Callable[[], Sequence[str]] | None = None
    switch_to: ContextSwitch | None = None
    known_contexts: tuple[str, ...] = ()

    async def read_contexts(self) -> Sequence[str]:
        """As the kubeconfig is now. ConfigError where it cannot be read any more."""
        if self.contexts is not None:
            self.known_contexts = tuple(await asyncio.to_thread(self.contexts))
        return self.known_contexts

    async def action_command(self) -> None:
        if not isinstance(self.screen, ConsoleScreen):
            return
        from tui.entered_commands import EnteredCommands
        from tui.screens.command_line import CommandLine

        commands = EnteredCommands(self)
        await self.push_screen(CommandLine(commands.choices()), commands.entered)

    def cluster_screen(self) -> ClusterScreen | None:
        for screen in self.screen_stack:
            if isinstance(screen, ConsoleScreen) and screen.place == "cluster":
                return screen  # type: ignore[return-value]
        return None

    def leave_for(self, context: str, namespace: str | None = None) -> None:
        """By the rules of leaving: what is attached is closed, pods of podwire's are deleted."""
        wanted = ContextSwitch(context, namespace)
        captures, shared = self.control.captures.any_running(), self.control.sharing.share
        if not captures and shared is None:
            self._switch(wanted)
            return
        from tui.screens.confirm import Confirm

        what = "A capture is running" if captures else "This session is shared"
        title = f"{what}. Go to {context}?"
        text = KEYS.fill(LEAVING)
        if captures:
            text = f"{text} {self.control.captures.kept_text()}."
        ask = Confirm(title, text, (("y", "go there"),))
        self.push_screen(ask, lambda answer: self._switch(wanted) if answer else None)

    def _switch(self, wanted: ContextSwitch) -> None:
        self.switch_to = wanted
        self.exit(0)
