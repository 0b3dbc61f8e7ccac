"""Capture files written again with masked addresses and names, without payloads."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from collectors.capture.links import link_name
from collectors.capture.pcap import PcapWriter
from collectors.capture.readers import read_file
from collectors.errors import CaptureError
from collectors.packet import Packet
from collectors.privacy.frame_mask import LINK_TYPES, FrameMask
from collectors.sanitize import sanitize
from diagnosis.incident.model import ReportCapture
from session.report_captures import CaptureFile, count_packets, is_written, sha256

NOT_WRITTEN = "not handed on: masked captures are written beside a report that --output names"
OWN_FILE = re.compile(r"capture-\d+(?:-\d+)?\.pcap|\.capture-\d+-\d+\.[0-9a-f]+\.part")
CUT = "it cannot be read to its end"
UNTIL_NOW = "its packets until now: it was still written"
LEFT_OUT = "left out, since they cannot be masked: packets of {}"


def own_directory(path: Path) -> Path:
    """`path` as a directory of mode 0700: a new or an empty one, or one that has nothing but copies
    of an earlier report. CaptureError where it is another one."""
    name = sanitize(path, 200)
    try:
        if (why := _not_own(path)) is not None:
            raise CaptureError(
                f"Masked captures are not written to {name}, since it {why}: remove it, or choose"
                " another --output."
            )
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise CaptureError(
            f"The directory {name} of masked captures cannot be made: {error.strerror}."
        ) from None
    return path


def _not_own(path: Path) -> str | None:
    """Why podwire did not make it; None where it did, or where there is none."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link"
    if not stat.S_ISDIR(found.st_mode):
        return "is not a directory"
    if found.st_uid != os.geteuid():
        return "belongs to another user"
    files = list(path.iterdir())
    if any(not OWN_FILE.fullmatch(one.name) or not _is_file(one) for one in files):
        return "has files that podwire did not write"
    if files and stat.S_IMODE(found.st_mode) != 0o700:
        return "has captures, and podwire did not make it (its mode is not 0700)"
    return None


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


class CaptureCopier:
    """Writes copies into a directory, which is made with the first; none where it is None."""

    def __init__(self, frames: FrameMask, directory: Path | None) -> None:
        self._frames = frames
        self._directory = directory
        self._count = 0
        self._copies: list[MaskedCopy] = []

    def copies(self, file: CaptureFile, where: str) -> Iterator[ReportCapture]:
        """One for each link type of the capture; `where` is where it was made, masked. Blocking.
        CaptureError where it cannot be written."""
        self._count += 1
        stem = f"capture-{self._count}"
        if file.path is None or self._directory is None:
            packets, note = file.packets, file.note
            if file.path is not None:
                packets, note = count_packets(file.path)[0], NOT_WRITTEN
            yield ReportCapture(f"{stem}.pcap", where, packets, 0, sha256="", note=note)
            return
        copy = MaskedCopy(self._frames, own_directory(self._directory), stem, file.note)
        self._copies.append(copy)
        with _said():
            copy.read(file.path)
            found = list(copy.described(where))
        yield from found

    def keep(self) -> None:
        """All are written: they get their names."""
        with _said():
            for copy in self._copies:
                copy.keep()

    def discard(self) -> None:
        """Those that have no names yet."""
        for copy in self._copies:
            copy.discard()


@contextlib.contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CaptureError(f"A masked capture cannot be written: {error.strerror}.") from None


class MaskedCopy:
    """Of one capture file."""

    def __init__(self, frames: FrameMask, directory: Path, stem: str, note: str) -> None:
        self._frames = frames
        self._directory = directory
        self._stem = stem
        self._writers: dict[int, PcapWriter] = {}
        self._packets: dict[int, int] = {}
        self._notes = [note] if note else []

    def read(self, path: Path) -> None:
        try:
            for linktype, packets in read_file(path):
                if linktype in LINK_TYPES:
                    self._write(linktype, packets)
                elif (note := LEFT_OUT.format(link_name(linktype))) not in self._notes and packets:
                    self._notes.append(note)
        except CaptureError as error:
            self._notes.append(UNTIL_NOW if is_written(path, error) else CUT)
        finally:
            self._frames.hosts.clear()
            for writer in self._writers.values():
                writer.close()

    def _write(self, linktype: int, packets: list[Packet]) -> None:
        writer = self._writers.get(linktype)
        if writer is None:
            partial = self._directory / f".{self._stem}-{linktype}.{os.urandom(4).hex()}.part"
            writer = self._writers[linktype] = PcapWriter(partial, linktype)
        writer.write([self._frames.packet(linktype, packet) for packet in packets])
        self._packets[linktype] = self._packets.get(linktype, 0) + len(packets)

    def keep(self) -> None:
        for number, writer in enumerate(self._writers.values(), 1):
            writer.path.replace(self._directory / self._name(number))

    def discard(self) -> None:
        for writer in self._writers.values():
            with contextlib.suppress(OSError):
                writer.path.unlink(missing_ok=True)

    def _name(self, number: int) -> str:
        return f"{self._stem}{f'-{number}' if number > 1 else ''}.pcap"

    def described(self, where: str) -> Iterator[ReportCapture]:
        note = "; ".join(self._notes)
        for number, (linktype, writer) in enumerate(self._writers.items(), 1):
            size, digest = writer.path.stat().st_size, sha256(writer.path)
            packets, name = self._packets[linktype], self._name(number)
            yield ReportCapture(name, where, packets, size, sha256=digest, note=note)
        if not self._writers:
            yield ReportCapture(f"{self._stem}.pcap", where, 0, 0, sha256="", note=note)
