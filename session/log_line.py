"""A line of the session's log, and how events of the session are written there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collectors import events as ev
from collectors.events import Event
from collectors.findings import Finding
from collectors.frozen import frozen
from collectors.plural import counted
from session.command_text import run_text


@frozen
class LogLine:
    """`detail` is, of a write, the manifest that was sent; of a command, what it printed."""

    at: float
    target: str
    kind: str
    text: str
    bad: bool = False
    detail: str = ""
    finding: Finding | None = None


def line(event: Event, kind: str, text: str, *, bad: bool = False, detail: str = "") -> LogLine:
    return LogLine(event.at, event.target, kind, text, bad=bad, detail=detail)


def _mark(event: ev.Mark) -> LogLine:
    return line(event, "mark", f"{event.author}: {event.text}")


def _notice(event: ev.Notice) -> LogLine:
    return line(event, "notice", event.text, bad=event.level == "error")


def _end(event: ev.RecordingEnd) -> LogLine:
    text = "the recording ends" if event.clean else "the recording ends abruptly"
    return line(event, "end", text, bad=not event.clean)


def _drop(event: ev.ConsumerDrop) -> LogLine | None:
    """Once, when it is over."""
    if event.open:
        return None
    return line(event, "drop", lost_text(event), bad=True)


def lost_text(event: ev.ConsumerDrop) -> str:
    packets = f", {counted(event.packets, 'packet')} in them" if event.packets else ""
    return f"{event.consumer} lost {counted(event.events, 'event')}{packets}: {event.cause}"


def _command(event: ev.Command) -> LogLine:
    text = f"{event.verb} {_subject(event.what)}: {event.result} (as {event.user})"
    return line(event, "command", text, detail=event.manifest)


def _subject(what: str) -> str:
    """What is done to a pod has the pod's name as its target: it is not repeated."""
    return what.split("/", 2)[-1] if what.count("/") == 2 else what


def _command_run(event: ev.CommandRun) -> LogLine:
    text = f"{event.asked_by}: {run_text(event)}"
    said = " ".join(event.argv)
    return line(event, "run", text, detail=f"{said}\n\n{event.output}")


def _guide_step(event: ev.GuideStep) -> LogLine:
    text = f"{_session(event)}: {event.step}: {event.verdict}: {event.text}"
    return line(event, "guide", text)


def _guide_conclusion(event: ev.GuideConclusion) -> LogLine:
    found = "found" if event.found else "not found"
    return line(event, "guide", f"{_session(event)}: {found}: {event.text}", bad=event.found)


def _session(event: ev.GuideStep | ev.GuideConclusion) -> str:
    return f"{event.symptom} {event.goal}".strip()


def of_finding(event: ev.FindingEvent, text: str) -> LogLine:
    finding = event.finding
    bad = event.change != "gone" and finding.severity == "critical"
    return LogLine(event.at, event.target, finding.severity, text, bad, finding=finding)


def of_state(event: ev.TargetState) -> LogLine:
    bad = event.phase in ("gap", "gone", "failed")
    return line(event, event.phase, event.message, bad=bad)


_FORMS: dict[type[Event], Callable[[Any], LogLine | None]] = {
    ev.Mark: _mark,
    ev.Notice: _notice,
    ev.ConsumerDrop: _drop,
    ev.RecordingEnd: _end,
    ev.Command: _command,
    ev.CommandRun: _command_run,
    ev.GuideStep: _guide_step,
    ev.GuideConclusion: _guide_conclusion,
}


def of_event(event: Event) -> LogLine | None:
    """None of what is not in the log as it is."""
    form = _FORMS.get(type(event))
    return form(event) if form is not None else None
