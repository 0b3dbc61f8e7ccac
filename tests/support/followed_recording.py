"""A recording that is still written, read as far as it goes."""

from __future__ import annotations

from pathlib import Path

from collectors.recording.event_codec import decode
from session.log_line import LogLine
from session.store import Store


class FollowedRecording:
    """Applies what was added since the last look: a long recording is read once."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0
        self._store = Store()

    def store(self) -> Store:
        """The state at the last whole line."""
        with self._path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        self._store.apply_all(decode(line) for line in whole.decode().splitlines())
        return self._store

    def gaps_since(self, log_count: int) -> list[LogLine]:
        """Lines of the log about gaps, after the first `log_count` lines."""
        store = self.store()
        fresh = store.log_count - log_count
        lines = list(store.log)[-fresh:] if fresh else []
        return [line for line in lines if line.kind == "gap"]
