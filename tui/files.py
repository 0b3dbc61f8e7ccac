"""podwire's own files: where they are (XDG), and writing them privately."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from collectors.capture.pcap import PcapWriter
from collectors.errors import CaptureError
from tui.store import PacketLine

CHUNK = 4096


def state_directory() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "podwire"


def journal_path() -> Path:
    """Where writes to clusters are journalled; its directory is there."""
    return private_directory(state_directory()) / "journal.jsonl"


def private_directory(path: Path) -> Path:
    """`path` as an existing directory of mode 0700 (those that are made on the way, too)."""
    for part in reversed((path, *path.parents)):
        if not part.exists():
            part.mkdir(mode=0o700, exist_ok=True)
    return path


def save_packets(key: str, lines: Sequence[PacketLine]) -> Path:
    """Write packets to a new pcap file; returns its path. Packets of the last capture's link type only."""
    if not lines:
        raise CaptureError("There are no packets to save yet.")
    linktype = lines[-1].linktype
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", key).strip("-")[:80]
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
            packets = [line.packet for line in lines if line.linktype == linktype]
            for start in range(0, len(packets), CHUNK):
                writer.write(packets[start : start + CHUNK])
        finally:
            writer.close()
        return path
    raise CaptureError(f"No free file name for {name} in {directory}.")
