"""The capture files of a session, as a report names them: how many packets, how long, and a digest,
so that whoever has a file can see that it is the one that was meant."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from collectors.capture.file_source import PcapSource
from collectors.capture.readers import Truncated, read_file
from collectors.errors import CaptureError
from collectors.frozen import frozen
from collectors.recording.event_log import RecordingSource
from collectors.recording.pcap_segments import SUFFIX
from collectors.recording.session_lock import is_running
from collectors.sanitize import sanitize
from collectors.source import RecordedSource
from collectors.target import name_in
from diagnosis.incident.model import ReportCapture
from session.files import file_stem
from session.removals import removals, removed_files
from session.store import Store

ENDS = (".pcap", SUFFIX)


@frozen
class CaptureFile:
    """A capture of a session. `path` None: it is not on this machine, but is said to have had so
    many packets. `note`: what is missing of it, and why."""

    name: str
    where: str
    path: Path | None = None
    packets: int = 0
    note: str = ""


def files_of(files: Iterable[CaptureFile]) -> list[ReportCapture]:
    """As a report has them. Blocking: each is read."""
    return [
        ReportCapture(one.name, one.where, one.packets, 0, sha256="", note=one.note)
        if one.path is None
        else capture_file(one.path, one.where, one.note)
        for one in files
    ]


def capture_files(store: Store, sources: Iterable[RecordedSource]) -> list[CaptureFile]:
    """Those that were given, and those that the session kept, where they are still there."""
    sources = list(sources)
    given = [source for source in sources if isinstance(source, PcapSource)]
    found = [CaptureFile(one.path.name, name_in(one.key), one.path) for one in given]
    recordings = (source for source in sources if isinstance(source, RecordingSource))
    sessions = [one.recording.path for one in recordings if one.recording.path.is_dir()]
    found += _kept(store, sessions)
    return [*found, *_unclaimed(store, sessions, found)]


def _kept(store: Store, sessions: Sequence[Path]) -> Iterator[CaptureFile]:
    """In the directory that the capture names, or in that of the session; those that the bounds
    removed are known."""
    removed = [one for session in sessions for one in removals(session)]
    for key, data in store.targets.items():
        state = data.capture
        if state is None or not state.kept:
            continue
        stem = f"{file_stem(key)}-{state.capture}-"
        where, paths = name_in(key), _files(stem, (*sessions, Path(state.kept)))
        note = removed_files(removed, stem)
        for path in paths:
            yield CaptureFile(path.name, where, path, note=note and f"{EARLIER} {note}")
            note = ""
        if not paths:
            # its packets go on after the last count that was recorded
            packets = max(state.received, data.packets_seen)
            yield CaptureFile(f"{stem}*", where, packets=packets, note=note or GONE)


def _unclaimed(
    store: Store, sessions: Sequence[Path], claimed: Sequence[CaptureFile]
) -> Iterator[CaptureFile]:
    """The other packets of each session: of an earlier capture of a target, or of one whose
    beginning was not recorded."""
    known = {one.path.resolve() for one in claimed if one.path is not None}
    places = {file_stem(key): name_in(key) for key in store.targets}
    for session in sessions:
        removed, before = removals(session), ""
        for path in _with_content(sorted(session.glob(f"*{SUFFIX}"))):
            if path.resolve() in known:
                continue
            stem = path.name.rpartition("-")[0]
            note = removed_files(removed, f"{stem}-") if stem != before else ""
            where, before = places.get(stem.rpartition("-")[0], ""), stem
            yield CaptureFile(path.name, where, path, note=note and f"{EARLIER} {note}")


GONE = "not on this machine"
GROWS = "still written: its packets until now, and no digest before it is whole"
EARLIER = "of what came before,"


def _files(stem: str, places: Iterable[Path]) -> list[Path]:
    """As a capture writes them, or a session, which compresses them; `web-1-` begins the names of
    another target's too (`web-1-3-001`)."""
    found = (sorted(place.glob(f"{stem}*{end}")) for place in places for end in ENDS)
    found = ([one for one in paths if "-" not in one.name[len(stem) :]] for paths in found)
    return next(filter(None, map(_with_content, found)), [])


def _with_content(paths: Sequence[Path]) -> list[Path]:
    """Without files that a full disk left empty."""
    return [path for path in paths if path.stat().st_size]


def capture_file(path: Path, where: str, known: str = "") -> ReportCapture:
    """`known` is what is missing before it."""
    name, notes = sanitize(path.name, 200), [known]
    packets, error = count_packets(path)
    if error is not None:
        if is_written(path, error):
            note = "; ".join(filter(None, (known, GROWS)))
            return ReportCapture(name, where, packets, 0, sha256="", note=note)
        notes.append(str(error))
    try:
        size, digest = path.stat().st_size, sha256(path)
    except OSError as error:
        size, digest = 0, ""
        notes.append(error.strerror or "it cannot be read")
    note = "; ".join(filter(None, notes))
    return ReportCapture(name, where, packets, size, sha256=digest, note=note)


def count_packets(path: Path) -> tuple[int, CaptureError | None]:
    """How many there are, and why there may be more that cannot be read. Blocking."""
    packets = 0
    try:
        for _, some in read_file(path):
            packets += len(some)
    except CaptureError as error:
        return packets, error
    return packets, None


def is_written(path: Path, error: CaptureError) -> bool:
    """Whether that which is read has no end only since its session still writes it."""
    return isinstance(error, Truncated) and is_running(path.parent)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
