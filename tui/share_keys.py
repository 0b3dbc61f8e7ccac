"""The keys of a shared session: share it, see who is there, follow the driver's screen; and what is
said of one's own screen meanwhile."""

from __future__ import annotations

from collectors.errors import ConfigError
from collectors.events import PodRow
from session.share.people import ScreenLook
from tui.screens.base import ConsoleScreen, ShowTarget
from tui.tabbed_app import TabbedApp

LOOK_S = 0.3
FOLLOWED = ("findings", "timeline")  # screens over a list or a target that are gone to by a key


class ShareKeys(TabbedApp):
    _follows = False
    _has_said_end = False
    _followed = ScreenLook()

    def begin_to_look(self) -> None:
        self.set_interval(LOOK_S, self._look)

    def _look(self) -> None:
        """Say what is on the screen, and follow where that is wanted."""
        control, look = self.control, self._own_look()
        if control.joined is not None:
            control.joined.looks(look)
            self._say_end(control.joined.message)
            if self._follows:
                self._go_along(look)
        elif control.sharing.share is not None:
            control.sharing.share.look = look

    def _say_end(self, message: str) -> None:
        """Once: the session goes on without this console, or is over."""
        if message and not self._has_said_end:
            self._has_said_end = True
            self.notify(message, severity="error", timeout=30, markup=False)

    def _own_look(self) -> ScreenLook:
        shown = [one for one in self.screen_stack if isinstance(one, ConsoleScreen)]
        if not shown:
            return ScreenLook()
        screen = shown[-1]
        name = type(screen).__name__.removesuffix("Screen").lower()
        return ScreenLook(name, str(getattr(screen, "key", "")), screen.shown_view)

    async def action_share(self) -> None:
        sharing = self.control.sharing
        if sharing.share is not None:
            await sharing.end()
            self.notify("The session is shared no longer.", markup=False)
            return
        try:
            sharing.begin()
        except ConfigError as error:
            self.notify(str(error), severity="warning", markup=False)
            return
        text = "Shared: `podwire join` as the same user on this machine. S ends it, W shows who."
        self.notify(text, markup=False)

    def action_people(self) -> None:
        from tui.screens.people import PeopleScreen

        if isinstance(self.screen, PeopleScreen):
            self.pop_screen()
        elif isinstance(self.screen, ConsoleScreen):
            self.push_screen(PeopleScreen(self.control.store, self.control))

    # --- following

    def _node_of(self, key: str) -> str:
        """The key of the node beside a pod; '' where that is not looked at."""
        kind, _, name = key.partition("/")
        row = self.control.store.listing("pods").get(*name.split("/", 1)) if kind == "pod" else None
        node = f"node/{row.node}" if isinstance(row, PodRow) else ""
        return node if node in self.control.store.targets else ""

    def action_follow(self) -> None:
        if self.control.joined is None:
            self.notify("Nobody is followed here: this console joined nobody.", markup=False)
            return
        self._follows, self._followed = not self._follows, ScreenLook()
        driver = self.control.joined.driver
        text = f"Following {driver}: F stops that." if self._follows else f"{driver} is left alone."
        self.notify(text, markup=False)

    def _go_along(self, own: ScreenLook) -> None:
        """To where the driver is, once each time that the driver goes somewhere."""
        wanted = next((one.look for one in self.control.sharing.people if one.drives), ScreenLook())
        if wanted in (self._followed, own) or not isinstance(self.screen, ConsoleScreen):
            return
        self._followed = wanted
        if wanted.screen == "cluster":
            self._go("")
            self.screen.show(wanted.view)
        elif wanted.screen == "target" and wanted.key in self.control.store.targets:
            node = self._node_of(wanted.key)
            self.post_message(ShowTarget(wanted.key, node=node, view=wanted.view))
        elif wanted.screen in FOLLOWED and own.screen != wanted.screen:
            self.run_worker(self.run_action(wanted.screen))
