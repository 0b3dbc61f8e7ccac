"""What the command line does: another context or namespace, favourites, lists, targets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from collectors.errors import ConfigError, PodwireError
from collectors.sanitize import sanitize
from session.favourites import ContextNamespace, Favourites
from tui.command_line import CommandChoices, namespace_of, place_of, typed
from tui.keymap import KEYS

if TYPE_CHECKING:
    from tui.command_keys import CommandKeys

NO_CONTEXTS = (
    "This console cannot go to another context: it is of no kubeconfig. Quit, and start "
    "`podwire --context NAME`."
)
NO_FAVOURITES = (
    "There are no favourites yet: {app.command} and keep adds this context and namespace."
)
NO_CLUSTER = "There is no cluster here: this console looks at a machine, a file or a recording."


class EnteredCommands:
    """Imported with the first `:`, which reads the favourites as well."""

    def __init__(self, app: CommandKeys) -> None:
        self._app = app

    def choices(self) -> CommandChoices:
        lists = self._app.cluster_screen()
        names = [name for name, _ in lists.namespaces() if name] if lists else []
        places = Favourites().places if self._app.contexts is not None else []
        return CommandChoices(self._app.known_contexts, tuple(names), tuple(places), self._here())

    def _here(self) -> ContextNamespace:
        start, lists = self._app.control.store.start, self._app.cluster_screen()
        namespace = lists.namespace if lists is not None else None
        return ContextNamespace(start.context if start else "", namespace or "")

    def entered(self, text: str | None) -> None:
        if text:
            self._app.run_worker(self._obey(text))

    async def _obey(self, text: str) -> None:
        try:
            line = typed(text)
            doing = getattr(self, f"_command_{line.command}")
            await doing(line.argument)
        except PodwireError as error:
            self._say(str(error), "error")

    def _say(self, text: str, severity: str = "information") -> None:
        self._app.notify(text, severity=severity, markup=False)  # type: ignore[arg-type]

    # --- places

    async def _command_ctx(self, argument: str) -> None:
        if self._app.contexts is None:
            self._say(NO_CONTEXTS, "warning")
            return
        known = await self._app.read_contexts()
        if not argument:
            other = KEYS.fill("{app.command} and ctx NAME goes to another context.")
            self._say(f"This is {self._here().context}; {other}")
            return
        place = place_of(argument, known)
        if place.context == self._here().context:
            await self._command_ns(place.namespace or "all")
            return
        self._app.leave_for(place.context, place.namespace or None)

    async def _command_login(self, _: str) -> None:
        """The same again: a credential plugin may ask on the terminal, which is its own
        meanwhile."""
        start = self._app.control.store.start
        if self._app.contexts is None or start is None:
            self._say(NO_CONTEXTS, "warning")
            return
        self._app.leave_for(start.context, start.namespace)

    async def _command_fav(self, argument: str) -> None:
        if self._app.contexts is not None and not argument:
            self._say(KEYS.fill(NO_FAVOURITES))
            return
        await self._command_ctx(argument)

    async def _command_keep(self, _: str) -> None:
        if self._app.contexts is None:
            self._say(NO_CONTEXTS, "warning")
            return
        here = self._here()
        added = await asyncio.to_thread(lambda: Favourites().add(here))
        goes = KEYS.fill("{app.command} and fav goes there.")
        self._say(f"{here.text} is a favourite{'' if added else ' already'}: {goes}")

    async def _command_forget(self, argument: str) -> None:
        here = self._here()
        removed = await asyncio.to_thread(_forget, argument, here)
        place = sanitize(argument, 80) or here.text
        self._say(f"{place} is {'no longer a favourite' if removed else 'no favourite'}.")

    async def _command_ns(self, argument: str) -> None:
        lists = self._app.cluster_screen()
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
        self._app.go("")
        lists.choose_namespace(name)

    def _lists_one_namespace(self) -> bool:
        """Where one namespace alone may be listed, another is another connection."""
        return self._app.control.store.coverage("pods").state in ("namespace", "refused")

    def _look_in(self, namespace: str) -> None:
        if self._app.contexts is None:
            text = f"Not all namespaces are listed here: start `podwire -n {namespace}`."
            self._say(text, "warning")
            return
        wanted = "" if namespace in ("all", "*", "-") else namespace
        self._app.leave_for(self._here().context, wanted)

    # --- lists, targets, the rest

    async def _show_list(self, view: str) -> None:
        lists = self._app.cluster_screen()
        if lists is None:
            self._say(NO_CLUSTER, "warning")
            return
        self._app.go("")
        await lists.run_action(view)

    async def _command_pods(self, _: str) -> None:
        await self._show_list("pods")

    async def _command_nodes(self, _: str) -> None:
        await self._show_list("nodes")

    async def _command_services(self, _: str) -> None:
        await self._show_list("services")

    async def _command_open(self, argument: str) -> None:
        lists = self._app.cluster_screen()
        if lists is None:
            self._say(NO_CLUSTER, "warning")
            return
        self._app.go("")
        lists.wanted = argument
        lists.open_wanted()

    async def _command_help(self, _: str) -> None:
        await self._app.run_action("help")

    async def _command_quit(self, _: str) -> None:
        await self._app.run_action("leave")


def _forget(argument: str, here: ContextNamespace) -> bool:
    """Whether it was one. Blocking."""
    favourites = Favourites()
    try:
        place = place_of(argument, {one.context for one in favourites.places}) if argument else here
    except ConfigError:  # of a context that the kubeconfig may have all the same
        return False
    return favourites.remove(place)
