"""The console fed from a recorded file: what the snapshot tests draw."""

from __future__ import annotations

from pathlib import Path

from collectors.events import Event
from collectors.recording.event_log import read
from collectors.stream import Stream
from session.controller import Controller
from session.store import Store
from tui.app import OpenConsole, PodwireApp


def replayed(source: Path | list[Event], is_lab: bool = False) -> tuple[Store, Controller]:
    store, session = Store(), Stream()
    control = Controller(store, session)
    control.live, control.is_lab = False, is_lab
    for event in read(source) if isinstance(source, Path) else source:
        store.apply(event)
    return store, control


def console(source: Path | list[Event], first: str = "pod") -> PodwireApp:
    """An app on a recording: at the cluster where `first` is '', else at its first target of that kind."""
    store, control = replayed(source)
    key = next((k for k in store.targets if first and k.startswith(f"{first}/")), "")
    return opened(control, key)


def opened(control: Controller, key: str) -> PodwireApp:
    """An app whose work is there already."""

    async def opening() -> OpenConsole:
        return OpenConsole(control, key)

    app = PodwireApp(opening)
    app.control = control
    return app
