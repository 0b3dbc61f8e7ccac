"""Playing what was recorded through the same engine as what is live, to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collectors.source import RecordedSource
    from session.controller import Controller


def begin(control: Controller, source: RecordedSource, with_rules: bool) -> None:
    """Start the engine and the source. `with_rules` evaluates today's rules every two seconds of
    recorded time; without, the findings are those that the recording holds."""
    control.live = False
    control.diagnosis.enabled = False
    if with_rules:
        source.before_event = control.diagnosis.advance
    control.start()
    control.tasks.watch(source.start())


async def play(control: Controller, source: RecordedSource, with_rules: bool) -> None:
    """The same, to the end of the source: the store has all of it."""
    begin(control, source, with_rules)
    await source.finished()
    await control.stream.caught_up()
    if with_rules and control.store.latest:
        await control.diagnosis.look(control.store.latest, at_end=True)
        await control.stream.caught_up()
    control.tasks.raise_crash()
