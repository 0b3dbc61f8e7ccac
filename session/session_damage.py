"""What is damaged of a session on disk: logs that cannot be read or lack their end, captures that
are missing. Its files are looked at once, and again where they changed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from collectors.plural import counted
from collectors.recording.blocks import FileBlock, blocks, pieces, whole_lines
from collectors.recording.event_codec import Malformed
from collectors.recording.log_lines import PacketPlace, parsed
from collectors.recording.pcap_segments import SUFFIX
from collectors.recording.session_log import EVIDENCE_FILES, FIGURES, STATES, TIMELINE
from collectors.sanitize import sanitize
from session.removals import removals

FilesSeen = Mapping[str, list[int]]  # by name: bytes, and when it was written (ns)
PLACE = b'"PacketPlace"'
NO_END = "its end is missing"
UNREADABLE = "it cannot be read"


class FoundInLog(NamedTuple):
    """Of one file: sentences about its damage, whether its last block was ended, and the captures
    that it names."""

    damage: list[str]
    is_ended: bool
    captures: set[str]


def files_seen(directory: Path) -> dict[str, list[int]]:
    """Files of evidence and what was said, as they are now."""
    found = {}
    for path in sorted(directory.glob("*.zst")):
        with contextlib.suppress(OSError):
            about = path.stat()
            found[path.name] = [about.st_size, about.st_mtime_ns]
    return found


def damage_of(directory: Path, had: FilesSeen, clean: bool) -> list[str]:
    """Clauses, each with the name of a file. `had` are its files when it was looked at before;
    `clean`: it was ended well. Blocking: its logs are read."""
    names = [TIMELINE, FIGURES, STATES, *(one.name for one in directory.glob(EVIDENCE_FILES))]
    logs = {name: _found(directory / name) for name in sorted(names)}
    is_over = clean or any(one.is_ended for one in logs.values())
    damage = [f"{name}: {what}" for name, one in logs.items() for what in _said(one, is_over)]
    wanted = {FIGURES, STATES, *(name for one in logs.values() for name in one.captures), *had}
    gone = {name for one in removals(directory) for name in one.files}
    for name in sorted(wanted - gone):
        if not (directory / name).exists():
            damage.append(f"{sanitize(name, 120)} is missing")
    return [*damage, *_of_captures(directory, is_over)]


def _said(one: FoundInLog, is_over: bool) -> Iterator[str]:
    """A session that was killed has torn ends."""
    return (what for what in one.damage if is_over or what != NO_END)


def _found(path: Path) -> FoundInLog:
    try:
        known = blocks(path)
        size = path.stat().st_size
    except FileNotFoundError:
        return FoundInLog([], False, set())
    except OSError:
        return FoundInLog([UNREADABLE], False, set())
    damaged, last, captures = 0, "torn", set[str]()
    if known and known[0].offset:
        damaged += 1
    for block in known:
        last = condition_of(block, captures)
        damaged += last == "damaged"
    damage = [f"{counted(damaged, 'part')} damaged"] if damaged else []
    if size and not known:
        damage = [UNREADABLE]
    elif known and last == "torn":
        damage.append(NO_END)
    return FoundInLog(damage, last == "whole", captures)


def condition_of(block: FileBlock, captures: set[str]) -> str:
    """What a block is like; captures that its lines name are added."""
    condition = "damaged"

    def reading() -> Iterator[bytes]:
        nonlocal condition
        condition = yield from pieces(block)

    with contextlib.suppress(OSError):
        for line in whole_lines(reading()):
            if PLACE in line[:60]:
                captures |= _capture_of(line)
    return condition


def _capture_of(line: bytes) -> set[str]:
    with contextlib.suppress(Malformed):
        _, item = parsed(line)
        if isinstance(item, PacketPlace):
            return {item.file}
    return set()


def _of_captures(directory: Path, is_over: bool) -> Iterator[str]:
    """By their last blocks: a capture is long."""
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        what = _of_capture(path)
        if what and (is_over or what != NO_END):
            yield f"{sanitize(path.name, 120)}: {what}"


def _of_capture(path: Path) -> str:
    try:
        known = blocks(path)
        if not path.stat().st_size:  # as a full disk leaves it
            return ""
    except OSError:
        return UNREADABLE
    if not known or known[0].offset:
        return UNREADABLE
    return {"torn": NO_END, "damaged": "1 part damaged"}.get(condition_of(known[-1], set()), "")
