"""A session as one file, and back: a tar of its files, which are compressed already. What is in a
file that comes from elsewhere is written under names of podwire's own, and no more than fits."""

from __future__ import annotations

import contextlib
import filecmp
import gzip
import os
import re
import shutil
import struct
import tarfile
import tempfile
import threading
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from collectors.capture.capture_files import is_capture
from collectors.errors import ConfigError, NotWritten
from collectors.new_file import open_new, whole_file
from collectors.recording.session_log import TIMELINE
from collectors.recording.session_reader import is_session
from collectors.sanitize import sanitize
from session.files import state_not_written
from session.recorded_sessions import LAST, found, newest_first
from session.running_session import RunningSession, new_session, sessions_directory

NAME = re.compile(
    r"(timeline|figures|states|evidence-\d{1,6})\.zst|[A-Za-z0-9.-]{1,120}\.pcap\.zst"
    r"|removed\.json"
)
MOST_FILES = 10_000
MOST_BYTES = 4 << 30
NO_EXPORT = "it is not a session that podwire exported"
CUT = "it is an incomplete copy of an exported session: its end is missing"
PIECE = 1 << 20
GZIP = b"\x1f\x8b"
TAR_MAGIC_AT = 257
# of tarfile, for headers that no program writes: ValueError for a size below 0
DAMAGES = (ValueError, LookupError, EOFError, OverflowError, struct.error)


def export(directory: Path, path: Path) -> Path:
    """Write a session into a new file of mode 0600, which has its name once it is whole.
    ConfigError where it is not a session, NotWritten where the file cannot be written."""
    if not is_session(directory):
        raise ConfigError(f"{sanitize(directory, 200)} is not a recorded session.")
    try:
        with whole_file(path) as file:
            _pack(directory, file)
    except OSError as error:
        name = sanitize(path, 200)
        reason = error.strerror or error
        raise NotWritten(f"{name} cannot be written: {reason}.", error) from None
    return path


def _pack(directory: Path, file: IO[bytes]) -> None:
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(directory.iterdir()):
            if NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                with path.open("rb") as content:
                    archive.addfile(_plain(archive.gettarinfo(fileobj=content)), content)


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without whose it is and where it was."""
    info.name = Path(info.name).name
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o600
    return info


def is_export(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(TAR_MAGIC_AT)
        return file.read(5) == b"ustar"
    return False


def require_regular(path: Path) -> None:
    """A recording is read more than once: a pipe would give it once, or wait for ever."""
    if path.exists() and not path.is_dir() and not path.is_file():
        name = sanitize(path, 200)
        raise ConfigError(f"{name} is a pipe or a device: write it to a file, and name that.")


def located(path: Path) -> Path:
    """A recording as it was named: a file, a directory, or a session of this machine."""
    require_regular(path)
    is_known = path.name == LAST or sessions_directory().is_dir()
    is_name = len(path.parts) == 1 and not path.exists() and is_known
    return found(path.name) if is_name else path


class NoLongerWanted(Exception):
    """Whoever waited for a recording was left meanwhile."""


def require_wanted(left: threading.Event | None) -> None:
    if left is not None and left.is_set():
        raise NoLongerWanted


def opened(path: Path, places: contextlib.ExitStack, left: threading.Event | None = None) -> Path:
    """The same; one that was exported is unpacked into a directory that goes with `places`.
    NoLongerWanted where it is `left` meanwhile."""
    path = located(path)
    if not path.is_file() or not is_export(path):
        return path
    directory = temporary_directory(places)
    with _said_of(path), tarfile.open(path, "r:") as archive:
        _unpack(archive, directory, sanitize(path, 200), left)
    return directory


def temporary_directory(places: contextlib.ExitStack) -> Path:
    """Of mode 0700. NotWritten where there is no place for it."""
    try:
        return Path(places.enter_context(tempfile.TemporaryDirectory(prefix="podwire-")))
    except OSError as error:
        raise _temporary_not_written(error) from None


def _temporary_not_written(error: OSError) -> NotWritten:
    return NotWritten(
        f"No temporary files can be written: {sanitize(error.strerror or error, 200)}. Make room,"
        " or set TMPDIR to a directory that can be written to.",
        error,
    )


class _IsHere(Exception):
    """What was imported is a session of this machine already."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory = directory


def import_session(path: Path) -> Path:
    """The directory of a new session of what is in a file, or of the one that has the same in it.
    ConfigError where it is none, or claims more than a session may have; NotWritten where there is
    no room for it."""
    require_regular(path)
    try:
        with (
            new_session_of_file() as directory,
            _said_of(path),
            tarfile.open(path, "r:") as archive,
        ):
            _unpack(archive, directory, sanitize(path, 200))
            _require_new(directory)
    except _IsHere as here:
        return here.directory
    return directory


def _require_new(directory: Path) -> None:
    files = _files(directory)
    for other in newest_first():
        with contextlib.suppress(OSError):
            if other != directory and _files(other) == files and _is_alike(other, directory, files):
                raise _IsHere(other)


def _files(directory: Path) -> dict[str, int]:
    """Those that an export has, and their bytes."""
    return {
        path.name: path.stat().st_size
        for path in directory.iterdir()
        if NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink()
    }


def _is_alike(one: Path, other: Path, names: Iterable[str]) -> bool:
    return all(filecmp.cmp(one / name, other / name, shallow=False) for name in names)


@contextlib.contextmanager
def _said_of(path: Path) -> Iterator[None]:
    try:
        yield
    except tarfile.ReadError as error:
        is_cut = is_export(path) and "unexpected end" in str(error)
        reason = CUT if is_cut else f"{NO_EXPORT}{_read_as_it_is(path)}"
        raise ConfigError(f"{sanitize(path, 200)} cannot be opened: {reason}.") from None
    except (OSError, tarfile.TarError, *DAMAGES) as error:
        reason = getattr(error, "strerror", None) or NO_EXPORT
        raise ConfigError(f"{sanitize(path, 200)} cannot be opened: {reason}.") from None


def _read_as_it_is(path: Path) -> str:
    """What can be done with a recording in one file, or a capture; '' with anything else."""
    try:
        with path.open("rb") as file:
            is_packed = file.peek(2)[:2] == GZIP
            begin = gzip.GzipFile(fileobj=file).read(1) if is_packed else file.read(1)
        if is_capture(path):
            return ", but a capture: podwire pcap and check --from read it as it is"
    except (OSError, EOFError, zlib.error, ConfigError):
        return ""
    is_recording = begin == b"{"
    instead = "; where it is a recording, podwire replay, report and check --from read it as it is"
    return instead if is_recording else ""


@contextlib.contextmanager
def new_session_of_file() -> Iterator[Path]:
    """A session's directory that goes where it cannot be filled. NotWritten where none can be
    made."""
    try:
        running: RunningSession = new_session()
    except OSError as error:
        raise state_not_written(error) from None
    try:
        yield running.directory
    except BaseException:
        running.close()
        shutil.rmtree(running.directory, ignore_errors=True)
        raise
    running.close(is_own=False)


def _unpack(
    archive: tarfile.TarFile, directory: Path, shown: str, left: threading.Event | None = None
) -> None:
    room = MOST_BYTES
    for files, info in enumerate(archive, 1):
        is_plain = info.isreg() and not info.issparse() and info.size >= 0
        if not is_plain or not NAME.fullmatch(info.name):
            name = sanitize(info.name, 80)
            raise ConfigError(f"{shown} is not opened: {name!r} is not a file of a session.")
        if (directory / info.name).exists():
            raise ConfigError(f"{shown} is not opened: {info.name} is in it twice.")
        room -= info.size
        if room < 0 or files > MOST_FILES:
            raise ConfigError(f"{shown} is not opened: it is larger than a session may be.")
        _copy(archive, info, directory / info.name, left)
    if not (directory / TIMELINE).exists():
        raise ConfigError(f"{shown} is not opened: there is no timeline in it.")


def _copy(
    archive: tarfile.TarFile, info: tarfile.TarInfo, path: Path, left: threading.Event | None
) -> None:
    content = archive.extractfile(info)
    assert content is not None
    with contextlib.ExitStack() as closed:
        with _writing_to(path.parent):
            descriptor = open_new(path)
        closed.callback(os.close, descriptor)
        while piece := content.read(PIECE):
            require_wanted(left)
            with _writing_to(path.parent):
                _write(descriptor, piece)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@contextlib.contextmanager
def _writing_to(directory: Path) -> Iterator[None]:
    """What fails there is not the fault of the file that is read."""
    try:
        yield
    except OSError as error:
        is_session = directory.parent == sessions_directory()
        raise (state_not_written if is_session else _temporary_not_written)(error) from None
