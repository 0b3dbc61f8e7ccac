"""A recording as a console opens it: a session of this machine as it is, an exported one or a file
of events in a temporary place. A file of events becomes a session first, so that any time of it
can be gone to."""

from __future__ import annotations

import contextlib
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path

from collectors.capture.capture_files import is_capture
from collectors.errors import ConfigError
from collectors.events import Event, Notice, RecordingEnd, RecordingStart
from collectors.frozen import frozen
from collectors.recording.event_log import RecordingSource
from collectors.recording.session_log import SessionWriter
from collectors.recording.session_reader import SessionReader
from collectors.sanitize import sanitize
from collectors.stream import Stream
from session.figure_pieces import FigurePieces
from session.given_recordings import without_text
from session.removals import removals, removed_text
from session.session_archive import SessionArchive
from session.session_files import opened, require_wanted, temporary_directory
from session.store import Store

PIECES_S = 30.0
AT_ONCE = 1_000  # events


@frozen
class OpenedRecording:
    """`with_rules`: findings are those of today's rules."""

    archive: SessionArchive
    with_rules: bool


def open_recording(
    path: Path,
    again: bool,
    places: contextlib.ExitStack,
    left: threading.Event | None = None,
) -> OpenedRecording:
    """Blocking, until it is `left`. With rules of today where that is asked for (`again`), or where
    the recording has no findings in full. ConfigError where it cannot be read, or holds nothing."""
    located, left_out = opened(path, places, left), ""
    if not located.is_dir():
        _require_recording(located, path)
        source = RecordingSource(located, Stream())
        again = again or not source.has_findings()
        directory = converted(source, temporary_directory(places), left)
        located, left_out = directory, source.message
    reader = SessionReader(located)
    if again and reader.lacks_evidence():
        again, left_out = False, without_text(located)
    elif known := removals(located):
        left_out = removed_text(known)
    archive = SessionArchive(reader, again)
    if not archive.ended:
        raise ConfigError(f"{sanitize(path, 200)} holds nothing that podwire recorded.")
    if left_out := "; ".join(filter(None, (left_out, archive.left_out()))):
        archive.add(Notice(archive.began, "", left_out, "warning"))
    return OpenedRecording(archive, again)


def _require_recording(located: Path, path: Path) -> None:
    """ConfigError for a capture, with what reads it."""
    if located.exists() and is_capture(located):
        raise ConfigError(
            f"{sanitize(path, 200)} is a capture, which has no screens of a session: open it with"
            f" `podwire pcap {sanitize(shlex.quote(str(path)), 200)}`, or find what is wrong in it"
            " with `podwire check --from`."
        )


def converted(
    source: RecordingSource, directory: Path, left: threading.Event | None = None
) -> Path:
    """A file of events as a session, with its figures. NoLongerWanted where it is `left`."""
    store, writer = Store(), SessionWriter(directory)
    pieces, pieces_at, batch = FigurePieces(store), 0.0, list[Event]()
    for event in _events(source):
        require_wanted(left)
        store.apply(event)
        batch.append(event)
        if len(batch) >= AT_ONCE or event.at - pieces_at >= PIECES_S:
            if event.at - pieces_at >= PIECES_S:
                pieces_at = event.at
                batch += pieces.new()
            writer.write(batch)
            batch.clear()
    writer.write([*batch, *pieces.new(), RecordingEnd(store.latest, "")])
    writer.close()
    return directory


def _events(source: RecordingSource) -> Iterator[Event]:
    return (event for event in source.events() if not isinstance(event, RecordingStart))
