"""What was given to be looked at: each recording once, and those of which only what was said is
left."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from collectors.capture.file_source import PcapSource
from collectors.errors import EvidenceGone
from collectors.events import RecordingStart
from collectors.recording.event_codec import encode
from collectors.recording.event_log import Recording, RecordingSource
from collectors.recording.session_lock import is_running
from collectors.sanitize import sanitize
from collectors.source import RecordedSource
from session.recorded_sessions import damage_now
from session.removals import removals, removed_text
from session.report_captures import sha256

HEAD = 20  # events by which a recording is known again
UNKNOWN_WHY = "removed by the bounds of size or age, or damaged"
WITHOUT = (
    "its packets and samples are not there any more ({}): what today's rules would find is unknown"
)


def each_once(sources: Iterable[RecordedSource]) -> tuple[list[RecordedSource], list[str]]:
    """Without those that are a copy of an earlier one, and a sentence about each of them: counters
    and packets that count twice would hide what they show."""
    known: dict[str, RecordedSource] = {}
    notes = []
    for number, source in enumerate(sources):
        identity = f"unread {number}"
        with contextlib.suppress(OSError):  # which is said where it is read
            identity = _identity(source) or identity
        first = known.setdefault(identity, source)
        if first is not source:
            notes.append(f"{_name(source)} is the same as {_name(first)}: looked at once")
    return list(known.values()), notes


def _identity(source: RecordedSource) -> str:
    """'' where it has none."""
    if isinstance(source, PcapSource):
        return f"{source.key} {sha256(source.path)}" if source.path.is_file() else ""
    assert isinstance(source, RecordingSource)
    events = Recording(source.recording.path).events()
    first = islice((one for one in events if not isinstance(one, RecordingStart)), HEAD)
    texts = list(map(encode, first))
    return hashlib.sha256("\n".join(texts).encode()).hexdigest() if texts else ""


def _name(source: RecordedSource) -> str:
    path = source.path if isinstance(source, PcapSource) else None
    if isinstance(source, RecordingSource):
        path = source.recording.path
    return sanitize(path.name if path is not None else "", 80)


def without_evidence(sources: Iterable[RecordedSource]) -> list[RecordingSource]:
    return [one for one in sources if isinstance(one, RecordingSource) and one.lacks_evidence()]


def removed_notes(sources: Iterable[RecordingSource]) -> Iterator[str]:
    return (f"{_name(one)}: {without_text(one.recording.path)}" for one in sources)


def without_text(session: Path) -> str:
    """Of one that has no evidence any more."""
    known = removals(session)
    return WITHOUT.format(known[-1].text if known else UNKNOWN_WHY)


def pruned_notes(sources: Iterable[RecordedSource]) -> Iterator[str]:
    """What the bounds removed of each, while what was said of it stayed."""
    for one in sources:
        if isinstance(one, RecordingSource) and (known := removals(one.recording.path)):
            yield f"{_name(one)}: {removed_text(known)}"


def damage_notes(sources: Iterable[RecordedSource]) -> list[str]:
    """What is damaged or missing of each session, whatever can still be read of it."""
    return [
        f"{_name(one)} is damaged: {'; '.join(damage)}"
        for one in sources
        if isinstance(one, RecordingSource) and (damage := damage_now(one.recording.path))
    ]


def running_notes(sources: Iterable[RecordedSource]) -> list[str]:
    """Of each session that is not over: what comes next is not in it."""
    recordings = (one for one in sources if isinstance(one, RecordingSource))
    return [
        f"{_name(one)} still runs: this is what it recorded until now"
        for one in recordings
        if is_running(one.recording.path)
    ]


def require_evidence(sources: Sequence[RecordedSource]) -> list[str]:
    """Sentences about those that have none. EvidenceGone where no other is left to look at."""
    gone = without_evidence(sources)
    notes = list(removed_notes(gone))
    if gone and len(gone) == len(sources):
        raise EvidenceGone(
            f"{'; '.join(notes)}. `podwire report` shows what was found while it was recorded."
        )
    return notes
