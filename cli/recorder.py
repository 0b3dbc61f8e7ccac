"""Writing a session as it goes: into a directory of its own, or into the file of --record."""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cli.config import Config
from cli.messages import print_message, print_messages
from collectors.errors import NotWritten
from collectors.plural import counted
from collectors.sanitize import sanitize

if TYPE_CHECKING:  # most sessions write none
    from collectors.recording.event_log import Recorder
    from collectors.stream import Stream
    from session.disk_gap import DiskGap
    from session.file_recording import FileRecording
    from session.recording import SessionRecording
    from session.running_session import RunningSession
    from session.store import Store

HERE = Path()  # of --record without a file: the session's own directory
RECORDED = (None, "", "open", "lab", "local")  # commands of which each session is recorded


class Recorders:
    """What a command writes: a session's directory, a file, both or neither. NotWritten where a
    file that was asked for cannot be written."""

    def __init__(self, options: argparse.Namespace, settings: Config) -> None:
        self._file = open_recorder(options)
        self._wanted = is_recorded(options, settings)
        self._bounds = settings.bounds
        self._session: RunningSession | None = None
        self._failure = ""
        self._to_file: FileRecording | None = None
        self._recording: SessionRecording | None = None

    @property
    def session(self) -> SessionRecording | None:
        return None if self._recording is None or self._recording.failure else self._recording

    @property
    def directory(self) -> Path | None:
        """Of the session that is written."""
        return self.session.directory if self.session else None

    async def prepare(self) -> None:
        """The session's directory, in a thread."""
        if self._wanted:
            await asyncio.to_thread(self._prepare)

    def _prepare(self) -> None:
        from session.recording import failure_text
        from session.running_session import new_session

        try:
            self._session = new_session()
        except OSError as error:
            self._failure = failure_text(error)

    def begin(self, stream: Stream, store: Store, after: asyncio.Event | None = None) -> None:
        """On the event loop: what is published from now on is written, `after` that is set, until
        the stream is closed."""
        from collectors.events import Notice  # imports slowly

        self._to_file, self._file = recording(self._file, stream), None
        if self._session is not None:
            from session.recording import SessionRecording

            self._recording = SessionRecording(self._session, stream, store, self._bounds, after)
        if self._failure:
            stream.publish(Notice(time.time(), "", self._failure, "warning"))

    def say_where(self) -> None:
        if self.session is not None:
            from session.session_damage import files_seen

            name, gap = self.session.directory.name, self.session.gap
            print_messages(dict.fromkeys(self.session.removed))
            sizes = [size for size, _ in files_seen(self.session.directory).values()]
            if gap.lost and not any(sizes):
                print_message(f"nothing is recorded{_lost(gap)}")
            else:
                print_message(f"recorded{_part(gap)}: podwire replay {name}")
        if self._to_file is not None and self._to_file.gap.lost:
            name = sanitize(self._to_file.path, 200)
            print_message(f"{name} was written{_part(self._to_file.gap)}")
        if failure := self._failure or (self._recording.failure if self._recording else ""):
            print_message(failure)

    async def finished(self) -> None:
        """The stream was closed: what was seen is on disk."""
        if self._file is not None:
            self._file.close()
        if self._to_file is not None:
            await self._to_file.finished()
        if self._recording is not None:
            await self._recording.finished()


def is_recorded(options: argparse.Namespace, settings: Config) -> bool:
    """Whether the session goes to a directory of its own."""
    if options.command == "check":
        return getattr(options, "record", None) == HERE
    return options.command in RECORDED and _is_wanted(options, settings)


def _is_wanted(options: argparse.Namespace, settings: Config) -> bool:
    return settings.record and not getattr(options, "no_record", False)


def open_recorder(options: argparse.Namespace) -> Recorder | None:
    """That of --record; None without. NotWritten where the file cannot be written."""
    path = getattr(options, "record", None)
    if path is None or path == HERE:
        return None
    from collectors.recording.event_log import Recorder

    try:
        return Recorder(path)
    except OSError as error:
        raise NotWritten(
            f"The recording {sanitize(path, 200)} cannot be written: {error.strerror}.", error
        ) from None


def recording(recorder: Recorder | None, stream: Stream) -> FileRecording | None:
    """Writes what is published from now on, until the stream is closed."""
    if recorder is None:
        return None
    from session.file_recording import FileRecording

    return FileRecording(recorder, stream)


def _part(gap: DiskGap) -> str:
    return f" in part{_lost(gap)}" if gap.lost else ""


def _lost(gap: DiskGap) -> str:
    return f" ({counted(gap.lost, 'event')} not written: the disk was full)"
