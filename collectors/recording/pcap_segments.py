"""The packets of a session: a compressed pcap for each capture, which `zstd -dc` and Wireshark
read, and where each batch is in it."""

from __future__ import annotations

import contextlib
import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from collectors.capture.pcap import PcapReader, packed_header, packed_packets
from collectors.errors import CaptureError
from collectors.events import Packet, PacketBatch
from collectors.recording.blocks import BlockWriter, FileBlock, blocks, content
from collectors.recording.log_lines import PacketPlace

SUFFIX = ".pcap.zst"
SEGMENT = 64 << 20  # bytes of a file: the oldest go where room is needed
BLOCK_S = 60.0  # longer packs better, and is more to read for one packet of it
LEVEL = 6
KEPT = 4  # blocks that are unpacked


class PcapSegment:
    """A file that is being written, and how many packets are in it."""

    def __init__(self, path: Path, linktype: int) -> None:
        self.linktype = linktype
        self.count = 0
        self.writer = BlockWriter(path, LEVEL)
        self._began = 0.0

    @property
    def is_full(self) -> bool:
        return self.writer.size > SEGMENT

    def add(self, at: float, packets: Sequence[Packet]) -> None:
        writer = self.writer
        if not writer.is_open or writer.is_full or at - self._began >= BLOCK_S:
            self._begin_block(at)
        writer.write(packed_packets(packets))
        self.count += len(packets)

    def _begin_block(self, at: float) -> None:
        self.writer.begin(at, self.count)
        self._began = at
        if not self.count:
            self.writer.write(packed_header(self.linktype))


class PcapSegments:
    """The files of a session that is being written."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: dict[tuple[str, int], PcapSegment] = {}
        self._made = 0

    def put(self, batch: PacketBatch) -> PacketPlace:
        """Write a batch; where it is. OSError where it cannot be."""
        segment = self._segment_for(batch)
        first = segment.count
        segment.add(batch.at, batch.packets)
        return PacketPlace(
            at=batch.at,
            target=batch.target,
            capture=batch.capture,
            linktype=batch.linktype,
            file=segment.writer.path.name,
            first=first,
            packets=len(batch.packets),
        )

    def _segment_for(self, batch: PacketBatch) -> PcapSegment:
        key = batch.target, batch.capture
        segment = self._open.get(key)
        if segment is None or segment.linktype != batch.linktype or segment.is_full:
            return self._new(key, batch.linktype)
        return segment

    def _new(self, key: tuple[str, int], linktype: int) -> PcapSegment:
        if key in self._open:
            self._open.pop(key).writer.close()
        self._made += 1
        path = self._directory / f"{_stem(*key)}-{self._made:03}{SUFFIX}"
        segment = self._open[key] = PcapSegment(path, linktype)
        return segment

    @property
    def size(self) -> int:
        return sum(segment.writer.size for segment in self._open.values())

    def flush(self) -> None:
        for segment in self._open.values():
            segment.writer.flush()

    def abandon(self) -> None:
        """After an error: what comes next begins new files."""
        for key in list(self._open):
            segment = self._open.pop(key)
            with contextlib.suppress(OSError):
                segment.writer.close()
            if not segment.count:  # nobody has a use for a file of no packets
                with contextlib.suppress(OSError):
                    segment.writer.path.unlink()

    def close(self) -> None:
        for segment in self._open.values():
            segment.writer.close()


def _stem(target: str, capture: int) -> str:
    safe = re.sub(r"[^A-Za-z0-9.-]+", "-", target).strip("-")
    return f"{safe[:80]}-{capture}"


class PacketReader:
    """Packets of a session by their place. Names that are no files of the directory have none."""

    def __init__(self, directory: Path) -> None:
        self._files = {path.name: path for path in sorted(directory.glob(f"*{SUFFIX}"))}
        self._blocks: dict[str, list[FileBlock]] = {}
        self._unpacked: OrderedDict[FileBlock, list[Packet]] = OrderedDict()
        self.missing = 0

    def batch(self, place: PacketPlace) -> PacketBatch:
        packets = tuple(self._packets(place))
        self.missing += place.packets - len(packets)
        return PacketBatch(place.at, place.target, place.capture, place.linktype, packets)

    def before(self, place: PacketPlace) -> int:
        """How many packets its capture had before it."""
        stem = _stem(place.target, place.capture)
        of_it = (name for name in self._files if name.rpartition("-")[0] == stem)
        earlier = [name for name in of_it if name < place.file]
        return place.first + sum(map(self._count, earlier))

    def _count(self, name: str) -> int:
        known = self.blocks_of(name)
        return known[-1].number + len(unpacked(known[-1], 1)) if known else 0

    def _packets(self, place: PacketPlace) -> list[Packet]:
        found: list[Packet] = []
        end = place.first + place.packets
        for block in self._blocks_from(place):
            if block.number >= end:
                break
            packets = self._block(block, place.linktype)
            begin = max(0, place.first - block.number)
            found += packets[begin : end - block.number]
        return found

    def _blocks_from(self, place: PacketPlace) -> list[FileBlock]:
        """The block that has the first packet of a place, and those after it."""
        known = self.blocks_of(place.file)
        index = bisect_right(known, place.first, key=lambda block: block.number) - 1
        return known[max(index, 0) :]

    def blocks_of(self, name: str) -> list[FileBlock]:
        if name not in self._blocks:
            self._blocks[name] = self._read_blocks(name)
        return self._blocks[name]

    def _read_blocks(self, name: str) -> list[FileBlock]:
        path = self._files.get(name)
        return blocks(path) if path is not None else []

    def _block(self, block: FileBlock, linktype: int) -> list[Packet]:
        if block not in self._unpacked:
            self._unpacked[block] = unpacked(block, linktype)
            if len(self._unpacked) > KEPT:
                self._unpacked.popitem(last=False)
        return self._unpacked[block]


def unpacked(block: FileBlock, linktype: int) -> list[Packet]:
    """The packets of a block; of a damaged one those before the damage."""
    reader, found = PcapReader(), list[Packet]()
    try:
        if block.number:  # only the first has the file's header
            reader.feed(packed_header(linktype))
        for piece in content(block):
            found += reader.feed(piece)
    except CaptureError:
        return found
    return found
