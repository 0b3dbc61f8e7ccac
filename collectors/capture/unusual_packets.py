"""Packets that are not plain, by the dissector: their header rows, and ICMP errors, which quote
a flow."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from collectors.capture.dissect import dissect
from collectors.capture.header_row import HeaderRow
from collectors.capture.header_values import ETHERNET, TCP, UDP
from collectors.capture.layers import Frame, Icmp, Quoted
from collectors.capture.packet_summary import icmp_info

ICMP_UNREACHABLE, ICMP_TIME_EXCEEDED, FRAGMENTATION_NEEDED = 3, 11, 4
ICMP6_UNREACHABLE, ICMP6_TIME_EXCEEDED = 1, 3
_NEVER_IP = (b"\x08\x06", b"\x88\xcc")  # ARP, LLDP
_MOST_ADDRESSES = 10_000


class IcmpError:
    """`quoted` are the headers of the packet that it is about; `sender` sent the error; `note` is
    it in words."""

    def __init__(self, frame: Frame, icmp: Icmp, quoted: HeaderRow) -> None:
        self.quoted = quoted
        self.sender = frame.ip.source if frame.ip is not None else ""
        self.note = icmp_info(icmp)
        self.is_unreachable = means_unreachable(icmp)


def unusual(linktype: int, data: bytes, length: int) -> HeaderRow | IcmpError | None:
    """What the flow table needs of a packet; None where it is none of these."""
    if linktype == ETHERNET and data[12:14] in _NEVER_IP:
        return None
    frame = dissect(linktype, data, length)
    row = _row(frame)
    if row is None:
        return _error(frame)
    row.hold(0, data, length)
    return row


def slow(linktype: int, data: bytes, length: int) -> HeaderRow | None:
    """The row of any packet, by the dissector; None where it is neither whole TCP nor UDP."""
    row = _row(dissect(linktype, data, length))
    if row is not None:
        row.hold(0, data, length)
    return row


def _row(frame: Frame) -> HeaderRow | None:
    if frame.ip is None or (frame.problem and not frame.problem.startswith("cut short")):
        return None
    transport = frame.tcp or frame.udp
    if transport is None:
        return None
    protocol = TCP if frame.tcp is not None else UDP
    row = HeaderRow(protocol, packed(frame.ip.source), packed(frame.ip.destination))
    row.source_port, row.destination_port = transport.source_port, transport.destination_port
    if frame.tcp is not None:
        row.sequence, row.acknowledgment = frame.tcp.sequence, frame.tcp.acknowledgment
        row.flags, row.window, row.length = frame.tcp.flags, frame.tcp.window, frame.tcp.length
    else:
        row.length = max(transport.length - 8, 0)
    row.offset, row.identification = frame.transport, frame.ip.identification or 0
    row.interface, row.network = frame.interface, frame.network
    return row


def _error(frame: Frame) -> IcmpError | None:
    icmp = frame.icmp
    if icmp is None or icmp.quoted is None:
        return None
    row = _quoted_row(icmp.quoted, frame.network)
    return None if row is None else IcmpError(frame, icmp, row)


@lru_cache(_MOST_ADDRESSES)
def packed(address: str) -> bytes:
    return ip_address(address).packed


def _quoted_row(quoted: Quoted, network: int) -> HeaderRow | None:
    """Of a packet that an ICMP error quotes; None where its ports are not in it."""
    if quoted.source_port is None or quoted.destination_port is None:
        return None
    row = HeaderRow(quoted.protocol, packed(quoted.source), packed(quoted.destination))
    row.source_port, row.destination_port = quoted.source_port, quoted.destination_port
    row.network = network
    return row


def means_unreachable(icmp: Icmp) -> bool:
    """Whether the packet did not arrive for good: 'fragmentation needed' is path MTU discovery
    (RFC 1191), a redirect (RFC 792) delivers it."""
    if icmp.version == 6:
        return icmp.type in (ICMP6_UNREACHABLE, ICMP6_TIME_EXCEEDED)
    if icmp.type == ICMP_UNREACHABLE:
        return icmp.code != FRAGMENTATION_NEEDED
    return icmp.type == ICMP_TIME_EXCEEDED
