"""Masked frames: no address, name or payload of before is in them, checksums are right, and what
podwire and tshark say of the flows is what they said."""

from __future__ import annotations

import shutil
import struct
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from collectors.capture.pcap import PcapWriter
from collectors.capture.readers import read_file
from collectors.packet import Packet
from collectors.privacy.address_mask import AddressMask
from collectors.privacy.frame_mask import LINK_TYPES, FrameMask
from collectors.privacy.name_mask import NameMask
from tests.support import wire
from tests.support.examples import examples

pytestmark = pytest.mark.slow

ADDRESSES = AddressMask(b"k")
NAMES = NameMask(b"k", ADDRESSES)
HOST = "payments.shop.svc.cluster.local"
A, B, A6, B6 = "10.244.1.7", "10.244.2.9", "fd12:3456::7", "fd12:3456::9"
REQUEST = (
    b"GET /orders?token=hunter2-hunter2 HTTP/1.1\r\nAuthorization: Bearer abc.def.ghi\r\n"
    b"Host: payments.shop.example.com:8080\r\nCookie: sid=topsecret\r\n\r\n"
)
SECRETS = (b"hunter2", b"Bearer", b"topsecret", b"a-session-ticket", b"RRRR", b"owner=", b"pw=")
CAPTURES = Path(__file__).parents[1] / "data" / "captures"


def masked(packet: Packet, linktype: int = 1) -> Packet:
    return FrameMask(ADDRESSES, NAMES.on_the_wire).packet(linktype, packet)


PACKETS = {
    "query": wire.udp(A, B, (40_000, 53), wire.dns_query(HOST)),
    "answer": wire.udp(B, A, (53, 40_000), wire.dns_answer(HOST, "10.244.3.3", "db.corp.com")),
    "query of IPv6": wire.udp(A6, B6, (40_000, 53), wire.dns_query(HOST)),
    "ClientHello": wire.tcp(A, B, (40_000, 443), wire.client_hello("payments.shop.example.com")),
    "request": wire.tcp(A, B, (40_000, 80), REQUEST),
    "response": wire.tcp(B, A, (80, 40_000), b"HTTP/1.1 503 pw=hunter2\r\n\r\npw=hunter2"),
    "payload": wire.tcp(A6, B6, (40_000, 5432), b"pw=hunter2"),
    "ack": wire.tcp(A, B, (40_000, 80)),
    "arp": wire.arp(A, B),
}


@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS.keys())
def test_nothing_of_before_is_in_a_frame(packet: Packet) -> None:
    new = masked(packet)
    plain = (b"payments", b"shop", b"corp", wire.SOURCE_MAC, wire.OTHER_MAC, *SECRETS)
    ends = [ip_address(text).packed for text in (A, B, A6, B6, "10.244.3.3")]
    assert not [piece for piece in (*plain, *ends) if piece in new.data]
    assert (new.ns, new.length) == (packet.ns, packet.length)
    assert new.data[12:14] == packet.data[12:14]


def test_names_in_packets_have_the_mask_that_they_have_in_text() -> None:
    host = NAMES.on_the_wire("payments.shop.example.com").encode()
    assert host in masked(PACKETS["ClientHello"]).data
    request = masked(PACKETS["request"]).data
    assert b"GET /xxx" in request and b"\r\nHost: " + host + b":8080\r\n" in request
    assert masked(PACKETS["response"]).data.endswith(b"HTTP/1.1 503 ")
    answer = masked(PACKETS["answer"]).data
    assert wire.dns_name(NAMES.on_the_wire(HOST)) in answer
    assert wire.dns_name(NAMES.on_the_wire("db.corp.com")) in answer
    assert ADDRESSES.packed(ip_address("10.244.3.3").packed) in answer


def test_protocols_of_their_own_are_not_in_a_hello() -> None:
    hello = wire.client_hello("a.example", b"h2", b"zebra-proto", b"http/1.1")
    frame = masked(wire.tcp(A, B, (40_000, 443), hello)).data
    assert b"\x02h2\x0b" + b"x" * 11 + b"\x08http/1.1" in frame and b"zebra" not in frame


def test_names_that_were_asked_for_are_known() -> None:
    frames = FrameMask(ADDRESSES, NAMES.on_the_wire)
    for packet in PACKETS.values():
        frames.packet(1, packet)
    assert frames.hosts == {HOST, "db.corp.com", "payments.shop.example.com"}


@given(st.sampled_from(sorted(LINK_TYPES)), st.binary(max_size=120))
def test_any_bytes_are_masked_or_cut(linktype: int, data: bytes) -> None:
    new = masked(Packet(1, data, len(data)), linktype)
    assert len(new.data) <= len(data) and new.length == len(data)


@settings(max_examples=examples(60))
@given(st.sampled_from(sorted(PACKETS)), st.integers(0, 120), st.binary(min_size=1, max_size=4))
def test_damaged_packets_have_no_secret_either(name: str, place: int, junk: bytes) -> None:
    packet = PACKETS[name]
    data = packet.data[:place] + junk + packet.data[place + len(junk) :]
    assert not [piece for piece in SECRETS if piece in masked(Packet(1, data, len(data))).data]


def test_a_packet_without_a_udp_checksum_still_has_none() -> None:
    packet = PACKETS["query"]
    data = bytearray(packet.data)
    data[40:42] = b"\0\0"
    assert masked(Packet(1, bytes(data), len(data))).data[40:42] == b"\0\0"


def test_an_icmp_error_and_a_tunnel_hide_what_is_in_them() -> None:
    inner = PACKETS["query"].data
    error = struct.pack("!BBHI", 3, 4, 0, 1400) + inner[14:]
    tunnel = wire.udp("192.168.7.1", "192.168.7.2", (50_000, 8472), b"\x08\0\0\0\0\0\1\0" + inner)
    quoted = Packet(1, wire._ethernet(0x0800) + wire._ip(inner[26:34], 1, error), 0)
    for packet in (tunnel, quoted):
        data = masked(packet).data
        assert ip_address(A).packed not in data and b"payments" not in data
        assert ADDRESSES.packed(ip_address(A).packed) in data
        assert wire.dns_name(NAMES.on_the_wire(HOST)) in data


TSHARK = pytest.mark.skipif(not shutil.which("tshark"), reason="NO TSHARK: checksums go unread")


def fields(path: Path, *names: str) -> list[str]:
    flags = [part for name in names for part in ("-e", name)]
    checked = [f"{one}.check_checksum:TRUE" for one in ("ip", "tcp", "udp")]
    options = [part for text in checked for part in ("-o", text)]
    return subprocess.run(
        ["tshark", "-nr", str(path), *options, "-T", "fields", *flags],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


BAD, GOOD = "0", "1"  # as tshark says it


def statuses(path: Path) -> list[str]:
    """Of each checksum."""
    lines = fields(path, "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status")
    return [one for line in lines for one in line.replace("\t", ",").split(",")]


def copied(packets: list[Packet], linktype: int, path: Path) -> Path:
    frames = FrameMask(ADDRESSES, NAMES.on_the_wire)
    writer = PcapWriter(path, linktype)
    writer.write([frames.packet(linktype, packet) for packet in packets])
    writer.close()
    return path


@TSHARK
def test_tshark_finds_checksums_right_and_names_masked(tmp_path: Path) -> None:
    path = copied(list(PACKETS.values()), 1, tmp_path / "made.pcap")
    found = statuses(path)
    assert BAD not in found and found.count(GOOD) > len(PACKETS)
    asked = [
        line
        for line in fields(
            path, "dns.qry.name", "tls.handshake.extensions_server_name", "http.host"
        )
        if line.strip()
    ]
    assert {one for line in asked for one in line.split("\t") if one} == {
        NAMES.on_the_wire(HOST),
        NAMES.on_the_wire("payments.shop.example.com"),
        NAMES.on_the_wire("payments.shop.example.com") + ":8080",
    }


@TSHARK
@pytest.mark.parametrize(
    "name", ["connection-refused-node", "conntrack-full-node", "connection-reset-pod"]
)
def test_captures_of_the_lab_still_say_what_they_said(name: str, tmp_path: Path) -> None:
    """Flags, ports, lengths, retransmissions, ICMP; every checksum is right."""
    original = CAPTURES / f"{name}.pcap.gz"
    chunks = list(read_file(original))
    (linktype,) = {linktype for linktype, _ in chunks}
    packets = [packet for _, some in chunks for packet in some]
    path = copied(packets, linktype, tmp_path / "masked.pcap")
    same = ("frame.len", "tcp.flags.str", "tcp.seq", "tcp.len", "tcp.srcport", "udp.srcport")
    more = ("tcp.analysis.retransmission", "icmp.type", "dns.id", "arp.opcode")
    assert fields(path, *same, *more) == fields(original, *same, *more)
    assert BAD not in statuses(path)
    plain = {
        one
        for line in fields(original, "ip.src", "arp.src.proto_ipv4")
        for one in line.replace("\t", ",").split(",")
    }
    new = {
        one
        for line in fields(path, "ip.src", "arp.src.proto_ipv4")
        for one in line.replace("\t", ",").split(",")
    }
    assert len(plain) == len(new) and not (plain & new) - {"", "127.0.0.1"}
