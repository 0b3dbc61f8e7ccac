"""WireGuard's messages by type and size; ICMP errors quote what they can."""

from __future__ import annotations

import struct

import pytest

from collectors.capture.dissect import dissect
from collectors.capture.jsonl import packet_object
from collectors.capture.links import ETHERNET
from collectors.capture.packet_summary import line
from collectors.events import Packet
from tests.support.frames import ADDRESSES6, IP4_SYN, TCP_SYN, ethernet, ip4, udp4


@pytest.mark.parametrize(
    ("kind", "size", "port", "name"),
    [
        (1, 148, 51820, "handshake initiation"),
        (1, 148, 4500, "handshake initiation"),
        (2, 92, 51871, "handshake response"),
        (3, 64, 51820, "cookie reply"),
        (4, 32, 51820, "keepalive"),
        (4, 1312, 51821, "data"),
        (4, 1312, 4500, ""),
        (1, 147, 51820, ""),
        (5, 148, 51820, ""),
        (1, 148, 53, ""),
    ],
)
def test_wireguard(kind: int, size: int, port: int, name: str) -> None:
    data = udp4(port, struct.pack("<I", kind) + b"x" * (size - 4))
    frame = dissect(ETHERNET, data, len(data))
    assert frame.wireguard == name
    if name:
        assert frame.protocol == "WireGuard"
        assert line(frame, len(data), {}).endswith(f": WireGuard {name}, length {size}")
        found = packet_object(1, Packet(0, data, len(data)), frame)
        assert (found["protocol"], found["wireguard"]) == ("WireGuard", name)


def test_a_message_cut_by_the_snap_length_keeps_its_name() -> None:
    data = udp4(51820, b"\1\0\0\0" + b"x" * 144)
    assert dissect(ETHERNET, data[:96], len(data)).wireguard == "handshake initiation"


def test_a_quote_is_read_as_far_as_it_goes() -> None:
    error = bytes.fromhex("0301000000000000")
    for size, ports, sequence in ((28, (1111, 80), 100), (24, (1111, 80), None), (20, None, None)):
        data = ethernet("0800", ip4(1, error + IP4_SYN[:size]))
        icmp = dissect(ETHERNET, data, len(data)).icmp
        assert icmp is not None and icmp.quoted is not None
        quoted = icmp.quoted
        assert (quoted.source, quoted.sequence) == ("10.1.0.1", sequence)
        assert (quoted.source_port, quoted.destination_port) == (ports or (None, None))
    data = ethernet("0800", ip4(1, error + ip4(4, IP4_SYN)))
    icmp = dissect(ETHERNET, data, len(data)).icmp
    assert icmp is not None and icmp.quoted is not None
    assert (icmp.quoted.protocol, icmp.quoted.source_port) == (4, None)


def test_a_length_below_nothing_is_not_said() -> None:
    """An IPv6 header that says fewer bytes than the extension behind it has."""
    head = struct.pack("!IHBB", 6 << 28, 4, 60, 64) + ADDRESSES6
    data = ethernet("86dd", head + bytes([6, 0, 1, 4, 0, 0, 0, 0]) + TCP_SYN)
    problem = dissect(ETHERNET, data, len(data)).problem
    assert problem.endswith("and 0 are there"), problem
