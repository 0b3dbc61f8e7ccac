"""Sessions on disk have bounds of size and age. Evidence and packets go first, the oldest before
the rest; what was said (findings, marks, writes) stays longest. What went is said."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from collectors.frozen import frozen
from collectors.plural import counted
from collectors.recording.pcap_segments import SUFFIX
from collectors.recording.session_lock import LOCK, is_running
from collectors.recording.session_log import EVIDENCE_FILES, FIGURES, STATES
from session.disk_gap import RESERVE
from session.recorded_sessions import SUMMARY, newest_first, size_of
from session.removals import DAY_S, GIB, REMOVALS, Removal, note_removal
from session.running_session import sessions_directory

ABOUT = (SUMMARY, REMOVALS)  # which are written later than what they are about
UNFINISHED_S = 60.0  # a process makes the directory first, and holds its lock a moment later
BULK = (EVIDENCE_FILES, f"*{SUFFIX}", FIGURES, STATES, RESERVE)


@frozen
class Bounds:
    """Of all sessions together. What was said stays `kept` times as long as the evidence."""

    size: int = 2 * GIB
    age_s: float = 14 * DAY_S
    kept: float = 4.0


def keep(bounds: Bounds, own: Path | None = None) -> list[str]:
    """Remove what is past the bounds, never of a session that runs, except the oldest files of
    `own`; sentences about what went."""
    said = [*_unfinished(), *_by_age(bounds)]
    known = _all()
    over = sum(map(size_of, known)) - bounds.size
    if over <= 0:
        return said
    ended = [path for path in known if path != own and not is_running(path)]
    freed, because = 0, Removal(time.time(), "size", bounds.size, files=())
    for go in (_evidence_of(ended, because), _old_segments(own, because)):
        freed += sum(_until(go, over - freed))
    whole = list(_until(_whole(ended), over - freed))
    return [*said, *_no_room(bounds, freed, whole)]


def _unfinished() -> Iterator[str]:
    """Remove what never became a session: its process was killed, as while it imported one. It
    has no log, is listed nowhere, and may be large."""
    gone = [path for path in sessions_directory().glob("*T*-*") if _is_unfinished(path)]
    if sizes := [size for size in map(_emptied, gone) if size]:
        verb = "was" if len(sizes) == 1 else "were"
        what = counted(len(sizes), "session")
        yield f"{what} whose import was cut off {verb} removed ({_mib(sum(sizes))})"


def _is_unfinished(path: Path) -> bool:
    """Nothing but what a session has is in it, for a minute, and nobody is at it."""
    with contextlib.suppress(OSError):
        names = {one.name for one in path.iterdir()} if not path.is_symlink() else set()
        ours = {one.name for one in _bulk(path)} | {LOCK, *ABOUT}
        return LOCK in names <= ours and not is_running(path) and _age(path) > UNFINISHED_S
    return False


def _emptied(directory: Path) -> int:
    """Its size; 0 where it cannot be removed."""
    size = size_of(directory)
    with contextlib.suppress(OSError):
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()
        return size
    return 0


def _until(sizes: Iterator[int], wanted: int) -> Iterator[int]:
    """What is removed, until so many bytes are free."""
    while wanted > 0 and (size := next(sizes, None)) is not None:
        wanted -= size
        yield size


def _no_room(bounds: Bounds, freed: int, whole: Sequence[int]) -> Iterator[str]:
    limit = f"sessions on disk may use {bounds.size / GIB:.3g} GiB"
    if freed or not whole:
        yield f"{limit}: {_mib(freed)} of the oldest packets and samples were removed"
    if whole:
        yield f"{limit}: {_whole_text(whole)}"


def _whole_text(sizes: Sequence[int]) -> str:
    verb = "was" if len(sizes) == 1 else "were"
    what = f"{counted(len(sizes), 'session')} {verb} removed whole"
    return f"{what}, with findings, marks and writes ({_mib(sum(sizes))})"


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MiB"


def _all() -> list[Path]:
    """The oldest first."""
    return newest_first()[::-1]


def _by_age(bounds: Bounds) -> Iterator[str]:
    old = [path for path in _all() if _age(path) > bounds.age_s and not is_running(path)]
    oldest = [path for path in old if _age(path) > bounds.age_s * bounds.kept]
    days, last = bounds.age_s / DAY_S, bounds.age_s * bounds.kept / DAY_S
    if whole := list(_whole(oldest)):
        yield f"older than {last:.4g} days: {_whole_text(whole)}"
    because = Removal(time.time(), "age", bounds.age_s, files=())
    if freed := sum(_evidence_of((one for one in old if one not in oldest), because)):
        yield (
            f"packets and samples of sessions older than {days:.4g} days were removed "
            f"({_mib(freed)}); findings, marks and writes stay {last:.4g} days"
        )


def _age(directory: Path) -> float:
    """Seconds since anything was recorded in it; 0 where another console removes it just now."""
    with contextlib.suppress(OSError):
        files = (path for path in directory.iterdir() if path.name not in ABOUT)
        return time.time() - max((path.stat().st_mtime for path in files), default=0.0)
    return 0.0


def _evidence_of(directories: Iterable[Path], because: Removal) -> Iterator[int]:
    """Remove evidence, session by session; the bytes of each."""
    for directory in directories:
        yield _removed(directory, _bulk(directory), because)


def _bulk(directory: Path) -> list[Path]:
    return [path for pattern in BULK for path in directory.glob(pattern)]


def _old_segments(own: Path | None, because: Removal) -> Iterator[int]:
    """Of the session that runs, files that are not written any more."""
    if own is None:
        return
    names = sorted(path for pattern in BULK[:2] for path in own.glob(pattern))
    closed: list[Path] = []
    for _, files in groupby(names, key=lambda path: path.name.rpartition("-")[0]):
        closed += list(files)[:-1]
    for path in sorted(closed, key=lambda path: path.stat().st_mtime):
        yield _removed(own, [path], because)


def _whole(directories: Iterable[Path]) -> Iterator[int]:
    for directory in directories:
        size = size_of(directory)
        shutil.rmtree(directory, ignore_errors=True)
        yield size


def _removed(directory: Path, files: Iterable[Path], because: Removal) -> int:
    """The bytes of files of a session that were removed, which is noted there."""
    sizes = {path.name: size for path in files if (size := _unlinked(path)) is not None}
    if names := tuple(name for name in sizes if name != RESERVE):
        note_removal(directory, replace(because, files=names))
    return sum(sizes.values())


def _unlinked(path: Path) -> int | None:
    with contextlib.suppress(OSError):
        size = path.lstat().st_size
        path.unlink()
        return size
    return None
