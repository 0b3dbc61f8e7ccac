"""What the bounds of size and age removed of a session, as it is noted beside what stays: whoever
misses packets is not left to guess where they are."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from collectors.frozen import frozen
from collectors.plural import counted
from collectors.recording.event_codec import DAMAGES
from collectors.recording.field_types import checks_of
from session.files import write_private

REMOVALS = "removed.json"
MOST = 200  # that are noted of a session: the newest
MOST_BYTES = 1 << 20  # of the note, which may come from elsewhere
GIB, DAY_S = 1 << 30, 86_400.0


@frozen
class Removal:
    """`at` is when (epoch), `limit` bytes of all sessions or seconds of age, `files` names."""

    at: float
    bound: Literal["size", "age"]
    limit: float
    files: tuple[str, ...]

    @property
    def text(self) -> str:
        """`removed on 2026-11-20 10:11 UTC: packets and samples stay 14 days`."""
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(self.at))
        if self.bound == "size":
            why = f"sessions on disk may use {self.limit / GIB:.3g} GiB"
        else:
            why = f"packets and samples stay {self.limit / DAY_S:.4g} days"
        return f"removed on {when} UTC: {why}"


_CHECKS = checks_of(Removal)


def note_removal(directory: Path, removal: Removal) -> None:
    """Nothing where it cannot be written: what was removed stays so."""
    known = [*removals(directory), removal][-MOST:]
    with contextlib.suppress(OSError):
        write_private(directory / REMOVALS, json.dumps([asdict(one) for one in known]))


def removals(directory: Path) -> list[Removal]:
    """The oldest first; none where none is known."""
    with contextlib.suppress(OSError, *DAMAGES):
        with (directory / REMOVALS).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) <= MOST_BYTES:
            return [_removal(one) for one in json.loads(data)[-MOST:]]
    return []


def _removal(value: dict[str, Any]) -> Removal:
    fields = {**value, "files": tuple(value["files"])}
    return Removal(**{name: check(fields[name]) for name, check in _CHECKS.items()})


def removed_files(known: Iterable[Removal], stem: str) -> str:
    """Of a capture, whose files begin so: how many, when and why; '' where none is known."""
    of_it = [(one, name) for one in known for name in one.files if name.startswith(stem)]
    return f"{counted(len(of_it), 'file')} {of_it[-1][0].text}" if of_it else ""


def removed_text(known: Sequence[Removal]) -> str:
    """Of a session, when and why; '' where nothing is known to have been removed."""
    if not known:
        return ""
    files = sum(len(one.files) for one in known)
    return f"packets and samples ({counted(files, 'file')}) were {known[-1].text}"
