"""Every link type that is decoded, beside tshark where tshark knows it; others say so."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from collectors.capture.dissect import LAYERS, dissect
from collectors.capture.links import LINKS, NOT_DECODED
from collectors.capture.readers import NotDecoded, read_file
from tests.collectors import oracle
from tests.support.frames import FRAME, IP4_SYN, IP6_SYN, MACS, SNAP, write_pcap


def record(kind: int, body: bytes, extensions: bytes = b"") -> bytes:
    """An ERF record."""
    flag = 0x80 if extensions else 0
    size = 16 + len(extensions) + len(body)
    head = struct.pack("<Q", 0) + bytes([kind | flag, 4])
    return head + struct.pack(">HHH", size, 0, len(body)) + extensions + body


def attribute(kind: int, value: bytes, order: str = "<") -> bytes:
    """One of NFLOG."""
    return struct.pack(order + "HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def ipnet(family: int, body: bytes) -> bytes:
    return bytes([1, family, 0, 0]) + struct.pack(">5I", len(body), 1, 0, 0, 0) + body


ARCNET_ARP = bytes.fromhex("0102" + "0000" + "d5000001" + "000708000104000101" + "0a010001")
RIF = bytes.fromhex("063000110020")
MPLS = bytes.fromhex("00064140")
FRAMES: dict[int, dict[str, bytes]] = {
    0: {
        "Windows": struct.pack("<I", 23) + IP6_SYN,
        "big-endian": struct.pack(">I", 2) + IP4_SYN,
        "Darwin": struct.pack("<I", 30) + IP6_SYN,
    },
    1: {"Ethernet": FRAME},
    6: {
        "plain": b"\x10\x40" + MACS + SNAP + IP4_SYN,
        "routed": b"\x10\x40" + MACS[:6] + b"\x82" + MACS[7:] + RIF + SNAP + IP4_SYN,
    },
    7: {
        "RFC 1201": b"\1\2\xd4\0\0\1" + IP4_SYN,
        "RFC 1051": b"\1\2\xf0" + IP4_SYN,
        "exception": b"\1\2\xd4\xff\xff\xff\xff\0\0\1" + IP4_SYN,
    },
    8: {"received": bytes(16) + IP4_SYN},
    9: {
        "plain": b"\xff\x03\0\x21" + IP4_SYN,
        "compressed": b"\x21" + IP4_SYN,
        "without address": b"\0\x21" + IP4_SYN,
        "IPv6": b"\xff\x03\0\x57" + IP6_SYN,
        "MPLS": b"\xff\x03\x02\x81" + MPLS + IP4_SYN,
    },
    10: {"FDDI": b"\x50" + MACS + SNAP + IP4_SYN},
    12: {"raw": IP4_SYN},
    14: {"raw": IP6_SYN},
    19: {"without LLC": IP4_SYN},
    50: {"PPP": b"\xff\x03\0\x21" + IP4_SYN, "Cisco": b"\x0f\0\x08\0" + IP4_SYN},
    51: {"PPPoE": bytes.fromhex("11000001002a0021") + IP4_SYN},
    100: {
        "SNAP": SNAP + IP4_SYN,
        "bridged": bytes.fromhex("aaaa03" + "0080c2" + "0007" + "0000") + FRAME,
        "NLPID": b"\xfe\xfe\x03\xcc" + IP4_SYN,
    },
    101: {"raw": IP6_SYN},
    104: {
        "IPv4": b"\x0f\0\x08\0" + IP4_SYN,
        "IPv6": b"\x8f\0\x86\xdd" + IP6_SYN,
        "MPLS": b"\x0f\0\x88\x47" + MPLS + IP4_SYN,
    },
    106: {"LLC": SNAP + IP4_SYN},
    107: {
        "NLPID": b"\x18\x41\x03\xcc" + IP4_SYN,
        "NLPID IPv6": b"\x18\x41\x03\x8e" + IP6_SYN,
        "SNAP": b"\x18\x41\x03\0\x80\0\0\0\x08\0" + IP4_SYN,
        "bridged": b"\x18\x41\x03\0\x80\0\x80\xc2\0\7" + FRAME,
        "Cisco": b"\x18\x41\x08\0" + IP4_SYN,
        "four octets": b"\x18\x40\x40\x41\x03\xcc" + IP4_SYN,
    },
    108: {"OpenBSD": struct.pack(">I", 24) + IP6_SYN},
    109: {"little-endian": struct.pack("<III", 2, 5, 0) + IP4_SYN},
    113: {
        "IPv4": bytes.fromhex("000000010006" + "020000000001" + "0000" + "0800") + IP4_SYN,
        "LLC": bytes.fromhex("000000010006" + "020000000001" + "0000" + "0004") + SNAP + IP4_SYN,
    },
    117: {"IPv4": bytes([61, 2]) + bytes(62) + IP4_SYN},
    122: {"IPv4": bytes(16) + SNAP + IP4_SYN},
    129: {
        "RFC 1201": b"\1\2\0\0\xd4\0\0\1" + IP4_SYN,
        "RFC 1051": b"\1\2\0\0\xf0" + IP4_SYN,
    },
    138: {"IPv4": bytes(16) + b"\x08\0" + IP4_SYN},
    166: {"received": b"\0\x03\0\x21" + IP4_SYN},
    192: {"Ethernet": struct.pack("<BBHI", 0, 0, 8, 1) + FRAME},
    197: {
        "Ethernet": record(2, b"\0\0" + FRAME),
        "extended": record(2, b"\0\0" + FRAME, b"\x85" + bytes(7) + b"\5" + bytes(7)),
        "Cisco HDLC": record(1, b"\x0f\0\x08\0" + IP4_SYN),
        "PPP": record(1, b"\xff\x03\0\x21" + IP4_SYN),
        "AAL5": record(4, bytes(4) + SNAP + IP4_SYN),
        "a channel of HDLC": record(5, bytes(4) + b"\x0f\0\x08\0" + IP4_SYN),
        "IPv4": record(22, IP4_SYN),
        "IPv6": record(23, IP6_SYN),
    },
    204: {"sent": b"\1\xff\x03\0\x21" + IP4_SYN},
    205: {"sent": b"\1\x0f\0\x08\0" + IP4_SYN},
    206: {"sent": b"\1\x18\x41\x03\xcc" + IP4_SYN},
    226: {"IPv4": ipnet(2, IP4_SYN), "IPv6": ipnet(26, IP6_SYN)},
    228: {"IPv4": IP4_SYN},
    229: {"IPv6": IP6_SYN},
    239: {
        "IPv4": b"\2\0\0\5" + attribute(10, b"prefix\0") + attribute(9, IP4_SYN),
        "bridge": b"\7\0\0\5" + attribute(1, b"\x08\0\3\0") + attribute(9, IP4_SYN),
        "IPv6": b"\x0a\0\0\5" + attribute(1, b"\x86\xdd\3\0") + attribute(9, IP6_SYN),
        "big-endian": b"\2\0\0\5" + attribute(1, b"\x08\0\3\0", ">") + attribute(9, IP4_SYN, ">"),
    },
    242: {
        "IPv4": bytes(40) + b"\x08\0\0\0" + IP4_SYN,
        "IPv6": bytes(40) + b"\x86\xdd\0\0" + IP6_SYN,
    },
    258: {"Ethernet": struct.pack("<III", 108, 1, 1) + bytes(96) + FRAME},
    276: {
        "VLAN": bytes.fromhex("8100" + "00" * 5 + "0300010406" + "00" * 8 + "00050800") + IP4_SYN
    },
}
# What the tshark of Debian 12 does not decode, or not in this byte order
NOT_IN_TSHARK = {(0, "Windows"), (8, "received"), (106, "LLC"), (239, "big-endian")}
NOT_IN_TSHARK |= {(166, "received"), (205, "sent"), (206, "sent")}
ADDED_HEADER = {197: 16, 204: 1}  # which tshark does not count as part of the packet
EVERY = [(linktype, name) for linktype, frames in FRAMES.items() for name in frames]


def test_every_link_type_has_a_frame_and_a_layer() -> None:
    assert set(FRAMES) == set(LINKS)
    assert {layer for _, layer in LINKS.values()} <= set(LAYERS)
    assert not set(NOT_DECODED) & set(LINKS)


@pytest.mark.parametrize(("linktype", "name"), EVERY)
def test_the_syn_is_found(linktype: int, name: str) -> None:
    data = FRAMES[linktype][name]
    frame = dissect(linktype, data, len(data))
    assert frame.tcp is not None and frame.ip is not None, frame
    assert (frame.tcp.source_port, frame.tcp.destination_port, frame.tcp.sequence) == (
        1111,
        80,
        100,
    )
    assert (frame.tcp.length, frame.problem) == (0, "")
    assert frame.ip.source in ("10.1.0.1", "fd00::1")


@pytest.mark.slow
@pytest.mark.parametrize("linktype", FRAMES)
def test_tshark_reads_the_same(linktype: int, tmp_path: Path) -> None:
    if not shutil.which("tshark"):
        pytest.skip("NO TSHARK: install it to hold the decoder to it")
    known = {n: f for n, f in FRAMES[linktype].items() if (linktype, n) not in NOT_IN_TSHARK}
    if not known:
        pytest.skip("tshark 4.0 has no decoder for this link type")
    path = write_pcap(tmp_path / "link.pcap", linktype, list(known.values()))
    left_out = {"tcp.stream", "dns.qry.type"}
    if linktype in ADDED_HEADER:
        left_out |= {"frame.len", "frame.cap_len", "frame.time_epoch"}
    for name, theirs, packet in zip(known, oracle.tshark(path), oracle.podwire(path), strict=True):
        ours = oracle.values(packet)
        for field in set(oracle.FIELDS) - left_out:
            assert theirs.get(field) == ours.get(field), (name, field)


def test_arp_over_arcnet_has_addresses_of_one_octet() -> None:
    data = ARCNET_ARP + b"\0" + bytes([10, 1, 0, 2])
    arp = dissect(129, data, len(data)).arp
    assert arp is not None
    assert (arp.sender_mac, arp.sender, arp.target_mac, arp.target) == (
        "01",
        "10.1.0.1",
        "00",
        "10.1.0.2",
    )


def test_keep_alives_of_cisco_hdlc_are_no_arp() -> None:
    data = b"\x8f\0\x80\x35" + struct.pack(">IIIHI", 2, 7, 6, 0xFFFF, 5)
    frame = dissect(104, data, len(data))
    assert (frame.protocol, frame.problem) == ("Cisco HDLC", "")


@pytest.mark.parametrize("linktype", [105, 127, 189, 4711])
def test_what_is_not_decoded_is_said(linktype: int, tmp_path: Path) -> None:
    path = write_pcap(tmp_path / "other.pcap", linktype, [bytes(40)] * 3)
    given = []
    with pytest.raises(
        NotDecoded, match=f"podwire does not decode 3 packets of link type {linktype}"
    ):
        for chunk in read_file(path):
            given.append(chunk)
    assert [(found, len(packets)) for found, packets in given] == [(linktype, 3)]


@pytest.mark.parametrize("linktype", sorted(LINKS))
def test_a_frame_cut_anywhere_says_so(linktype: int) -> None:
    for data in FRAMES[linktype].values():
        for size in range(len(data)):
            frame = dissect(linktype, data[:size], len(data))
            whole = frame.tcp is not None and not frame.problem
            assert frame.problem or not whole or size >= len(data) - 4
