"""What every screen of the console shares: the store it reads, the requests it may make, a
steady refresh."""

from __future__ import annotations

import os
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.binding import ActiveBinding
from textual.css.query import NoMatches
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from collectors.key_priority import KEY_PRIORITY, STEP_S
from session.share.person import label
from session.wall_clock import wall_date
from tui import format as fmt
from tui.keymap import KEYS
from tui.offered_keys import offered
from tui.screens.leaving import LeftOnce
from tui.widgets.header import Header, HeaderData
from tui.widgets.target_tabs import Tab, Targets

if TYPE_CHECKING:  # the first frame waits for none of them
    from session.controller import Controller
    from session.replay_player import ReplayClock
    from session.sharing import Sharing
    from session.store import Store

REFRESH_S = 0.5
SILENT_S = 6.0  # of a console that was joined: it says something every 2 s
REFRESH_SSH_S = 1.0  # every repaint costs there
MOODS = {
    "live": "good",
    "attaching": "warn",
    "gap": "warn",
    "gone": "bad",
    "failed": "bad",
    "ended": "dim",
}


PRESENT = ("live", "listing", "ready", "running")  # states that a recording cannot be in


async def while_there(screen: Screen[Any], work: Coroutine[Any, Any, None]) -> None:
    """Await `work` of a screen that may be left meanwhile: its widgets are gone."""
    try:
        await work
    except NoMatches:
        if screen in screen.app.screen_stack:
            raise


class ShowTarget(Message):
    """Open a target's screen, or go back to it.

    `node` is the key of the node beside it or '', `view` the list to show. Without a key: the
    cluster's list, filtered by `words`."""

    def __init__(self, key: str, node: str = "", view: str = "", words: str = "") -> None:
        super().__init__()
        self.key = key
        self.node = node
        self.view = view
        self.words = words


class CloseTarget(Message):
    """End what runs for a target and close its screen."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


def title_of(key: str, node: str = "") -> tuple[str, str]:
    """Of a target, for the header: `pod NAME @ NODE`, and the namespace."""
    kind, _, name = key.partition("/")
    namespace, _, short = name.rpartition("/")
    beside = f" @ {node.partition('/')[2]}" if node else ""
    return f"{kind} {short}{beside}" if short else kind, namespace


def clock_text(clock: ReplayClock) -> str:
    """`14:03:20 x8`, with the date of a recording of several days, and whether it plays."""
    state = "" if clock.playing else " end" if clock.at_end else " paused"
    day = f"{wall_date(clock.at)} " if clock.of_days else ""
    rules = "" if clock.looked is None else f", rules at {100 * clock.looked:.0f} %"
    return f"{day}{fmt.clock(clock.at)} x{clock.speed:.0f}{state}{rules}"


def shared_text(control: Controller) -> str:
    """Whose session was joined, or how many joined this one; who drives, and who asks for that; of
    one that is over, since when."""
    sharing = control.sharing
    if control.joined is not None and control.joined.ended:
        return control.joined.ended
    if control.joined is not None:
        return ", ".join([f"joined {control.joined.owner}", *_driving_text(sharing)])
    if sharing.share is None:
        return ""
    return ", ".join([f"shared, {len(sharing.people) - 1} joined", *_driving_text(sharing)])


def _driving_text(sharing: Sharing) -> Iterator[str]:
    """Nothing where the owner drives and nobody asks."""
    driver, people = sharing.driver, sharing.people
    if driver is not None and driver.number:
        who = "you drive" if sharing.drives else f"{label(driver, people)} drives"
        yield who
    for person in sharing.asking:
        if person.number == sharing.number:
            yield "you asked to drive"
        elif sharing.drives:
            yield f"{label(person, people)} asks to drive: {KEYS.fill('{app.hand_over}')}"
            return


class ConsoleScreen(LeftOnce[None]):
    place = ""  # where in the table of actions a screen's own stand; '' is not a tab

    def __init__(self, store: Store, control: Controller) -> None:
        super().__init__()
        self.store = store
        self.control = control
        self._drawn: Any = {}
        self._generation = store.generation

    def on_mount(self) -> None:
        self.set_interval(
            REFRESH_SSH_S if os.environ.get("SSH_CONNECTION") else REFRESH_S, self._pull_regularly
        )
        self.call_after_refresh(self._first_pull)

    def _pull_regularly(self) -> None:
        """Not while a key waits for its effect."""
        if KEY_PRIORITY.waits:
            self.set_timer(STEP_S, self._pull_regularly)
        else:
            self.pull_now()

    def _first_pull(self) -> None:
        self.pull_now()
        self.call_after_refresh(self.control.painted.set)

    def pull_now(self) -> None:
        """Not while the screen is being left (no widgets), nor under another (it would repaint
        that)."""
        if not self._is_topmost() or not self._has_widgets():
            return
        if self._generation != self.store.generation:
            self._generation = self.store.generation
            self.forget_drawn()
        if self._is_topmost():  # still
            self.pull()

    def forget_drawn(self) -> None:
        """The store is of another time: what was drawn holds no more."""
        self._drawn = {}

    def _is_topmost(self) -> bool:
        """Dialogs above it do not count."""
        stack = reversed(self.app.screen_stack)
        return next((one for one in stack if isinstance(one, ConsoleScreen)), None) is self

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No action on a screen that is not drawn yet; in a text box keys are text, but esc
        leaves it."""
        return self._has_widgets() and (action == "back" or not isinstance(self.focused, Input))

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """For the footer: without what does nothing here; in a text box, the key that leaves it."""
        without, typing = offered(self.control, True).without, isinstance(self.focused, Input)
        found = dict(super().active_bindings)
        for key, one in found.items():
            binding = one.binding
            if typing and binding.action == "back":
                found[key] = one._replace(binding=replace(binding, show=True))
            elif str(binding.id) in without:
                found[key] = one._replace(binding=replace(binding, show=False))
        return found

    def _has_widgets(self) -> bool:
        """By its header, a child of each screen: this is asked for every key that there is."""
        return any(isinstance(child, Header) for child in self.children)

    def copied_text(self) -> str:
        """What is copied here: the row under the cursor; '' where there is none."""
        text_of_row = getattr(self.focused, "text_of_row", None)
        return str(text_of_row()) if text_of_row is not None else ""

    @property
    def shown_view(self) -> str:
        """Which of the screen's lists is shown; '' where it has one."""
        return ""

    def show(self, view: str, words: str = "") -> None:
        """Show one of the screen's lists, where it has such."""

    def pull(self) -> None:
        """Draw the present state of the store; widgets redraw only what differs."""
        raise NotImplementedError

    def header_data(self) -> HeaderData:
        raise NotImplementedError

    def header(self, target: str, state: str, mood: str, namespace: str = "") -> HeaderData:
        """The header with the context and user of this session; of a recording it says that."""
        start = self.store.start
        if self.control.joined is not None:
            if self.control.joined.state != "running":
                state, mood = "not live", "bad"
            elif (silent := self.control.joined.silent_s) > SILENT_S:
                state, mood = f"{self.control.joined.owner} is silent for {silent:.0f} s", "warn"
        elif not self.control.live and state in PRESENT:
            state, mood = "recorded", "dim"
        elif self.control.replay is not None:
            state = f"{state}, recorded"
        return HeaderData(
            context=start.context if start else "",
            user=start.user if start else "",
            namespace=namespace,
            target=target,
            state=state,
            mood=mood,
        )

    def show_header(self, current: str = "") -> None:
        """The two lines on top of every screen; `current` is the key of the target shown, '' on
        the cluster's, and on those above a tab."""
        alert, mood = self.store.findings.headline
        data = replace(self.header_data(), alert=alert, alert_mood=mood)
        if self.control.replay is not None:
            data = replace(data, replay=clock_text(self.control.replay.clock))
        data = replace(data, shared=shared_text(self.control))
        self.query_one(Header).show(data)
        tabs = [Tab("")] if self.control.lists_cluster else []
        for opened in self.control.targets.tabs:
            phase = self.store.target(opened.key).phase
            tabs.append(Tab(opened.key, MOODS[phase], self.control.captures.is_running(opened.key)))
        self.query_one(Targets).show(tuple(tabs), current or self._tab_below())

    def _tab_below(self) -> str:
        """The key of the target whose tab is behind this screen; '' where it is the cluster's."""
        stack = self.app.screen_stack
        below = stack[: stack.index(self)] if not self.place and self in stack else []
        tabs = [one for one in below if isinstance(one, ConsoleScreen) and one.place == "target"]
        return str(getattr(tabs[-1], "key", "")) if tabs else ""

    def is_refused(self) -> bool:
        """Whether nothing may be written or run from here: that is said."""
        if refusal := self.control.refusal:
            self.say(refusal, "warning")
        return bool(refusal)

    def say(self, text: str, severity: str = "information") -> None:
        """A short message to the user; never markup."""
        self.notify(text, severity=severity, markup=False, timeout=6)  # type: ignore[arg-type]
