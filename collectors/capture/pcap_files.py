"""Keeps a capture on disk while it runs, a file per connection, so that a crash loses nothing that
was captured.

A thread of its own writes: a slow or full disk never holds up the capture. What it was too slow for
is counted, in whole packets, so that every file is a readable pcap at any moment.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from pathlib import Path

from collectors.capture.pcap import PcapWriter
from collectors.packet import Packet
from collectors.sanitize import sanitize

WAITING = 100_000  # packets that may wait for the disk; at 256 bytes each, 25 MiB
LONGEST = 1 << 30  # bytes of one capture
RECORD = 16
_Work = tuple[int, int, Sequence[Packet]]  # connection, link type, packets


class PcapFiles:
    """Files STEM-01.pcap, STEM-02.pcap, … in a directory that exists; the first packet of a
    connection makes one."""

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
        self._writer: PcapWriter | None = None  # the thread's, with the connection that it is for
        self._written_connection = 0

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
                target=self._write, name="podwire-pcap-files", daemon=True
            )
            self._thread.start()
        self._work.put((self._connection, linktype, packets))

    def close(self, seconds: float = 2.0) -> None:
        """Write what waits, for at most so long. Blocks: call it in a thread."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join(seconds)

    def _write(self) -> None:
        """The thread: work off what is handed over, until there is a None."""
        while (work := self._work.get()) is not None:
            kept = False
            try:
                kept = self._write_one(*work)
            except OSError as error:
                self.error = f"no longer kept on disk: {sanitize(error.strerror or error, 100)}"
            with self._lock:
                self._waiting -= len(work[2])
                self.dropped += 0 if kept else len(work[2])
        if self._writer is not None:
            self._writer.close()

    def _write_one(self, connection: int, linktype: int, packets: Sequence[Packet]) -> bool:
        """Whether the packets are in the connection's file."""
        if self._writer is None or connection != self._written_connection:
            self._open(connection, linktype)
        if self.error or self._writer is None:
            return False
        self._bytes += sum(len(packet.data) + RECORD for packet in packets)
        self._writer.write(packets)
        if self._bytes > LONGEST:
            self.error = f"{LONGEST >> 30} GiB are kept, no more is written"
        return True

    def _open(self, connection: int, linktype: int) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        path = self.directory / f"{self.stem}-{len(self.paths) + 1:02}.pcap"
        self._writer, self._written_connection = PcapWriter(path, linktype), connection
        self.paths.append(path)
