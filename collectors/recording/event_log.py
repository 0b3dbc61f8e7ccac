"""A recorded session: one JSON event a line, written as it happens, readable up to a torn last line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from collectors.events import Event
from collectors.recording.event_codec import Malformed, decode, encode


class Recorder:
    """Appends every event of a session to a new file of mode 0600."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o600)

    def write(self, batch: list[Event]) -> None:
        data = "".join(encode(event) + "\n" for event in batch).encode()
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def close(self) -> None:
        os.close(self._fd)


def read(path: Path) -> Iterator[Event]:
    """The events of a recording in order. A torn last line and unknown kinds are passed over."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                yield decode(line)
            except Malformed:
                continue
