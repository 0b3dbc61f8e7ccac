"""The session that is recorded now: its directory, and the lock on it."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from collectors.recording.session_lock import LOCK, hold
from session.files import private_directory, state_directory

NAME = "the recorder"  # the consumer of the stream
DISK = "the session's recording"  # as a consumer, of what the disk had no room for


class RunningSession:
    """A session of this process: nobody removes it while its lock is held, and a lock ends with
    its process, however that ends."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._fd = hold(directory)

    def close(self, is_own: bool = True) -> None:
        """It ended well: what it was about is written down. Not `is_own`: its files came from
        elsewhere."""
        from session.recorded_sessions import write_summary  # the first list waits for no reader

        write_summary(self.directory, is_own)
        with contextlib.suppress(OSError):
            (self.directory / LOCK).unlink()
        os.close(self._fd)


def sessions_directory() -> Path:
    return state_directory() / "sessions"


def new_session() -> RunningSession:
    """A directory of mode 0700 for the session that begins. OSError where it cannot be made."""
    parent = private_directory(sessions_directory())
    stamp = f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
    for attempt in range(100):
        directory = parent / (f"{stamp}-{attempt}" if attempt else stamp)
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            return RunningSession(directory)
    raise FileExistsError(f"{parent / stamp} and a hundred more are there")
