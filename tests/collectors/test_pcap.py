"""pcap in any pieces, pcap written and read back, garbage refused with a sentence."""

import os
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from collectors.capture.pcap import MAX_FRAME, PcapReader, PcapWriter
from collectors.errors import CaptureError
from collectors.events import Packet

PACKETS = st.lists(
    st.builds(
        Packet,
        ns=st.integers(0, 4_000_000_000_000_000).map(lambda n: n * 1000),
        data=st.binary(max_size=200),
        length=st.integers(200, 9000),
    ),
    max_size=12,
)


def written(packets: list[Packet], order: str = "<", magic: int = 0xA1B2C3D4) -> bytes:
    data = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, MAX_FRAME, 276)
    scale = 1000 if magic == 0xA1B2C3D4 else 1
    for p in packets:
        seconds, rest = divmod(p.ns // scale, 1_000_000_000 // scale)
        data += struct.pack(order + "IIII", seconds, rest, len(p.data), p.length) + p.data
    return data


@given(PACKETS, st.sampled_from("<>"), st.sampled_from((0xA1B2C3D4, 0xA1B23C4D)), st.data())
def test_any_split_gives_the_same_packets(
    packets: list[Packet], order: str, magic: int, data: st.DataObject
) -> None:
    stream = written(packets, order, magic)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    reader, found = PcapReader(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.feed(stream[start:end])
    assert reader.linktype == 276
    assert found == packets


def test_byte_by_byte() -> None:
    packets = [Packet(1_500_000_000, b"abc", 300), Packet(2_000_000_000, b"", 5)]
    reader, found = PcapReader(), []
    for byte in written(packets):
        found += reader.feed(bytes([byte]))
    assert [p.data for p in found] == [b"abc", b""]


@given(st.binary(max_size=400))
def test_garbage_is_refused_or_waited_on_never_a_crash(data: bytes) -> None:
    reader = PcapReader()
    try:
        reader.feed(data)
    except CaptureError as error:
        assert str(error).endswith(".")


def test_a_record_that_claims_too_much_is_refused() -> None:
    head = written([])
    with pytest.raises(CaptureError, match="damaged"):
        PcapReader().feed(head + struct.pack("<IIII", 0, 0, MAX_FRAME + 1, 0))


def test_a_written_file_is_private_and_opens_in_tcpdump(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    writer = PcapWriter(path, 1)
    frame = bytes.fromhex(
        "ffffffffffff0200000000010806000108000604000102000000000a0a0000010000000000000a000002"
    )
    writer.write([Packet(1_700_000_000_250_000_000, frame, len(frame))])
    writer.close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.data for p in PcapReader().feed(path.read_bytes())] == [frame]
    tcpdump = subprocess.run(
        ["tcpdump", "-nr", str(path)], capture_output=True, text=True, check=False
    )
    assert "who-has 10.0.0.2" in tcpdump.stdout


def test_an_existing_file_or_link_is_never_written_over(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    os.symlink(victim, tmp_path / "x.pcap")
    with pytest.raises(FileExistsError):
        PcapWriter(tmp_path / "x.pcap", 1)
    assert victim.read_text() == "kept"
