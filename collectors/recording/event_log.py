"""A recorded session: one JSON event a line, written as it happens, readable up to a torn last
line."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from collectors.errors import ConfigError
from collectors.events import Event, FindingEvent, Notice, RecordingStart
from collectors.new_file import open_new
from collectors.plural import counted
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
        self.path = path
        self._fd = open_new(path)
        self._size = 0

    def write(self, batch: Sequence[Event]) -> None:
        """OSError where the disk is full: nothing of the batch is written, and it can be tried
        again."""
        if not self._size and batch:
            batch = [start_event(batch[0].at), *batch]
        data = "".join(encode(event) + "\n" for event in batch).encode()
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
                os.lseek(self._fd, self._size, os.SEEK_SET)
            raise
        self._size += len(data)

    def close(self) -> None:
        os.close(self._fd)


def start_event(at: float) -> RecordingStart:
    from importlib import metadata  # imports slowly

    try:
        podwire = metadata.version("podwire")
    except metadata.PackageNotFoundError:  # run from a checkout
        podwire = "unknown"
    return RecordingStart(at, "", version=VERSION, podwire=podwire)


LEFT_OUT = {
    "damaged lines": "damaged lines that are left out: {}",
    "damaged compression": "the file's compression is damaged: what comes after that is missing",
    "damaged parts": "parts that are damaged: {} (of what was written there, some is missing)",
    "packets": "packets that are missing: {}",
}


def left_out(skipped: Counter[str]) -> str:
    """What was passed over, for a person; '' where nothing was."""
    return "; ".join(_left_out(what, count) for what, count in skipped.items())


def _left_out(what: str, count: int) -> str:
    text = LEFT_OUT.get(what)
    if text is None:
        return f"events of the unknown kind {sanitize(what, 40)!r} that are left out: {count:,}"
    return text.format(f"{count:,}")


class Recording:
    """A session's directory, or a file, gzipped or not. `skipped` counts what was passed over, by
    what it was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped: Counter[str] = Counter()

    def events(self) -> Iterator[Event]:
        """In order. A torn end, damaged lines and unknown kinds are passed over; OSError where the
        file cannot be opened."""
        if self.path.is_dir():
            yield from self._of_session()
            return
        for line in self._lines():
            try:
                yield decode(line)
            except UnknownKind as error:
                self.skipped[error.kind] += 1
            except Malformed:
                self.skipped["damaged lines"] += 1

    def _of_session(self) -> Iterator[Event]:
        from collectors.recording.session_reader import SessionReader  # it imports this module

        reader = SessionReader(self.path)
        yield from reader.events()
        self.skipped.update(reader.skipped)
        if reader.packets.missing:
            self.skipped["packets"] += reader.packets.missing

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
        """ConfigError where the file cannot be read, or is not a recording that this version
        knows."""
        name = sanitize(self.recording.path, 200)
        try:
            yield from self._events(name)
            self.message = left_out(self.recording.skipped)
        except FileNotFoundError:
            raise ConfigError(f"There is no recording at {name}.") from None
        except OSError as error:
            raise ConfigError(f"{name} cannot be read: {error.strerror}.") from None

    def _events(self, name: str) -> Iterator[Event]:
        is_empty = True
        for event in self._checked(name):
            is_empty &= isinstance(event, RecordingStart)
            if self.findings_again and isinstance(event, FindingEvent):
                event = as_notice(event)
            yield event
        if is_empty and (lines := self.recording.skipped.total()):
            raise ConfigError(
                f"{name} is neither a recording nor a capture (pcap, pcapng): "
                f"{counted(lines, 'unreadable line')}."
            )
        if is_empty:
            raise ConfigError(f"{name} holds nothing that podwire recorded.")

    def _checked(self, name: str) -> Iterator[Event]:
        """The events, where the format, which the first says, is one that is known."""
        for number, event in enumerate(self.recording.events()):
            if not number and isinstance(event, RecordingStart) and event.version > VERSION:
                raise ConfigError(
                    f"{name} was recorded in format {event.version} by podwire "
                    f"{sanitize(event.podwire, 40)}; this one reads formats up to {VERSION}: "
                    "update podwire to look at it."
                )
            yield event

    def lacks_evidence(self) -> bool:
        """Whether only what was said is left of a session: rules find nothing in it."""
        from collectors.recording.session_reader import SessionReader  # it imports this module

        path = self.recording.path
        return path.is_dir() and SessionReader(path).lacks_evidence()

    def has_findings(self) -> bool:
        """Whether its findings are in it in full; else rules must look at it again."""
        try:
            return Recording(self.recording.path).version() >= FULL_FINDINGS
        except OSError:
            return False


def as_notice(event: FindingEvent) -> Notice:
    finding = event.finding
    text = f"found when recorded: {finding.where}: {finding.title} ({event.change})"
    return Notice(event.at, event.target, text)
