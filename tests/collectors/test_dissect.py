"""Dissecting: what real packets read as, the fast reader beside the slow one, and no input that breaks either."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from collectors.capture import dns
from collectors.capture.dissect import dissect
from collectors.capture.flows import FlowTable
from collectors.capture.header_rows import reader
from collectors.capture.jsonl import packet_object
from collectors.capture.links import ETHERNET, LINKS, LINUX_SLL, LINUX_SLL2, LOOP, NULL
from collectors.capture.packet_summary import bad, dns_info, line
from collectors.capture.readers import read_file
from collectors.capture.tcp_options import tcp_options
from collectors.capture.unusual_packets import slow
from collectors.events import Packet
from tests.collectors.test_sanitize import harmless
from tests.support.examples import examples

LINKTYPES = st.sampled_from((*LINKS, 999))
CAPTURES = Path(__file__).parent.parent / "data"


def eth(payload: str) -> bytes:
    return bytes.fromhex("020000000002020000000001" + payload)


TCP_SYN = "c1b40050000000640000000060022000e5d70000020405b4"
SYN4 = eth("0800" + "4500002c1c4640004006b1e60a0000010a000002" + TCP_SYN)
SYN6 = eth(
    "86dd" + "600000000018" + "0640" + "fd" + "00" * 14 + "01" + "fd" + "00" * 14 + "02" + TCP_SYN
)


def ip4(protocol: int, payload: bytes, more: str = "0000") -> bytes:
    head = struct.pack("!BBHH", 0x45, 0, 20 + len(payload), 7) + bytes.fromhex(more)
    return (
        head
        + struct.pack("!BBH4s4s", 64, protocol, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
        + payload
    )


def udp(port: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", 40000, port, 8 + len(payload), 0) + payload


def summary(data: bytes, linktype: int = ETHERNET) -> str:
    return line(dissect(linktype, data, len(data)), len(data), {})


def test_a_syn_reads_as_tcpdump_has_it() -> None:
    assert (
        summary(SYN4)
        == "IP 10.0.0.1.49588 > 10.0.0.2.80: Flags [S], seq 100, win 8192, mss 1460, length 0"
    )
    assert summary(SYN6).startswith("IP6 fd00::1.49588 > fd00::2.80: Flags [S], seq 100")
    frame = dissect(ETHERNET, SYN4, len(SYN4))
    assert line(frame, 62, {"10.0.0.2": "svc/web"}).startswith("IP 10.0.0.1.49588 > svc/web.80: ")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("0303000000000000", "ICMP 10.0.0.2 tcp port 80 unreachable"),
        ("0304000000000514", "ICMP 10.0.0.2 tcp port 80 need to frag unreachable (mtu 1300)"),
        ("0b00000000000000", "ICMP time exceeded for 10.0.0.2 tcp port 80"),
        ("030d000000000000", "ICMP 10.0.0.2 tcp port 80 admin prohibited unreachable"),
    ],
)
def test_icmp_errors_name_what_was_asked(body: str, says: str) -> None:
    inner = "450000280000400040060000" + "0a000001" + "0a000002" + "3039005000000007"
    packet = eth("0800") + ip4(1, bytes.fromhex(body + inner))
    frame = dissect(ETHERNET, packet, len(packet))
    assert says in line(frame, 70, {}) and bad(frame)
    assert frame.icmp is not None and frame.icmp.quoted is not None
    assert (frame.icmp.quoted.source_port, frame.icmp.quoted.sequence) == (12345, 7)


def test_every_link() -> None:
    packet = SYN4[14:]
    links = {
        LINUX_SLL2: bytes.fromhex("08000000000000030001040600000000000000000000")[:20],
        LINUX_SLL: bytes.fromhex("00040001000600000000000000000800"),
        NULL: b"\x02\0\0\0",
        LOOP: b"\0\0\0\x02",
        101: b"",
        12: b"",
        228: b"",
    }
    for linktype, head in links.items():
        frame = dissect(linktype, head + packet, len(head + packet))
        assert frame.tcp is not None and frame.tcp.options.mss == 1460, (linktype, frame)
    assert dissect(LINUX_SLL2, links[LINUX_SLL2] + packet, 100).direction == "Out"


def test_vlans_tunnels_and_fragments() -> None:
    tagged = SYN4[:12] + bytes.fromhex("88a80064" + "810000c8") + SYN4[12:]
    assert summary(tagged).startswith("vlan 100.200 IP 10.0.0.1")
    vxlan = eth("0800") + ip4(17, udp(8472, bytes.fromhex("0800000000002a00") + SYN4))
    frame = dissect(ETHERNET, vxlan, len(vxlan))
    assert (frame.vni, frame.tunnels, len(frame.outer)) == (
        42,
        ["VXLAN"],
        1,
    ) and frame.tcp is not None
    geneve = eth("0800") + ip4(17, udp(6081, bytes.fromhex("0100655800002b00" + "00000000") + SYN4))
    assert summary(geneve).startswith("Geneve vni 43 IP 10.0.0.1.49588")
    assert summary(eth("0800") + ip4(4, SYN4[14:])).startswith("IP-in-IP IP 10.0.0.1.49588 > ")
    gre = eth("0800") + ip4(47, bytes.fromhex("20000800" + "00000001") + SYN4[14:])
    assert summary(gre).startswith("GRE IP 10.0.0.1.49588")
    assert "fragment at 1480+" in summary(eth("0800") + ip4(17, b"x" * 64, "20b9"))
    random = eth("0800") + ip4(17, udp(8472, b"p" * 61))
    assert summary(random).endswith("UDP, length 61"), (
        "without the I flag it is not VXLAN (RFC 7348)"
    )


def test_options() -> None:
    found = tcp_options(
        bytes.fromhex("020405b4" + "0402" + "080a0000000a0000000b" + "01" + "030307" + "00")
    )
    assert (found.mss, found.sack_permitted, found.timestamp, found.window_scale) == (
        1460,
        True,
        (10, 11),
        7,
    )
    assert tcp_options(bytes.fromhex("0101" + "050a" + "00000001" + "00000002")).sack == ((1, 2),)
    assert tcp_options(b"\x08\x0a\0").timestamp is None and tcp_options(b"\x02\x00\x05").mss is None


# --- DNS


def test_a_dns_name_with_escapes_is_made_visible() -> None:
    found = dns.parse(
        b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0" + b"\x05\x1b]0;x\x03com\0\0\x01\0\x01"
    )
    assert found is not None
    assert "␛]0;x.com." in dns_info(found) and harmless(dns_info(found))


@pytest.mark.parametrize(
    "name", [b"\xc0\x0c", b"\x01a\xc0\x0e\xc0\x0c", b"\x3f" * 300, b"\x01a" * 140 + b"\0"]
)
def test_a_name_that_loops_or_never_ends_is_cut(name: bytes) -> None:
    found = dns.parse(b"\x12\x34\x01\x00\x00\x01\0\0\0\0\0\0" + name + b"\0\x01\0\x01")
    assert found is not None and found.problem == "question cut short"


@given(st.binary(max_size=300))
def test_no_dns_message_breaks_it(data: bytes) -> None:
    found = dns.parse(data)
    assert found is None or harmless(dns_info(found))


# --- anything


def whole(linktype: int, data: bytes, length: int) -> None:
    """Everything that is done with a packet."""
    frame = dissect(linktype, data, length)
    assert harmless(line(frame, length, {}))
    packet_object(1, Packet(0, data, length), frame)
    bad(frame)


@given(LINKTYPES, st.binary(max_size=300), st.integers(0, 70_000))
def test_no_bytes_break_it(linktype: int, data: bytes, length: int) -> None:
    whole(linktype, data, length)
    assert reader(linktype)(data, length) == slow(linktype, data, length)


SEEDS = st.sampled_from(
    (
        SYN4,
        SYN6,
        eth("0800") + ip4(17, udp(53, b"\x12\x34" + b"\0" * 30)),
        eth("0800") + ip4(17, udp(8472, bytes.fromhex("0800000000002a00") + SYN4)),
        eth("0800") + ip4(1, bytes.fromhex("0303000000000000") + SYN4[14:]),
    )
)


@given(
    SEEDS,
    st.integers(0, 200),
    st.lists(st.tuples(st.integers(0, 150), st.integers(0, 255)), max_size=4),
    st.data(),
)
@settings(max_examples=examples(400))
def test_no_cut_or_damaged_packet_breaks_it_and_both_readers_agree(
    seed: bytes, cut: int, changes: list[tuple[int, int]], data: st.DataObject
) -> None:
    packet = bytearray(seed[:cut])
    for place, value in changes:
        if place < len(packet):
            packet[place] = value
    length = len(packet) + data.draw(st.sampled_from((0, 0, 1, 1400)))
    for linktype, head in ((ETHERNET, b""), (101, None)):
        frame = bytes(packet) if head is not None else bytes(packet[14:])
        wire = length if head is not None else max(length - 14, 0)
        whole(linktype, frame, wire)
        assert reader(linktype)(frame, wire) == slow(linktype, frame, wire)
        FlowTable().add(linktype, [Packet(n, frame, wire) for n in range(2)])


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("captures/*.pcap*")), ids=lambda p: p.name)
def test_both_readers_agree_on_real_packets(path: Path) -> None:
    for linktype, packets in read_file(path):
        read = reader(linktype)
        for packet in packets:
            assert read(packet.data, packet.length) == slow(linktype, packet.data, packet.length)
