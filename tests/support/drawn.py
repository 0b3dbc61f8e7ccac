"""What an app has drawn: pieces of text with their styles, after all filters; and a walk through its screens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from rich.segment import Segment
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Input

from tests.support.replay import replayed
from tui.app import OpenConsole, PodwireApp
from tui.look import TerminalLook

# keys from the cluster, and from a pod; esc leads back
FROM_CLUSTER = (("2",), ("3",), ("slash", "x", "y"), ("colon",), ("t",), ("W",))
FROM_POD = (
    (),
    ("2",),
    ("2", "enter"),
    ("3",),
    ("4",),
    ("4", "p"),
    ("5",),
    ("5", "enter"),
    ("8",),
    ("slash",),
    ("question_mark",),
    ("d",),
    ("e",),
    ("y",),
    ("z", "z"),
    ("X",),
)


def drawn(app: PodwireApp) -> Iterator[Segment]:
    """All of the screen that is shown; of a dialog, what is behind it as well."""
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    for line in getattr(update, "strips"):  # noqa: B009 (of one kind of update)
        for strip in line:
            yield from strip


def looking(recording: Path, look: TerminalLook, first: str) -> PodwireApp:
    """A console on a recording that looks so, at the cluster or its first pod."""
    store, control = replayed(recording)
    key = next((k for k in store.targets if first and k.startswith(f"{first}/")), "")

    async def opening() -> OpenConsole:
        control.painted.clear()
        control.start()
        return OpenConsole(control, key)

    app = PodwireApp(opening, look=look)
    app.control = control
    return app


async def ready(pilot: Pilot[int]) -> None:
    """It is open, and its first screen is drawn."""
    for _ in range(200):
        await pilot.pause(0.05)
        app = pilot.app
        is_open = isinstance(app, PodwireApp) and app.is_open and len(app.screen_stack) > 1
        if is_open and app.screen.query("FooterKey"):  # which is drawn last
            break
    await pilot.pause(0.3)


async def screens(recording: Path, look: TerminalLook) -> AsyncIterator[tuple[str, Pilot[int]]]:
    """Each screen of it once, by the keys that lead there from the cluster and from a pod."""
    for first, paths in (("", FROM_CLUSTER), ("pod", FROM_POD)):
        app = looking(recording, look, first)
        async with app.run_test(size=(120, 40)) as pilot:
            await ready(pilot)
            depth = len(app.screen_stack)
            for keys in paths:
                for key in keys:
                    await pilot.press(key)
                    await pilot.pause(0.1)
                await pilot.pause(0.2)
                yield f"{first or 'cluster'} {' '.join(keys)}", pilot
                while len(app.screen_stack) > depth or isinstance(app.focused, Input):
                    await pilot.press("escape")
                    await pilot.pause(0.1)


def shown_app(pilot: Pilot[int]) -> PodwireApp:
    assert isinstance(pilot.app, PodwireApp)
    return pilot.app


def is_dialog(app: PodwireApp) -> bool:
    return isinstance(app.screen, ModalScreen)
