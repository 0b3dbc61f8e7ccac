"""The sessions on this machine: where they are, and what each is about."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from collectors.errors import ConfigError
from collectors.events import (
    Event,
    FindingEvent,
    Mark,
    RecordingEnd,
    SessionStart,
    TargetState,
)
from collectors.findings import SEVERITY_ORDER
from collectors.recording.field_types import is_time
from collectors.recording.session_lock import LOCK, hold, is_running
from collectors.recording.session_log import EVIDENCE_FILES
from collectors.recording.session_reader import SessionReader, is_session
from collectors.sanitize import sanitize
from session.files import private_directory, state_directory

SUMMARY = "summary.json"


@dataclass(slots=True)
class Summary:
    """What a session is about. `worst` is the severity of its worst finding, and its title."""

    context: str = ""
    began: float = 0.0
    ended: float = 0.0
    targets: list[str] = field(default_factory=list)
    worst: str = ""
    worst_title: str = ""
    marks: int = 0
    clean: bool = False  # its log has an end

    def add(self, event: Event) -> None:
        self.began = self.began or event.at
        self.ended = max(self.ended, event.at)
        if isinstance(event, SessionStart):
            self.context = event.context
        elif isinstance(event, TargetState):
            self._target(event.target)
        elif isinstance(event, FindingEvent):
            self._finding(event)
        elif isinstance(event, Mark):
            self.marks += 1
        elif isinstance(event, RecordingEnd):
            self.clean = event.clean

    def _target(self, key: str) -> None:
        if key.startswith(("pod/", "node/", "local/", "file/")) and key not in self.targets:
            self.targets.append(key)

    def _finding(self, event: FindingEvent) -> None:
        severity = event.finding.severity
        is_worse = SEVERITY_ORDER[severity] < SEVERITY_ORDER.get(self.worst, len(SEVERITY_ORDER))
        if event.change != "gone" and is_worse:
            self.worst, self.worst_title = severity, event.finding.title


class RunningSession:
    """A session of this process: nobody removes it while its lock is held, and a lock ends with
    its process, however that ends."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._fd = hold(directory)

    def close(self) -> None:
        """It ended well: what it was about is written down."""
        with contextlib.suppress(OSError, ConfigError):
            _keep_summary(self.directory, _read_through(self.directory))
        with contextlib.suppress(OSError):
            (self.directory / LOCK).unlink()
        os.close(self._fd)


def sessions_directory() -> Path:
    return state_directory() / "sessions"


def new_session() -> RunningSession:
    """A directory of mode 0700 for the session that begins. OSError where it cannot be made."""
    parent = private_directory(sessions_directory())
    stamp = f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
    for attempt in range(100):
        directory = parent / (f"{stamp}-{attempt}" if attempt else stamp)
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            return RunningSession(directory)
    raise FileExistsError(f"{parent / stamp} and a hundred more are there")


@dataclass(slots=True)
class RecordedSession:
    directory: Path
    summary: Summary
    size: int
    running: bool
    has_evidence: bool

    @property
    def name(self) -> str:
        return self.directory.name

    @property
    def ended_abruptly(self) -> bool:
        """Its console was killed, or its machine stopped: the last second may be missing."""
        return not self.running and not self.summary.clean


def sessions() -> list[RecordedSession]:
    """All that are here, the newest first."""
    with contextlib.suppress(OSError):
        return [described(path) for path in _newest_first()]
    return []


def described(directory: Path) -> RecordedSession:
    running = is_running(directory)
    return RecordedSession(
        directory,
        summary=_summary(directory, running),
        size=size_of(directory),
        running=running,
        has_evidence=any(directory.glob(EVIDENCE_FILES)),
    )


def _summary(directory: Path, running: bool) -> Summary:
    """As it was written down, or made now, and written down where the session is over."""
    if (known := _known_summary(directory)) is not None:
        return known
    made = _read_through(directory)
    if not running:
        _keep_summary(directory, made)
    return made


def _keep_summary(directory: Path, summary: Summary) -> None:
    """It is made again where it cannot be written."""
    with contextlib.suppress(OSError):
        _write_summary(directory, summary)


def found(name: str) -> Path:
    """The directory of a session: by its name, by the beginning of it, or `last`."""
    known = _newest_first()
    if name == "last" and known:
        return known[0]
    return _only_one(_beginning_with(name, known), name)


def _beginning_with(name: str, known: list[Path]) -> list[Path]:
    return [path for path in known if path.name.startswith(name)] if name else []


def _newest_first() -> list[Path]:
    return sorted(filter(is_session, sessions_directory().glob("*")), reverse=True)


def _only_one(matching: list[Path], name: str) -> Path:
    """The one of that name, or the only one that begins so."""
    exact = [path for path in matching if path.name == name]
    if len(matching) == 1 or exact:
        return (exact or matching)[0]
    raise _none_of_that_name(sanitize(name, 80), bool(matching))


def _none_of_that_name(shown: str, several: bool) -> ConfigError:
    if several:
        return ConfigError(f"Several sessions begin with {shown}: give more of the name.")
    return ConfigError(f"There is no session {shown}. `podwire sessions` lists them.")


def size_of(directory: Path) -> int:
    return sum(_size(path) for path in directory.iterdir())


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.lstat().st_size
    return 0


def _known_summary(directory: Path) -> Summary | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        summary = Summary(**json.loads((directory / SUMMARY).read_text()))
        return summary if is_time(summary.began) and is_time(summary.ended) else None
    return None


def _read_through(directory: Path) -> Summary:
    summary, reader = Summary(), SessionReader(directory)
    for _, event in reader.timeline():
        summary.add(event)
    if not summary.began and reader.evidence:
        summary.began = reader.evidence[0].at
    summary.ended = max(summary.ended, reader.last_evidence().at)
    return summary


def _write_summary(directory: Path, summary: Summary) -> None:
    new = directory / f"{SUMMARY}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(summary), file)
    new.replace(directory / SUMMARY)
