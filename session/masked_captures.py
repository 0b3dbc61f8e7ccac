"""Capture files written again with masked addresses and names, without payloads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from collectors.capture.links import link_name
from collectors.capture.pcap import PcapWriter
from collectors.capture.readers import read_file
from collectors.errors import CaptureError
from collectors.packet import Packet
from collectors.privacy.frame_mask import LINK_TYPES, FrameMask
from diagnosis.incident.model import ReportCapture
from session.files import private_directory
from session.report_captures import GONE, CaptureFile, sha256

NOT_WRITTEN = "not handed on: masked captures are written beside a report that --output names"
CUT = "it cannot be read to its end"
LEFT_OUT = "left out, since they cannot be masked: packets of {}"


class CaptureCopier:
    """Writes copies into a directory, which is made with the first; none where it is None."""

    def __init__(self, frames: FrameMask, directory: Path | None) -> None:
        self._frames = frames
        self._directory = directory
        self._count = 0

    def copies(self, file: CaptureFile, where: str) -> Iterator[ReportCapture]:
        """One for each link type of the capture; `where` is where it was made, masked. Blocking.
        CaptureError where it cannot be written."""
        self._count += 1
        stem = f"capture-{self._count}"
        if file.path is None or self._directory is None:
            note = GONE if file.path is None else NOT_WRITTEN
            yield ReportCapture(f"{stem}.pcap", where, file.packets, 0, sha256="", note=note)
            return
        copy = MaskedCopy(self._frames, private_directory(self._directory), stem)
        try:
            copy.read(file.path)
        except OSError as error:
            raise CaptureError(f"A masked capture cannot be written: {error.strerror}.") from None
        finally:
            copy.close()
        yield from copy.described(where)


class MaskedCopy:
    """Of one capture file."""

    def __init__(self, frames: FrameMask, directory: Path, stem: str) -> None:
        self._frames = frames
        self._directory = directory
        self._stem = stem
        self._writers: dict[int, PcapWriter] = {}
        self._packets: dict[int, int] = {}
        self._notes: list[str] = []

    def read(self, path: Path) -> None:
        try:
            for linktype, packets in read_file(path):
                if linktype in LINK_TYPES:
                    self._write(linktype, packets)
                elif (note := LEFT_OUT.format(link_name(linktype))) not in self._notes and packets:
                    self._notes.append(note)
        except CaptureError:
            self._notes.append(CUT)

    def _write(self, linktype: int, packets: list[Packet]) -> None:
        writer = self._writers.get(linktype)
        if writer is None:
            partial = self._directory / f".{self._stem}-{linktype}.{os.getpid()}.part"
            writer = self._writers[linktype] = PcapWriter(partial, linktype)
        writer.write([self._frames.packet(linktype, packet) for packet in packets])
        self._packets[linktype] = self._packets.get(linktype, 0) + len(packets)

    def close(self) -> None:
        for number, writer in enumerate(self._writers.values(), 1):
            writer.close()
            with contextlib.suppress(OSError):  # it is not described
                writer.path.replace(self._path(number))
        self._frames.hosts.clear()

    def _path(self, number: int) -> Path:
        return self._directory / f"{self._stem}{f'-{number}' if number > 1 else ''}.pcap"

    def described(self, where: str) -> Iterator[ReportCapture]:
        note = "; ".join(self._notes)
        for number, linktype in enumerate(self._writers, 1):
            path = self._path(number)
            size, digest = path.stat().st_size, sha256(path)
            packets = self._packets[linktype]
            yield ReportCapture(path.name, where, packets, size, sha256=digest, note=note)
        if not self._writers:
            yield ReportCapture(f"{self._stem}.pcap", where, 0, 0, sha256="", note=note)
