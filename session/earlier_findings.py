"""What an earlier session found, and which of it would be found now if it still held: what was not
looked at again is not gone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from collectors.capture.capture_files import is_capture
from collectors.errors import ConfigError
from collectors.events import (
    Event,
    FindingEvent,
    Notice,
    RecordingEnd,
    RecordingStart,
    SessionStart,
    TargetState,
)
from collectors.findings import Finding
from collectors.frozen import frozen
from collectors.recording.event_log import Recording, RecordingSource
from collectors.recording.session_reader import SessionReader
from collectors.sanitize import sanitize
from collectors.stream import Stream
from diagnosis.comparison import Comparison, Key, compared
from session.finding_history import FindingHistory
from session.finding_location import CLUSTER, target_key
from session.findings_over_time import explained_by, over_time
from session.session_files import opened
from session.store import Store
from session.target_data import TargetData

NEEDED = "findings are compared with those of a session or a recording"
OF_PODWIRE = (RecordingStart, RecordingEnd, SessionStart, Notice)  # of no target and no object


@frozen
class EarlierFindings:
    """Each once, as it was at its worst, without consequences of others; `known` is all that was
    found, `targets` are the keys of what was looked at."""

    name: str
    findings: tuple[Finding, ...]
    known: frozenset[Key]
    targets: frozenset[str]

    def against(self, now: Sequence[Finding], again: LookedAgain) -> Comparison:
        """What is a consequence of another finding now is neither gone nor unseen."""
        explained = explained_by(now, again.store.findings, self.findings)
        before = [one for one in self.findings if one.key not in explained]
        shown = (one.key for one in before if again.shows(one, self.targets))
        return replace(compared(self.name, before, now, shown), known=self.known)


@frozen
class LookedAgain:
    """What is looked at now. `blind`: objects of some kind could not be listed; `namespace`: the
    only one of which findings are wanted, '' for all."""

    store: Store
    blind: bool = False
    namespace: str = ""

    def shows(self, finding: Finding, before: frozenset[str]) -> bool:
        """Whether a finding of the targets `before` would be found now, if it still held."""
        subject = finding.subject
        if self.namespace and subject.namespace != self.namespace:
            return False
        if finding.screen in CLUSTER:
            return not self.blind and "pods" in self.store.inventory
        targets = {key for key, data in self.store.targets.items() if _has_evidence(data)}
        return before <= targets or target_key(subject) in targets


def _has_evidence(data: TargetData) -> bool:
    return data.history.since is not None or data.packets_seen > 0


def earlier_findings(text: str) -> EarlierFindings:
    """Of a session or a recording. ConfigError where it cannot be read, has none in full, or
    nothing was looked at in it."""
    with contextlib.ExitStack() as places:
        path = opened(Path(text), places)
        if path.is_file() and is_capture(path):
            raise ConfigError(f"{sanitize(text, 200)} is a capture: {NEEDED}.")
        return _of_events(sanitize(Path(text).name, 80), _events(path, text))


def _events(path: Path, text: str) -> Iterator[Event]:
    if path.is_dir():
        reader = SessionReader(path)
        if reader.timeline_is_damaged():
            name = sanitize(text, 200)
            raise ConfigError(f"{name} is damaged: what was found in it is not known in full.")
        return (event for _, event in reader.timeline())
    source = RecordingSource(path, Stream())
    is_empty = path.is_file() and next(Recording(path).events(), None) is None
    if path.exists() and not is_empty and not source.has_findings():
        name = sanitize(text, 200)
        raise ConfigError(f"{name} has no findings in full: it is of an early version of podwire.")
    return source.events()


def _of_events(name: str, events: Iterable[Event]) -> EarlierFindings:
    history, targets, is_empty = FindingHistory(), set[str](), True
    for event in events:
        is_empty &= isinstance(event, OF_PODWIRE)
        if isinstance(event, FindingEvent):
            history.apply(event)
        elif isinstance(event, TargetState) and event.phase == "live":
            targets.add(event.target)
    if is_empty:
        raise ConfigError(f"{name} holds nothing that was looked at: {NEEDED}.")
    findings, periods = over_time(history)
    return EarlierFindings(name, tuple(findings), frozenset(periods), frozenset(targets))
