"""Keeps a capture on disk while it runs, a file a connection, so that a crash loses nothing that was captured.

A thread of its own writes: a slow or full disk never holds up the capture. What it was too slow for is counted, in
whole packets, so that every file is a readable pcap at any moment.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from pathlib import Path

from collectors.capture.pcap import PcapWriter
from collectors.events import Packet
from collectors.sanitize import sanitize

WAITING = 100_000  # packets that may wait for the disk; at 256 bytes each, 25 MiB
LONGEST = 1 << 30  # bytes of one capture
RECORD = 16
_Work = tuple[int, int, Sequence[Packet]]  # connection, link type, packets


class PcapFiles:
    """Files STEM-01.pcap, STEM-02.pcap, … in a directory that exists; the first packet of a connection makes one."""

    def __init__(self, directory: Path, stem: str) -> None:
        self.directory = directory
        self.stem = stem
        self.paths: list[Path] = []
        self.dropped = 0
        self.error = ""
        self._connection = 0
        self._waiting = 0
        self._bytes = 0
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """A connection begins: its packets go into a file of their own."""
        self._connection += 1

    def put(self, linktype: int, packets: Sequence[Packet]) -> None:
        """Hand packets over; never waits."""
        with self._lock:
            if self.error or self._waiting + len(packets) > WAITING:
                self.dropped += len(packets)
                return
            self._waiting += len(packets)
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._write, name="podwire-segments", daemon=True
            )
            self._thread.start()
        self._work.put((self._connection, linktype, packets))

    def close(self, seconds: float = 2.0) -> None:
        """Write what waits, for at most so long. Blocks: call it in a thread."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join(seconds)

    def _write(self) -> None:
        writer: PcapWriter | None = None
        current = 0
        while (work := self._work.get()) is not None:
            connection, linktype, packets = work
            try:
                if writer is None or connection != current:
                    if writer is not None:
                        writer.close()
                    writer, current = self._open(linktype), connection
                if not self.error:
                    self._bytes += sum(len(packet.data) + RECORD for packet in packets)
                    writer.write(packets if isinstance(packets, (tuple, list)) else list(packets))
                    if self._bytes > LONGEST:
                        self.error = f"{LONGEST >> 30} GiB are kept, no more is written"
                    packets = ()
            except OSError as error:
                self.error = f"no longer kept on disk: {sanitize(error.strerror or error, 100)}"
            with self._lock:
                self._waiting -= len(work[2])
                self.dropped += len(packets)
        if writer is not None:
            writer.close()

    def _open(self, linktype: int) -> PcapWriter:
        path = self.directory / f"{self.stem}-{len(self.paths) + 1:02}.pcap"
        writer = PcapWriter(path, linktype)
        self.paths.append(path)
        return writer
