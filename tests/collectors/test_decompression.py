"""Compressed captures: any number of members, cut or damaged anywhere; nothing that was decoded is
lost, and other formats are refused by their name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings, strategies as st

from collectors.capture.decompression import (
    CutCompression,
    DamagedCompression,
    decoder_for,
    decompressed,
    decompressed_file,
)
from collectors.capture.readers import Truncated, read_file
from collectors.errors import CaptureError
from collectors.events import PacketBatch
from collectors.recording.pcap_segments import PcapSegments
from tests.support.examples import examples

LAB = Path(__file__).parent.parent / "data" / "lab.pcap"


def in_blocks(data: bytes) -> bytes:
    """One frame of zstd, in blocks of a few packets, as a session writes them."""
    frame = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    parts = []
    for start in range(0, len(data), BLOCK):
        parts.append(frame.compress(data[start : start + BLOCK]))
        parts.append(frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
    return b"".join([*parts, frame.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH)])


BLOCK = 2_000  # bytes
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": in_blocks,
}
KINDS = pytest.mark.parametrize("kind", COMPRESS)


def count(path: Path) -> tuple[int, str]:
    """Packets of a file, and why there are no more."""
    found = 0
    try:
        for _, packets in read_file(path):
            found += len(packets)
    except CaptureError as error:
        return found, str(error)
    return found, ""


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "capture"
    path.write_bytes(data)
    return path


@KINDS
def test_members_and_padding(kind: str, tmp_path: Path) -> None:
    raw, compress = LAB.read_bytes(), COMPRESS[kind]
    for data in (
        compress(raw),
        compress(raw[:5000]) + compress(raw[5000:]),
        compress(raw[:24]) + compress(b"") + compress(raw[24:]),
        compress(raw) + bytes(512),
    ):
        assert count(written(tmp_path, data)) == (400, "")


@KINDS
def test_a_cut_file_says_so_even_between_packets(kind: str, tmp_path: Path) -> None:
    data = COMPRESS[kind](LAB.read_bytes())
    found, why = count(written(tmp_path, data[:-1]))
    assert found == 400 and "it was cut" in why
    if kind != "bz2":  # whose blocks are of 900,000 bytes, and are decoded when they are whole
        with pytest.raises(Truncated):
            list(read_file(written(tmp_path, data[: len(data) * 9 // 10])))


@KINDS
def test_a_wrong_checksum_loses_nothing(kind: str, tmp_path: Path) -> None:
    data = bytearray(COMPRESS[kind](LAB.read_bytes()))
    data[{"gz": -6, "bz2": -3, "xz": -28, "zst": -1}[kind]] ^= 0xFF
    found, why = count(written(tmp_path, bytes(data)))
    assert found == 400 and "its compression is damaged" in why


def test_damage_in_the_middle_keeps_what_came_before(tmp_path: Path) -> None:
    raw = LAB.read_bytes()
    head = gzip.compress(raw[:20_000])
    damaged = head + gzip.compress(raw[20_000:])[:400] + b"\xff" * 200
    found, why = count(written(tmp_path, damaged))
    before = count(written(tmp_path, raw[:20_000]))[0]
    assert 400 > found >= before > 50 and "damaged" in why


@KINDS
def test_other_bytes_behind_the_data_are_said(kind: str, tmp_path: Path) -> None:
    data = COMPRESS[kind](LAB.read_bytes())
    for more in (b"hello, something else", b"x"):
        found, why = count(written(tmp_path, data + more))
        assert found == 400 and "other bytes follow" in why


@settings(max_examples=examples(60), deadline=None)
@given(st.binary(max_size=3000), st.sampled_from([*COMPRESS]), st.data())
def test_any_pieces_give_the_same(raw: bytes, kind: str, data: st.DataObject) -> None:
    stream = COMPRESS[kind](raw[:100]) + COMPRESS[kind](raw[100:])
    cuts = sorted(data.draw(st.lists(st.integers(1, len(stream)), max_size=12)))
    ends = zip([0, *cuts], [*cuts, len(stream)], strict=True)
    pieces = [stream[start:end] for start, end in ends if start < end]
    make = decoder_for(stream)
    assert make is not None
    assert b"".join(decompressed(iter(pieces), make)) == raw


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from([*COMPRESS]), st.integers(20, 400), st.integers(0, 255))
def test_any_damage_raises_nothing_else(kind: str, place: int, value: int) -> None:
    data = bytearray(COMPRESS[kind](LAB.read_bytes()[:4000]))
    data[place % len(data)] = value
    make = decoder_for(bytes(data))
    if make is None:
        return
    try:
        for _ in decompressed_file(lambda: iter([bytes(data)]), make):
            pass
    except (CutCompression, DamagedCompression):
        pass


def test_a_bomb_is_decoded_piece_by_piece() -> None:
    for compress, most in ((bz2.compress, 65_536), (zstandard.compress, 2 << 20)):
        data = compress(bytes(50_000_000))
        make = decoder_for(data)
        assert make is not None and len(data) < 5_000
        sizes = list(map(len, decompressed(iter([data]), make)))
        assert max(sizes) <= most and sum(sizes) == 50_000_000


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x04\x22\x4d\x18", "LZ4-compressed, which podwire does not read: use lz4 -d"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x9d", "compressed by compress (.Z)"),
        (b"snoop\0\0\0", "a snoop capture"),
        (b"GMBU", "a Network Monitor capture"),
    ],
)
def test_others_are_refused_by_name(head: bytes, name: str, tmp_path: Path) -> None:
    path = written(tmp_path, head + bytes(100))
    with pytest.raises(CaptureError) as raised:
        list(read_file(path))
    assert name in str(raised.value) and "is not a capture" in str(raised.value)


def test_another_programs_zstd_is_read(tmp_path: Path) -> None:
    if not shutil.which("zstd"):
        pytest.skip("NO ZSTD")
    path = tmp_path / "lab.pcap.zst"
    subprocess.run(["zstd", "-q", "-19", LAB, "-o", path], check=True)
    assert count(path) == count(LAB)


def test_packets_of_a_session_are_a_capture(tmp_path: Path) -> None:
    """Its blocks, and the skippable frames before them, also where it was killed: all that was
    flushed is read."""
    packets = [packet for _, some in read_file(LAB) for packet in some]
    linktype = next(iter(read_file(LAB)))[0]
    segments = PcapSegments(tmp_path)
    for number, packet in enumerate(packets):
        segments.put(PacketBatch(float(number * 7), "pod/a/b", 1, linktype, (packet,)))
    segments.flush()
    (path,) = tmp_path.iterdir()
    found, why = count(path)
    assert found == len(packets) and "it was cut" in why
    segments.close()
    assert count(path) == (len(packets), "")
