"""What carries packets in packets, beside tshark: behind Ethernet types, IP protocols and UDP ports."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from collectors.capture.dissect import dissect
from collectors.capture.dissection import MAX_TUNNELS
from collectors.capture.links import ETHERNET
from collectors.capture.packet_summary import line
from tests.collectors import oracle
from tests.support.frames import (
    FRAME,
    IP4_SYN,
    IP6_SYN,
    SNAP,
    ethernet,
    gre4,
    ip4,
    ip6,
    udp4,
    write_pcap,
)

MPLS = bytes.fromhex("00064140")  # label 100, the bottom of the stack
AH = "0000" + "00000001" * 2 + "00" * 12  # reserved, SPI, sequence, integrity check
PPP = b"\xff\x03\0\x21" + IP4_SYN
NSH = "02020{}00000100"
LENGTH = struct.pack(">H", len(SNAP) + len(IP4_SYN))
# name: frame, the tunnels that it goes through
FRAMES: dict[str, tuple[bytes, list[str]]] = {
    "SNAP": (FRAME[:12] + LENGTH + SNAP + IP4_SYN, []),
    "SNAP behind a VLAN": (ethernet("8100", b"\0\5" + LENGTH + SNAP + IP4_SYN), []),
    "VN-Tag": (ethernet("8926", b"\0\0\0\5\x08\0" + IP4_SYN), []),
    "MPLS": (ethernet("8847", bytes.fromhex("00064040" + "000c8140") + IP4_SYN), ["MPLS"]),
    "MPLS IPv6": (ethernet("8848", MPLS + IP6_SYN), ["MPLS"]),
    "PPPoE": (ethernet("8864", bytes.fromhex("11000001002a0021") + IP4_SYN), ["PPPoE"]),
    "NSH": (ethernet("894f", bytes.fromhex("0002" + "0203" + "00000100") + FRAME), ["NSH"]),
    "IP-in-IP": (ethernet("0800", ip4(4, IP4_SYN)), ["IP-in-IP"]),
    "IPv6 in IPv4": (ethernet("0800", ip4(41, IP6_SYN)), ["IP-in-IP"]),
    "EtherIP": (ethernet("0800", ip4(97, b"\x30\0" + FRAME)), ["EtherIP"]),
    "Ethernet in IPv6": (ethernet("86dd", ip6(143, FRAME)), ["Ethernet-in-IP"]),
    "AH": (ethernet("0800", ip4(51, bytes.fromhex("0604" + AH) + IP4_SYN[20:])), []),
    "AH tunnel": (ethernet("0800", ip4(51, bytes.fromhex("0404" + AH) + IP4_SYN)), ["IP-in-IP"]),
    "AH IPv6": (ethernet("86dd", ip6(51, bytes.fromhex("0604" + AH) + IP6_SYN[40:])), []),
    "GRE": (gre4("00000800", IP4_SYN), ["GRE"]),
    "GRE with key": (gre4("30000800" + "0000002a" + "00000001", IP4_SYN), ["GRE"]),
    "GRE Ethernet": (gre4("20006558" + "00002a00", FRAME), ["GRE"]),
    "GRE MPLS": (gre4("00008847", MPLS + IP4_SYN), ["GRE", "MPLS"]),
    "PPTP": (gre4("3001880b" + "00100007" + "00000001", PPP), ["GRE"]),
    "PPTP acknowledging": (gre4("3081880b" + "00100007" + "00000001" + "00000000", PPP), ["GRE"]),
    "ERSPAN I": (gre4("000088be", FRAME), ["GRE", "ERSPAN"]),
    "ERSPAN II": (gre4("100088be" + "00000001" + "1001000a00000000", FRAME), ["GRE", "ERSPAN"]),
    "ERSPAN III": (
        gre4("100022eb" + "00000001" + "2001000a" + "00" * 8, FRAME),
        ["GRE", "ERSPAN"],
    ),
    "ERSPAN III platform": (
        gre4("100022eb" + "00000001" + "2001000a" + "00" * 7 + "01" + "10" + "00" * 7, FRAME),
        ["GRE", "ERSPAN"],
    ),
    "VXLAN": (udp4(4789, bytes.fromhex("0800000000002a00") + FRAME), ["VXLAN"]),
    "VXLAN-GBP": (udp4(4789, bytes.fromhex("8800000700002a00") + FRAME), ["VXLAN"]),
    "VXLAN, all reserved": (udp4(8472, bytes.fromhex("ff12345600002aff") + FRAME), ["VXLAN"]),
    "VXLAN-GPE IPv4": (udp4(4790, bytes.fromhex("0c00000100002a00") + IP4_SYN), ["VXLAN-GPE"]),
    "VXLAN-GPE IPv6": (udp4(4790, bytes.fromhex("0c00000200002a00") + IP6_SYN), ["VXLAN-GPE"]),
    "VXLAN-GPE Ethernet": (udp4(4790, bytes.fromhex("0c00000300002a00") + FRAME), ["VXLAN-GPE"]),
    "VXLAN-GPE NSH": (
        udp4(4790, bytes.fromhex("0c00000400002a00" + "0002020100000100") + IP4_SYN),
        ["VXLAN-GPE", "NSH"],
    ),
    "Geneve": (udp4(6081, bytes.fromhex("0100655800002b00" + "00000000") + FRAME), ["Geneve"]),
    "Geneve IPv4": (udp4(6081, bytes.fromhex("0000080000002b00") + IP4_SYN), ["Geneve"]),
    "Geneve, all reserved": (udp4(6081, bytes.fromhex("003f655800002bff") + FRAME), ["Geneve"]),
    "MPLS over UDP": (udp4(6635, MPLS + IP4_SYN), ["MPLS"]),
}
# tshark has other fields for the first tag, and guesses what a pseudowire holds
ONLY_HERE: dict[str, tuple[bytes, list[str]]] = {
    "802.1ah": (ethernet("88e7", b"\0\0\0\5" + FRAME), ["802.1ah"]),
    "pseudowire": (ethernet("8847", MPLS + FRAME), ["MPLS"]),
    "pseudowire with control word": (ethernet("8847", MPLS + bytes(4) + FRAME), ["MPLS"]),
}


@pytest.mark.parametrize("name", [*FRAMES, *ONLY_HERE])
def test_the_syn_is_found(name: str) -> None:
    data, tunnels = (FRAMES | ONLY_HERE)[name]
    frame = dissect(ETHERNET, data, len(data))
    assert frame.tcp is not None and (frame.tcp.sequence, frame.tcp.length) == (100, 0), frame
    assert (frame.tunnels, frame.problem) == (tunnels, "")


@pytest.mark.slow
def test_tshark_reads_the_same(tmp_path: Path) -> None:
    if not shutil.which("tshark"):
        pytest.skip("NO TSHARK: install it to hold the decoder to it")
    path = write_pcap(tmp_path / "tunnels.pcap", ETHERNET, [data for data, _ in FRAMES.values()])
    for name, theirs, packet in zip(FRAMES, oracle.tshark(path), oracle.podwire(path), strict=True):
        ours = oracle.values(packet)
        for field in set(oracle.FIELDS) - {"tcp.stream", "dns.qry.type"}:
            assert theirs.get(field) == ours.get(field), (name, field)


def test_labels_and_the_vni_are_shown() -> None:
    data = FRAMES["MPLS"][0]
    frame = dissect(ETHERNET, data, len(data))
    assert frame.mpls == (100, 200)
    assert line(frame, len(data), {}).startswith("MPLS 100/200 IP 10.1.0.1.1111 > 10.1.0.2.80")
    data = FRAMES["VXLAN-GPE NSH"][0]
    frame = dissect(ETHERNET, data, len(data))
    assert line(frame, len(data), {}).startswith("VXLAN-GPE vni 42 NSH IP 10.1.0.1.1111")


@pytest.mark.parametrize("port", [4789, 4790, 8472, 6081])
def test_not_every_datagram_to_the_port_is_a_tunnel(port: int) -> None:
    data = udp4(port, b"\xc7" * 61)  # no valid VNI, another version
    frame = dissect(ETHERNET, data, len(data))
    assert frame.tunnels == [] and frame.udp is not None and frame.udp.destination_port == port


def test_tunnels_in_tunnels_and_tags_have_an_end() -> None:
    nested = IP4_SYN
    for _ in range(MAX_TUNNELS + 1):
        nested = ip4(4, nested)
    frame = dissect(101, nested, len(nested))
    assert frame.problem == "too many tunnels in one another" and len(frame.tunnels) == MAX_TUNNELS
    tags = ethernet("8100", b"\0\5\x81\0" * 50_000)
    assert dissect(ETHERNET, tags, len(tags)).problem == "too many VLAN tags"
    labels = ethernet("8847", bytes(200_000))
    assert dissect(ETHERNET, labels, len(labels)).problem == "too many MPLS labels"


def test_what_follows_the_last_mpls_label_may_be_nothing() -> None:
    data = ethernet("8847", MPLS)
    assert dissect(ETHERNET, data, len(data)).problem == "ends before its headers do"
