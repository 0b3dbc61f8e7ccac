"""The console fed from a recorded file: what the snapshot tests draw."""

from __future__ import annotations

from pathlib import Path

from collectors.events import Event
from collectors.recording.log import read
from collectors.session import Session
from tui.app import Opened, PodwireApp
from tui.control import Control
from tui.store import Store


def replayed(source: Path | list[Event], is_lab: bool = False) -> tuple[Store, Control]:
    store, session = Store(), Session()
    control = Control(store, session)
    control.live, control.is_lab = False, is_lab
    for event in read(source) if isinstance(source, Path) else source:
        store.apply(event)
    return store, control


def console(source: Path | list[Event], first: str = "pod") -> PodwireApp:
    """An app on a recording: at the cluster where `first` is '', else at its first target of that kind."""
    store, control = replayed(source)
    key = next((k for k in store.targets if first and k.startswith(f"{first}/")), "")
    return opened(control, key)


def opened(control: Control, key: str) -> PodwireApp:
    """An app whose work is there already."""

    async def opening() -> Opened:
        return Opened(control, key)

    app = PodwireApp(opening)
    app.control = control
    return app
