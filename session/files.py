"""podwire's own files: where they are (XDG), and writing them privately."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from collectors.account import home
from collectors.errors import CaptureError, NotWritten
from collectors.sanitize import sanitize

if TYPE_CHECKING:
    from session.target_data import GapLine, PacketLine

CHUNK = 4096


def state_directory() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(home() / ".local" / "state")
    return Path(base) / "podwire"


def state_not_written(error: OSError) -> NotWritten:
    """What is kept on this machine cannot be; names the directory, and what can be done."""
    return NotWritten(
        f"{sanitize(state_directory(), 200)} cannot be written to: {error.strerror or error}. Make"
        " room there, or set XDG_STATE_HOME to a directory that can be written to.",
        error,
    )


def journal_path() -> Path:
    """Where writes to clusters are journalled. Where its directory cannot be made, the first of
    them says so: only what would write to a cluster needs it."""
    directory = state_directory()
    with contextlib.suppress(OSError):
        private_directory(directory)
    return directory / "journal.jsonl"


def private_directory(path: Path) -> Path:
    """`path` as an existing directory of mode 0700 (parents that are made as well)."""
    for part in reversed((path, *path.parents)):
        if not part.exists():
            part.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, text: str) -> None:
    """A file of mode 0600, in place of one that is there. OSError where it cannot be."""
    new = path.with_name(f"{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def file_stem(key: str) -> str:
    """A target's key as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", key).strip("-")[:80]


def session_directory() -> Path:
    """A new directory for what this session captures."""
    stamp = f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
    return private_directory(state_directory() / "captures" / stamp)


def save_packets(key: str, lines: Sequence[PacketLine | GapLine]) -> Path:
    """Write packets to a new pcap file; returns its path. Packets of the last capture's link type
    only."""
    from collectors.capture.pcap import PcapWriter
    from session.target_data import PacketLine

    found = [line for line in lines if isinstance(line, PacketLine)]
    if not found:
        raise CaptureError("There are no packets to save yet.")
    linktype = found[-1].linktype
    name = file_stem(key)
    stamp = time.strftime("%Y%m%dT%H%M%S")
    directory = private_directory(state_directory() / "captures")
    for attempt in range(100):
        suffix = f"-{attempt}" if attempt else ""
        path = directory / f"{name}-{stamp}{suffix}.pcap"
        try:
            writer = PcapWriter(path, linktype)
        except FileExistsError:
            continue
        try:
            packets = [line.packet for line in found if line.linktype == linktype]
            for start in range(0, len(packets), CHUNK):
                writer.write(packets[start : start + CHUNK])
        finally:
            writer.close()
        return path
    raise CaptureError(f"No free file name for {name} in {directory}.")
