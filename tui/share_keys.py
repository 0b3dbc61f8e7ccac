"""The keys of a shared session: share it, see who is there, follow the driver's screen; and what is
said of one's own screen meanwhile."""

from __future__ import annotations

from textual.widgets import Input

from collectors.errors import ConfigError, PodwireError
from session.share.person import Person, ScreenLook, label
from session.sharing import LIVE_ONLY
from tui.key_queue import KeyQueue
from tui.keymap import KEYS
from tui.screens.base import ConsoleScreen, ShowTarget
from tui.tabbed_app import TabbedApp

LOOK_S = 0.3
TYPING_S = 0.5  # after a key, the next one may belong to it
FOLLOWED = ("findings", "timeline")  # screens over a list or a target that are gone to by a key


class ShareKeys(TabbedApp):
    _typing: KeyQueue  # set by the app
    _follows = False
    _has_said_end = False
    _followed = ScreenLook()
    _closed_there: frozenset[str] = frozenset()  # keys of targets
    _known_driver = 0  # by the number of the connection
    _known_asking: frozenset[int] = frozenset()

    def begin_to_look(self) -> None:
        self.set_interval(LOOK_S, self._look)
        self.run_worker(self._draw_marks())

    async def _draw_marks(self) -> None:
        """At once: screens refresh by themselves only every so often."""
        while True:
            await self.control.next_mark()
            for screen in self.screen_stack:
                if isinstance(screen, ConsoleScreen):
                    screen.pull_now()

    def _look(self) -> None:
        """Say what is on the screen, and follow where that is wanted."""
        control, look = self.control, self._own_look()
        if control.joined is not None:
            control.joined.looks(look)
            self._say_end(control.joined.message)
            self._say_closed(control.joined.owner)
        elif control.sharing.share is not None:
            control.sharing.share.look = look
        if people := control.sharing.people:
            self._say_who_drives(people)
            if self._follows and not control.sharing.drives:
                self._go_along(look)

    def _say_who_drives(self, people: list[Person]) -> None:
        """Where that changed; and to whoever drives, that somebody asks for it."""
        sharing = self.control.sharing
        driver = sharing.driver
        if driver is not None and driver.number != self._known_driver:
            self._known_driver = driver.number
            who = "You drive" if sharing.drives else f"{label(driver, people)} drives"
            hint = KEYS.fill("{app.follow} follows the driver.")
            self.notify(f"{who}: {hint}", markup=False)
        asking = {person.number: person for person in sharing.asking}
        for number in sorted(asking.keys() - self._known_asking if sharing.drives else ()):
            who = label(asking[number], people)
            hint = KEYS.fill("{app.hand_over} grants it.")
            self.notify(f"{who} asks to drive: {hint}", timeout=15, markup=False)
        self._known_asking = frozenset(asking) if sharing.drives else frozenset()

    def _say_end(self, message: str) -> None:
        """Once: the session goes on without this console, or is over."""
        if message and not self._has_said_end:
            self._has_said_end = True
            self.notify(message, severity="error", timeout=30, markup=False)

    def _say_closed(self, owner: str) -> None:
        """Once for each tab here whose target was closed there."""
        store = self.control.store
        closed = {
            tab.key for tab in self.control.targets.tabs if store.target(tab.key).phase == "ended"
        }
        for key in sorted(closed - self._closed_there):
            name = key.partition("/")[2] or key
            why = store.target(key).message or "ended"
            text = f"{name} at {owner}'s console: {why}. What is shown is of that time."
            self.notify(text, severity="warning", timeout=15, markup=False)
        self._closed_there = frozenset(closed)

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
            self.notify("The session is no longer shared.", markup=False)
            return
        try:
            sharing.begin()
        except ConfigError as error:
            self.notify(str(error), severity="warning", markup=False)
            return
        members = f" or a member of {sharing.group}" if sharing.group else ""
        text = f"Shared: `podwire join` as the same user{members} on this machine. " + KEYS.fill(
            "{app.share} ends it, {app.people} shows who."
        )
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
        from collectors.events import PodRow  # imports slowly

        kind, _, name = key.partition("/")
        row = self.control.store.listing("pods").get(*name.split("/", 1)) if kind == "pod" else None
        node = f"node/{row.node}" if isinstance(row, PodRow) else ""
        return node if node in self.control.store.targets else ""

    def _is_open_here(self, key: str) -> bool:
        """Nothing is opened by following: at the owner's console that would attach to it."""
        if self.control.joined is None:
            return any(tab.key == key for tab in self.control.targets.tabs)
        return key in self.control.store.targets

    def _view_of(self, wanted: ScreenLook) -> str:
        """At the owner's console not the list that is counted when it is shown: whoever joined
        would run that."""
        counts = wanted.view == "conntrack" and self.control.joined is None
        return "" if counts else wanted.view

    def action_follow(self) -> None:
        sharing = self.control.sharing
        if self.control.joined is None and sharing.share is None:
            why = "the session is not shared." if self.control.live else LIVE_ONLY
            self.notify(f"Nobody is followed here: {why}", markup=False)
            return
        if self.control.joined is not None and self.control.joined.ended:
            self.notify(self.control.joined.message, severity="warning", markup=False)
            return
        self._follows, self._followed = not self._follows, ScreenLook()
        if not self._follows:
            self.notify("The driver is no longer followed.", markup=False)
            return
        driver = sharing.driver
        who = label(driver, sharing.people) if driver and not sharing.drives else "whoever drives"
        hint = KEYS.fill("{app.follow} stops that.")
        self.notify(f"Following {who}: {hint}", markup=False)

    def action_hand_over(self) -> None:
        """Ask to drive, or grant that to whoever asked first, or is chosen on the people screen."""
        from tui.screens.people import PeopleScreen

        if self.control.replay is not None:
            self.notify("This is a recording: nobody drives it but you.", markup=False)
            return
        chosen = self.screen.chosen if isinstance(self.screen, PeopleScreen) else None
        try:
            self.notify(self.control.sharing.hand_over(chosen), markup=False)
        except PodwireError as error:
            self.notify(str(error), severity="error", markup=False)

    def _go_along(self, own: ScreenLook) -> None:
        """To where the driver is, once each time that the driver goes somewhere; later, where one
        is about to type something, or in a dialog."""
        driver = self.control.sharing.driver
        wanted = driver.look if driver is not None else ScreenLook()
        if wanted in (self._followed, own) or not isinstance(self.screen, ConsoleScreen):
            return
        if isinstance(self.focused, Input) or self._typing.idle_s < TYPING_S:
            return
        self._followed = wanted
        if wanted.screen == "cluster":
            self.go("")
            self.screen.show(wanted.view)
        elif wanted.screen == "target" and self._is_open_here(wanted.key):
            node, view = self._node_of(wanted.key), self._view_of(wanted)
            self.post_message(ShowTarget(wanted.key, node=node, view=view))
        elif wanted.screen in FOLLOWED and own.screen != wanted.screen:
            self.run_worker(self.run_action(wanted.screen))
