"""A recorded session: one JSON event a line, written as it happens, readable up to a torn last
line."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from collectors.errors import ConfigError
from collectors.events import Event, FindingEvent, Notice, RecordingStart
from collectors.recording.event_codec import Malformed, UnknownKind, decode, encode
from collectors.sanitize import sanitize
from collectors.source import RecordedSource
from collectors.stream import Stream

VERSION = 2  # 1 had no findings in full, and no first event
FULL_FINDINGS = 2
GZIP = b"\x1f\x8b"
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)


class Recorder:
    """Appends every event of a session to a new file of mode 0600."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o600)
        self._is_new = True

    def write(self, batch: list[Event]) -> None:
        if self._is_new and batch:
            self._is_new = False
            batch = [start_event(batch[0].at), *batch]
        data = "".join(encode(event) + "\n" for event in batch).encode()
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def close(self) -> None:
        os.close(self._fd)


def start_event(at: float) -> RecordingStart:
    from importlib import metadata  # imports slowly

    try:
        podwire = metadata.version("podwire")
    except metadata.PackageNotFoundError:  # run from a checkout
        podwire = "unknown"
    return RecordingStart(at, "", version=VERSION, podwire=podwire)


class Recording:
    """A file to read, gzipped or not. `skipped` counts what was passed over, by what it was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped: Counter[str] = Counter()

    def events(self) -> Iterator[Event]:
        """In order. A torn end, damaged lines and unknown kinds are passed over; OSError where the
        file cannot be opened."""
        for line in self._lines():
            try:
                yield decode(line)
            except UnknownKind as error:
                self.skipped[error.kind] += 1
            except Malformed:
                self.skipped["damaged lines"] += 1

    def _lines(self) -> Iterator[str]:
        with self.path.open("rb") as file:
            unpacked = gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == GZIP else file
            try:
                yield from io.TextIOWrapper(
                    cast("BinaryIO", unpacked), encoding="utf-8", errors="replace"
                )
            except DAMAGED:
                self.skipped["damaged compression"] += 1

    def version(self) -> int:
        """Of the format that it was written in: 1 where it does not say."""
        first = next(self.events(), None)
        return first.version if isinstance(first, RecordingStart) else 1


def read(path: Path) -> Iterator[Event]:
    """The events of a recording in order, without what this version does not know."""
    return Recording(path).events()


class RecordingSource(RecordedSource):
    """A recording as a source: its targets are those of the session that was recorded.

    Where rules look at it again (`findings_again`), what they found when it was recorded is a
    notice: two versions of one finding would stand beside each other.
    """

    def __init__(
        self, path: Path, stream: Stream, *, speed: float = 0.0, findings_again: bool = False
    ) -> None:
        super().__init__("", stream, speed)
        self.recording = Recording(path)
        self.findings_again = findings_again

    def events(self) -> Iterator[Event]:
        path = self.recording.path
        try:
            for event in self.recording.events():
                if self.findings_again and isinstance(event, FindingEvent):
                    event = _as_notice(event)
                yield event
        except FileNotFoundError:
            raise ConfigError(f"There is no recording at {sanitize(path, 200)}.") from None
        except OSError as error:
            name = sanitize(path, 200)
            raise ConfigError(f"{name} cannot be read: {error.strerror}.") from None
        skipped = self.recording.skipped
        self.message = ", ".join(f"{count} {what} skipped" for what, count in skipped.items())

    def has_findings(self) -> bool:
        """Whether its findings are in it in full; else rules must look at it again."""
        try:
            return Recording(self.recording.path).version() >= FULL_FINDINGS
        except OSError:
            return False


def _as_notice(event: FindingEvent) -> Notice:
    finding = event.finding
    text = f"found when recorded: {finding.where}: {finding.title} ({event.change})"
    return Notice(event.at, event.target, text)
