"""pcapng in any pieces and of either byte order; files of both formats, gzipped, cut and damaged."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from collectors.capture.pcap import Damaged
from collectors.capture.pcapng import MAX_INTERFACES, PcapngReader
from collectors.capture.readers import CaptureReader, Truncated, read_file
from collectors.errors import CaptureError
from collectors.events import Packet

ROOT = Path(__file__).parent.parent.parent
LAB = Path(__file__).parent.parent / "data" / "lab.pcap"
PACKETS = st.lists(
    st.tuples(
        st.integers(0, 1), st.integers(0, 1 << 50), st.binary(max_size=90), st.integers(0, 2000)
    ),
    max_size=10,
)


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = 12 + len(body)
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def section(order: str) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order: str, linktype: int, resolution: int | None = None) -> bytes:
    options = b"" if resolution is None else struct.pack(order + "HHB3xHH", 9, 1, resolution, 0, 0)
    return block(order, 1, struct.pack(order + "HHI", linktype, 0, 0) + options)


def enhanced(order: str, number: int, stamp: int, data: bytes, length: int) -> bytes:
    head = struct.pack(order + "5I", number, stamp >> 32, stamp & 0xFFFFFFFF, len(data), length)
    return block(order, 6, head + data)


def written(order: str, packets: list[tuple[int, int, bytes, int]]) -> bytes:
    """Interface 0 counts microseconds, interface 1 nanoseconds; blocks of other kinds stand between."""
    stream = (
        section(order)
        + interface(order, 1)
        + block(order, 0xBAD, b"unknown")
        + interface(order, 276, 9)
    )
    for number, stamp, data, length in packets:
        stream += enhanced(order, number, stamp, data, length) + block(order, 5, b"statistics..")
    return stream


def flat(chunks: list[tuple[int, list[Packet]]]) -> list[tuple[int, Packet]]:
    return [(linktype, packet) for linktype, packets in chunks for packet in packets]


@given(PACKETS, st.sampled_from("<>"), st.data())
def test_any_split_gives_the_same_packets(
    packets: list[tuple[int, int, bytes, int]], order: str, data: st.DataObject
) -> None:
    stream = written(order, packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    reader, found = CaptureReader(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += flat(reader.feed(stream[start:end]))
    wanted = [
        (1 if n == 0 else 276, Packet(s * (1000 if n == 0 else 1), d, size))
        for n, s, d, size in packets
    ]
    assert found == wanted
    reader.close()  # nothing is left over


@given(st.binary(max_size=300))
def test_garbage_is_refused_or_waited_on_never_a_crash(data: bytes) -> None:
    for head in (b"", b"\x0a\x0d\x0d\x0a", section("<"), section(">") + interface(">", 1)):
        try:
            PcapngReader().feed(head + data)
        except CaptureError as error:
            assert str(error).endswith(".")


def test_units_and_offsets_of_time() -> None:
    order = "<"
    power = block(
        order, 1, struct.pack("<HHIHHB3xHHqHH", 1, 0, 0, 9, 1, 0x8A, 14, 8, 100, 0, 0)
    )  # 2^-10 s, + 100 s
    ((_, packet),) = flat(
        PcapngReader().feed(section(order) + power + enhanced(order, 0, 1024 * 5 + 512, b"x", 1))
    )
    assert packet.ns == 105_500_000_000


def test_simple_and_old_packets_and_another_section() -> None:
    stream = section("<") + interface("<", 1) + block("<", 3, struct.pack("<I", 3) + b"abc")
    stream += section(">") + interface(">", 101)
    stream += block(">", 2, struct.pack(">HHIIII", 0, 0, 0, 7, 3, 60) + b"xyz")
    assert flat(PcapngReader().feed(stream)) == [
        (1, Packet(0, b"abc", 3)),
        (101, Packet(7000, b"xyz", 60)),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        struct.pack("<II", 6, 7) + b"\0" * 20,
        struct.pack("<II", 6, 1 << 31) + b"\0" * 20,
        enhanced("<", 3, 0, b"x", 1),
        block("<", 6, b"short"),
        enhanced("<", 0, 0, b"", 1)[:-4] + b"\1\0\0\0",
        block("<", 6, struct.pack("<5I", 0, 0, 0, 5000, 5000)),
    ],
)
def test_what_comes_before_damage_is_kept(broken: bytes) -> None:
    stream = section("<") + interface("<", 1) + enhanced("<", 0, 5, b"good", 4)
    with pytest.raises(Damaged, match="damaged") as raised:
        PcapngReader().feed(stream + broken + bytes(60))
    assert [len(packets) for _, packets in raised.value.chunks] == [1]


# --- files


@pytest.mark.parametrize("form", ["pcapng", "nsecpcap", "pcap"])
def test_editcaps_formats_hold_the_same_packets(form: str, tmp_path: Path) -> None:
    if not shutil.which("editcap"):
        pytest.skip("NO EDITCAP: install wireshark-common")
    other = tmp_path / f"other.{form}"
    subprocess.run(["editcap", "-F", form, LAB, other], check=True)
    (tmp_path / "zipped").write_bytes(gzip.compress(other.read_bytes()))
    assert (
        flat(list(read_file(other)))
        == flat(list(read_file(LAB)))
        == flat(list(read_file(tmp_path / "zipped")))
    )


def podwire(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", "pcap", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_section_has_so_many_interfaces_at_most() -> None:
    """Each is kept for as long as its section goes on."""
    most = section("<") + MAX_INTERFACES * interface("<", 1)
    last = enhanced("<", MAX_INTERFACES - 1, 7, b"abc", 3)
    ((linktype, packets),) = PcapngReader().feed(most + last)
    assert (linktype, packets[0].data) == (1, b"abc")
    with pytest.raises(Damaged, match="more than 65,536 interfaces"):
        PcapngReader().feed(most + interface("<", 1))
    ((_, packets),) = PcapngReader().feed(
        most + section("<") + interface("<", 1) + enhanced("<", 0, 7, b"d", 1)
    )
    assert packets[0].data == b"d"


def test_jsonl_of_whole_cut_damaged_and_no_captures(tmp_path: Path) -> None:
    """Standard output holds nothing but objects, and whatever could be read; what is wrong is one sentence."""
    raw = LAB.read_bytes()
    cut, bad, none = tmp_path / "cut.pcap", tmp_path / "bad.pcap", tmp_path / "none.pcap"
    cut.write_bytes(raw[:5000])
    bad.write_bytes(raw[:5000] + b"\xff" * 400)
    none.write_bytes(b"hello, this is not a capture")
    whole = podwire(LAB, "-o", "jsonl")
    rows = [json.loads(line) for line in whole.stdout.splitlines()]
    assert (
        whole.returncode == 0
        and len(rows) == 400
        and [r["number"] for r in rows] == list(range(1, 401))
    )
    for path, code, says in (
        (cut, 0, "in the middle of a packet"),
        (bad, 1, "is damaged"),
        (none, 1, "not a capture"),
        (tmp_path / "gone", 2, "cannot be read"),
    ):
        done = podwire(path, "-o", "jsonl")
        assert done.returncode == code and says in done.stderr and done.stderr.count("\n") == 1, (
            done.stderr
        )
        assert "Traceback" not in done.stderr
        assert all(json.loads(line)["number"] for line in done.stdout.splitlines())
    flows = [json.loads(line) for line in podwire(LAB, "--flows").stdout.splitlines()]
    assert {f["protocol"] for f in flows} == {"TCP", "UDP"} and sum(
        f["client"]["packets"] for f in flows
    ) > 100
    assert sum(f["client"]["packets"] + f["server"]["packets"] for f in flows) == 400
    names = [json.loads(line)["name"] for line in podwire(LAB, "--dns").stdout.splitlines()]
    assert names and set(names) == {"backend.shop.svc.cluster.local"}
    both = [json.loads(line) for line in podwire(LAB, cut, "-o", "jsonl").stdout.splitlines()]
    assert {Path(row["file"]).name for row in both} == {"lab.pcap", "cut.pcap"}


def test_a_cut_file_is_not_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes(LAB.read_bytes()[:1000])
    with pytest.raises(Truncated):
        list(read_file(path))
