"""The console on recorded events: what tests of screens draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from collectors.events import Event
from collectors.recording.event_log import read
from collectors.source import RecordedSource
from collectors.stream import Stream
from session.controller import Controller
from session.store import Store
from tui.app import OpenConsole, PodwireApp


class EventSource(RecordedSource):
    """A list of events as a source."""

    def __init__(self, events: Sequence[Event], stream: Stream, speed: float = 0.0) -> None:
        super().__init__("", stream, speed)
        self._events = events

    def events(self) -> Iterator[Event]:
        return iter(self._events)


def replayed(source: Path | list[Event], is_lab: bool = False) -> tuple[Store, Controller]:
    """All of it in the store; rules will look at how it ends."""
    store = Store()
    control = Controller(store, Stream())
    control.live, control.is_lab = False, is_lab
    control.diagnosis.time_passes = False
    store.apply_all(_events(source) if isinstance(source, Path) else source)
    return store, control


@lru_cache(1)
def _events(path: Path) -> tuple[Event, ...]:
    """Of the recording that nearly all tests of screens are from, read once."""
    return tuple(read(path))


def console(source: Path | list[Event], first: str = "pod") -> PodwireApp:
    """An app on a recording: at the cluster where `first` is '', else at its first target of that kind."""
    store, control = replayed(source)
    key = next((k for k in store.targets if first and k.startswith(f"{first}/")), "")
    return opened(control, key)


def opened(control: Controller, key: str) -> PodwireApp:
    """An app whose work is there already."""

    async def opening() -> OpenConsole:
        control.painted.clear()
        control.start()
        return OpenConsole(control, key)

    app = PodwireApp(opening)
    app.control = control
    return app
