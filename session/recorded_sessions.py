"""The sessions on this machine: where they are, and what each is about."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, field
from pathlib import Path

from collectors.errors import ConfigError
from collectors.events import (
    ConsumerDrop,
    Event,
    FindingEvent,
    Mark,
    RecordingEnd,
    SessionStart,
    TargetState,
)
from collectors.findings import SEVERITY_ORDER
from collectors.frozen import slotted
from collectors.recording.field_types import check_of, checks_of, is_time
from collectors.recording.session_lock import is_running
from collectors.recording.session_log import EVIDENCE_FILES
from collectors.recording.session_reader import SessionReader, is_session
from collectors.sanitize import sanitize
from session.files import write_private
from session.log_line import lost_text
from session.removals import Removal, removals
from session.running_session import DISK, NAME, sessions_directory
from session.session_damage import damage_of, files_seen

SUMMARY = "summary.json"
ABRUPT = "it ended abruptly, or is an incomplete copy: its end is missing"
MOST_LOST = 20  # sentences
LAST = "last"  # in place of a name
NONE_RECORDED = (
    "No session is recorded on this machine yet: a console records one while it is open, unless"
    " --no-record or `record = false` says otherwise; podwire sessions import FILE adds one."
)


@slotted
class Summary:
    """What a session is about. `worst` is the severity of its worst finding, and its title;
    `damage` of its `files`, as they were when they were looked at; `lost` are sentences about what
    was not written."""

    context: str = ""
    began: float = 0.0
    ended: float = 0.0
    targets: list[str] = field(default_factory=list)
    worst: str = ""
    worst_title: str = ""
    marks: int = 0
    clean: bool = False  # its log has an end
    damage: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    files: dict[str, list[int]] = field(default_factory=dict)

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
        elif isinstance(event, ConsumerDrop) and not event.open and event.consumer in (DISK, NAME):
            self._lost(lost_text(event))

    def _lost(self, text: str) -> None:
        if len(self.lost) < MOST_LOST:
            self.lost.append(sanitize(text, 200))

    def _target(self, key: str) -> None:
        if key.startswith(("pod/", "node/", "local/", "file/")) and key not in self.targets:
            self.targets.append(key)

    def _finding(self, event: FindingEvent) -> None:
        severity = event.finding.severity
        is_worse = SEVERITY_ORDER[severity] < SEVERITY_ORDER.get(self.worst, len(SEVERITY_ORDER))
        if event.change != "gone" and is_worse:
            self.worst, self.worst_title = severity, event.finding.title


_TEXTS, _SIZES = check_of(tuple[str, ...]), check_of(tuple[int, ...])
_CHECKS = checks_of(Summary) | {
    "targets": lambda value: list(_TEXTS(_of_list(value))),
    "damage": lambda value: list(_TEXTS(_of_list(value))),
    "lost": lambda value: list(_TEXTS(_of_list(value))),
    "files": lambda value: {name: list(_SIZES(_of_list(one))) for name, one in value.items()},
}


def _of_list(value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return tuple(value)


@slotted
class RecordedSession:
    directory: Path
    summary: Summary
    size: int
    running: bool
    has_evidence: bool
    removed: list[Removal]
    is_examined: bool  # for damage; one that runs is not

    @property
    def name(self) -> str:
        return self.directory.name

    @property
    def ended_abruptly(self) -> bool:
        """Its console was killed, or its machine stopped: the last second may be missing."""
        return not self.running and not self.summary.clean


def sessions() -> list[RecordedSession]:
    """All that are here, the newest first. Blocking: what changed is read."""
    return [described(path) for path in newest_first()]


def described(directory: Path, examine: bool = True) -> RecordedSession:
    """`examine`: it is looked at for damage as well, unless its files are as they were at the last
    look: all of it is read, where else what was said in it is enough."""
    running = is_running(directory)
    summary = _summary(directory, running, examine)
    return RecordedSession(
        directory,
        summary=summary,
        size=size_of(directory),
        running=running,
        has_evidence=any(directory.glob(EVIDENCE_FILES)),
        removed=removals(directory),
        is_examined=running or summary.files == files_seen(directory),
    )


def _summary(directory: Path, running: bool, examine: bool) -> Summary:
    """As it was written down, or made now, and written down where the session is over."""
    known = _known_summary(directory)
    made = known or _read_again(directory)
    if running:
        return made
    is_as_it_was = known is not None and known.files == files_seen(directory)
    if examine and not is_as_it_was:
        made.damage = damage_of(directory, made.files, made.clean)
        made.files = files_seen(directory)
    if known is None or (examine and not is_as_it_was):
        _keep_summary(directory, made)
    return made


def damage_now(directory: Path) -> list[str]:
    """What is damaged or missing of a session, as its files are now; nothing is written down.
    Empty of one that runs and of what is not a directory. Blocking."""
    if not directory.is_dir() or is_running(directory):
        return []
    about = _known_summary(directory) or _read_again(directory)
    damage = damage_of(directory, about.files, about.clean)
    if not about.clean and not damage:
        return [ABRUPT]
    return damage


def _read_again(directory: Path) -> Summary:
    """Of one that cannot be read, nothing."""
    with contextlib.suppress(OSError, ConfigError):
        return _read_through(directory)
    return Summary()


def write_summary(directory: Path, is_own: bool) -> None:
    """What a session was about that has ended. Files that came from elsewhere, not `is_own`, and
    those on a disk that was full, are looked at for damage when it is listed."""
    with contextlib.suppress(OSError, ConfigError):
        summary = _read_through(directory)
        summary.files = files_seen(directory) if is_own and not summary.lost else {}
        _keep_summary(directory, summary)


def _keep_summary(directory: Path, summary: Summary) -> None:
    """It is made again where it cannot be written."""
    with contextlib.suppress(OSError):
        write_private(directory / SUMMARY, json.dumps(asdict(summary)))


def found(name: str) -> Path:
    """The directory of a session: by its name, by the beginning of it, or `last`."""
    known = newest_first()
    if name == LAST and known:
        return known[0]
    if name == LAST:
        raise ConfigError(NONE_RECORDED)
    return _only_one(_beginning_with(name, known), name)


def _beginning_with(name: str, known: list[Path]) -> list[Path]:
    return [path for path in known if path.name.startswith(name)] if name else []


def newest_first() -> list[Path]:
    """Their directories."""
    return sorted(filter(_is_session, sessions_directory().glob("*")), reverse=True)


def _is_session(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return is_session(path)
    return True  # whose it is that nobody may read: it is named


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
    """Bytes; 0 where it is not there any more."""
    with contextlib.suppress(OSError):
        return sum(_size(path) for path in directory.iterdir())
    return 0


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.lstat().st_size
    return 0


def _known_summary(directory: Path) -> Summary | None:
    """As it was written down; None where a file says what no summary does."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        fields = json.loads((directory / SUMMARY).read_text()).items()
        summary = Summary(**{name: _CHECKS[name](value) for name, value in fields})
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
