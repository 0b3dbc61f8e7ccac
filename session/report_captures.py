"""The capture files of a session, as a report names them: how many packets, how long, and a digest,
so that whoever has a file can see that it is the one that was meant."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from collectors.capture.file_source import PcapSource
from collectors.capture.readers import read_file
from collectors.errors import CaptureError
from collectors.sanitize import sanitize
from collectors.source import RecordedSource
from collectors.target import name_in
from diagnosis.incident.model import ReportCapture
from session.files import file_stem
from session.store import Store


def files_of(store: Store, sources: Iterable[RecordedSource]) -> list[ReportCapture]:
    """Those that were given, and those that the session kept, where they are still there."""
    given = [source for source in sources if isinstance(source, PcapSource)]
    found = [capture_file(one.path, name_in(one.key)) for one in given]
    return [*found, *_kept(store)]


def _kept(store: Store) -> Iterator[ReportCapture]:
    for key, data in store.targets.items():
        state = data.capture
        if state is None or not state.kept:
            continue
        stem = f"{file_stem(key)}-{state.capture}-"
        paths = sorted(Path(state.kept).glob(f"{stem}*.pcap"))
        where = name_in(key)
        yield from (capture_file(path, where) for path in paths)
        if not paths:
            yield ReportCapture(f"{stem}*.pcap", where, state.received, 0, sha256="", note=GONE)


GONE = "not on this machine"


def capture_file(path: Path, where: str) -> ReportCapture:
    name, note, packets = sanitize(path.name, 200), "", 0
    try:
        for _, some in read_file(path):
            packets += len(some)
    except CaptureError as error:
        note = str(error)
    try:
        size, digest = path.stat().st_size, sha256(path)
    except OSError as error:
        size, digest, note = 0, "", f"{note} {error.strerror}".strip()
    return ReportCapture(name, where, packets, size, sha256=digest, note=note)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
