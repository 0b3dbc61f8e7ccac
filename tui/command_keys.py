"""What the command line does: another context or namespace, favourites, lists, targets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from collectors.errors import PodwireError
from session.favourites import ContextNamespace, Favourites
from tui.command_line import CommandChoices, namespace_of, place_of, typed
from tui.screens.base import ConsoleScreen
from tui.tabbed_app import TabbedApp

if TYPE_CHECKING:
    from tui.screens.cluster import ClusterScreen

NO_CONTEXTS = (
    "This console cannot go to another context: it is of no kubeconfig. Quit, and start "
    "`podwire --context NAME`."
)
NO_CLUSTER = "There is no cluster here: this console looks at a machine, a file or a recording."


class ContextSwitch(NamedTuple):
    """Where the console goes once it was left; without a namespace to that of the context."""

    context: str
    namespace: str | None = None


class CommandKeys(TabbedApp):
    """`contexts` reads the names of the kubeconfig's contexts; None where there is none to read."""

    contexts: Callable[[], Sequence[str]] | None = None
    switch_to: ContextSwitch | None = None
    _known_contexts: tuple[str, ...] = ()

    async def read_contexts(self) -> Sequence[str]:
        """As the kubeconfig is now. ConfigError where it cannot be read any more."""
        if self.contexts is not None:
            self._known_contexts = tuple(await asyncio.to_thread(self.contexts))
        return self._known_contexts

    async def action_command(self) -> None:
        if isinstance(self.screen, ConsoleScreen):
            from tui.screens.command_line import CommandLine

            await self.push_screen(CommandLine(self._choices()), self._entered)

    def _choices(self) -> CommandChoices:
        lists = self._cluster_screen()
        names = [name for name, _ in lists.namespaces() if name] if lists else []
        places = Favourites().places if self.contexts is not None else []
        return CommandChoices(self._known_contexts, tuple(names), tuple(places), self._here())

    def _cluster_screen(self) -> ClusterScreen | None:
        for screen in self.screen_stack:
            if isinstance(screen, ConsoleScreen) and screen.place == "cluster":
                return screen  # type: ignore[return-value]
        return None

    def _here(self) -> ContextNamespace:
        start, lists = self.control.store.start, self._cluster_screen()
        namespace = lists.namespace if lists is not None else None
        return ContextNamespace(start.context if start else "", namespace or "")

    def _entered(self, text: str | None) -> None:
        if text:
            self.run_worker(self._obey(text))

    async def _obey(self, text: str) -> None:
        try:
            line = typed(text)
            doing = getattr(self, f"_command_{line.command}")
            await doing(line.argument)
        except PodwireError as error:
            self._say(str(error), "error")

    def _say(self, text: str, severity: str = "information") -> None:
        self.notify(text, severity=severity, markup=False)  # type: ignore[arg-type]

    # --- places

    async def _command_ctx(self, argument: str) -> None:
        if self.contexts is None:
            self._say(NO_CONTEXTS, "warning")
            return
        known = await self.read_contexts()
        if not argument:
            self._say(f"This is {self._here().context}; : and ctx NAME goes to another context.")
            return
        place = place_of(argument, known)
        if place.context == self._here().context:
            await self._command_ns(place.namespace or "all")
            return
        self._leave_for(ContextSwitch(place.context, place.namespace or None))

    async def _command_login(self, _: str) -> None:
        """The same again: a credential plugin may ask on the terminal, which is its own
        meanwhile."""
        start = self.control.store.start
        if self.contexts is None or start is None:
            self._say(NO_CONTEXTS, "warning")
            return
        self._leave_for(ContextSwitch(start.context, start.namespace))

    async def _command_fav(self, argument: str) -> None:
        if self.contexts is not None and not argument:
            self._say("There are no favourites yet: : and keep adds this context and namespace.")
            return
        await self._command_ctx(argument)

    async def _command_keep(self, _: str) -> None:
        if self.contexts is None:
            self._say(NO_CONTEXTS, "warning")
            return
        here = self._here()
        added = await asyncio.to_thread(lambda: Favourites().add(here))
        self._say(f"{here.text} is a favourite{'' if added else ' already'}: : and fav goes there.")

    async def _command_forget(self, argument: str) -> None:
        here = self._here()
        place = place_of(argument, {one.context for one in Favourites().places})
        removed = await asyncio.to_thread(lambda: Favourites().remove(place if argument else here))
        self._say(f"{argument} is {'a favourite no longer' if removed else 'no favourite'}.")

    async def _command_ns(self, argument: str) -> None:
        lists = self._cluster_screen()
        if lists is None:
            self._say(NO_CLUSTER, "warning")
            return
        if not argument:
            self._say(f"This is {self._here().namespace or 'all namespaces'}.")
            return
        known = [name for name, _ in lists.namespaces()]
        if argument not in known and self._lists_one_namespace():
            self._look_in(argument)
            return
        name = namespace_of(argument, known)
        self._go("")
        lists.choose_namespace(name)

    def _lists_one_namespace(self) -> bool:
        """Where one namespace alone may be listed, another is another connection."""
        return self.control.store.coverage("pods").state in ("namespace", "refused")

    def _look_in(self, namespace: str) -> None:
        if self.contexts is None:
            text = f"Not all namespaces are listed here: start `podwire -n {namespace}`."
            self._say(text, "warning")
            return
        wanted = "" if namespace in ("all", "*", "-") else namespace
        self._leave_for(ContextSwitch(self._here().context, wanted))

    def _leave_for(self, wanted: ContextSwitch) -> None:
        """By the rules of leaving: what is attached is closed, pods of podwire's are deleted."""
        captures, shared = self.control.captures.any_running(), self.control.sharing.share
        if not captures and shared is None:
            self._switch(wanted)
            return
        from tui.screens.confirm import Confirm

        what = "A capture is running" if captures else "This session is shared"
        title = f"{what}. Go to {wanted.context}?"
        text = "That ends it here, as q does: packets stay on disk, who joined sees the end."
        ask = Confirm(title, text, (("y", "go there"),))
        self.push_screen(ask, lambda answer: self._switch(wanted) if answer else None)

    def _switch(self, wanted: ContextSwitch) -> None:
        self.switch_to = wanted
        self.exit(0)

    # --- lists, targets, the rest

    async def _show_list(self, view: str) -> None:
        lists = self._cluster_screen()
        if lists is None:
            self._say(NO_CLUSTER, "warning")
            return
        self._go("")
        await lists.run_action(view)

    async def _command_pods(self, _: str) -> None:
        await self._show_list("pods")

    async def _command_nodes(self, _: str) -> None:
        await self._show_list("nodes")

    async def _command_services(self, _: str) -> None:
        await self._show_list("services")

    async def _command_open(self, argument: str) -> None:
        lists = self._cluster_screen()
        if lists is None:
            self._say(NO_CLUSTER, "warning")
            return
        self._go("")
        lists.wanted = argument
        lists.open_wanted()

    async def _command_help(self, _: str) -> None:
        await self.run_action("help")

    async def _command_quit(self, _: str) -> None:
        await self.run_action("leave")
