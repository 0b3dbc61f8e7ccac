"""A capture file as a source: its packets on the stream, by their own times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from collectors.capture.readers import read_file, was_read
from collectors.errors import CaptureError
from collectors.events import CapturePhase, CaptureState, Event, Packet, PacketBatch, TargetState
from collectors.sanitize import sanitize
from collectors.source import RecordedSource
from collectors.stream import Stream
from collectors.target import Target

PIECE = 500  # packets an event: about 5 ms of work for who reads them
SECOND_NS = 1_000_000_000
WHOLE = "the whole file was read"


def target(path: Path) -> Target:
    return Target("pcap", sanitize(path.name, 200))


class CaptureProgress:
    """Packets as events, and how far a capture has been read."""

    def __init__(self, key: str, capture: int) -> None:
        self.at = 0.0  # the latest packet's time
        self._key = key
        self._capture = capture
        self._received = 0

    def batches(self, linktype: int, packets: Sequence[Packet]) -> Iterator[PacketBatch]:
        """Packets of one second each, PIECE at most."""
        for _, second in groupby(packets, lambda packet: packet.ns // SECOND_NS):
            of_second = tuple(second)
            for start in range(0, len(of_second), PIECE):
                piece = of_second[start : start + PIECE]
                self.at = piece[-1].time
                self._received += len(piece)
                yield PacketBatch(self.at, self._key, self._capture, linktype, piece)

    def state(self, phase: CapturePhase, message: str) -> CaptureState:
        return CaptureState(
            self.at,
            self._key,
            capture=self._capture,
            phase=phase,
            filter="",
            message=message,
            received=self._received,
        )


class PcapSource(RecordedSource):
    """`key` names the target that the packets were captured at, where that is known."""

    read_at_once = 8

    def __init__(
        self, path: Path, stream: Stream, *, capture: int = 1, key: str = "", speed: float = 0.0
    ) -> None:
        super().__init__(key or target(path).key, stream, speed)
        self.path = path
        self._capture = capture
        self.is_of_target = bool(key)  # whose state is not this file's to report

    def at_target(self, key: str) -> PcapSource:
        """The same file, captured at that target."""
        return PcapSource(self.path, self.stream, capture=self._capture, key=key, speed=self.speed)

    def events(self) -> Iterator[Event]:
        progress = CaptureProgress(self.key, self._capture)
        self.message = WHOLE
        try:
            for linktype, packets in read_file(self.path):
                yield from progress.batches(linktype, packets)
                yield progress.state("running", "reading")
        except CaptureError as error:
            self.message = str(error)
            if not was_read(error):
                yield progress.state("failed", self.message)
                raise
        yield progress.state("ended", self.message)
        if not self.is_of_target:
            yield TargetState(progress.at, self.key, "ended", self.message)
