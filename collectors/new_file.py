"""Files that are made for somebody's evidence: theirs alone, and never another file."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
NAME_SHOWN = 60  # characters of the name in that of the part: names have at most 255 bytes


def open_new(path: Path) -> int:
    """A descriptor to write a new file of mode 0600 by. FileExistsError where there is one."""
    return os.open(path, FLAGS, 0o600)


@contextlib.contextmanager
def whole_file(path: Path, *, replace: bool = False) -> Iterator[IO[bytes]]:
    """A new file of mode 0600 that gets its name once all of it is written: what ends that earlier
    (a full disk, Ctrl-C) leaves nothing. With `replace` in place of one that is there, else
    FileExistsError. OSError where it cannot be written."""
    if not path.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not replace:
        _require_none(path)
    part = path.with_name(f".{path.name[:NAME_SHOWN]}.{os.urandom(4).hex()}.part")
    try:
        with os.fdopen(open_new(part), "wb") as file:
            yield file
        if replace:
            part.replace(path)
        else:
            _give_name(part, path)
    finally:
        part.unlink(missing_ok=True)


def _give_name(part: Path, path: Path) -> None:
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        _require_none(path)
        part.rename(path)


def _require_none(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
