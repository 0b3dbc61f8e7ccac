"""Frames with masked addresses and names, in place: lengths, ports, flags, sequence numbers and
times stay, so that a capture says of losses and delays what it said. What is behind known
headers is cut off, payloads as well; checksums are right, with zeros for what was cut.

RFC 791, 8200 (IP), 9293 (TCP), 768 (UDP), 792, 4443, 4861 (ICMP), 826 (ARP), 7348 (VXLAN), 2784
(GRE).
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from collectors.capture.dns_ports import is_dns_port
from collectors.capture.header_values import ETHERNET, LINUX_SLL, LINUX_SLL2
from collectors.capture.layers import ICMP, ICMP6, TCP, UDP
from collectors.packet import Packet
from collectors.privacy.address_mask import AddressMask
from collectors.privacy.checksums import internet_checksum, transport_checksum
from collectors.privacy.dns_mask import DnsMask
from collectors.privacy.neighbour_mask import mask_neighbour
from collectors.privacy.payload_mask import MaskName, PayloadMask

IPV4, IPV6, ARP, BRIDGED = 0x0800, 0x86DD, 0x0806, 0x6558
VLANS = (0x8100, 0x88A8, 0x9100)
RAW, LOOPBACK = (101, 12, 14, 228, 229), (0, 108)
LINK_TYPES = frozenset((ETHERNET, LINUX_SLL, LINUX_SLL2, *RAW, *LOOPBACK))
IN_IP, IN_IP6, GRE = 4, 41, 47
HOP_BY_HOP, FRAGMENT, DESTINATION = 0, 44, 60
VXLAN_PORTS = (4789, 8472)  # IANA's, and that of Linux
KEPT_OPTIONS = (2, 3, 4, 5, 8)  # of TCP: segment size, window scale, SACK, timestamps
ERRORS, ERRORS6 = (3, 4, 11, 12), (1, 2, 3, 4)  # ICMP with the packet that they are about
REDIRECT = 5
DEEPEST = 8  # IP headers in each other
CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMP6: 2}


class Ends:
    """Of an IP packet: its addresses, masked and packed, and whether a transport's header is in it
    in full, or a fragment's."""

    def __init__(self, packed: bytes, end: int, is_fragment: bool = False) -> None:
        self.packed = packed
        self.end = end  # of the packet, by its header
        self.is_fragment = is_fragment


class FrameMask:
    """`hosts`: names that were asked for on the wire, as they were."""

    def __init__(self, addresses: AddressMask, mask_name: MaskName) -> None:
        self._addresses = addresses
        self._mask_name = mask_name
        self._data = bytearray()
        self._kept = self._depth = 0
        self.hosts: set[str] = set()

    def packet(self, linktype: int, packet: Packet) -> Packet:
        """`linktype` is one of LINK_TYPES; of others nothing stays."""
        self._data = bytearray(packet.data)
        self._kept = self._depth = 0
        if linktype in LINK_TYPES:
            self._link(linktype)
        length = max(packet.length, len(packet.data))
        return Packet(packet.ns, bytes(self._data[: self._kept]), length)

    def _has(self, end: int) -> bool:
        """Whether so much is there; it stays."""
        if end > len(self._data):
            return False
        self._kept = max(self._kept, end)
        return True

    def _number(self, at: int) -> int:
        return self._data[at] << 8 | self._data[at + 1]

    # --- links

    def _link(self, linktype: int) -> None:
        if linktype == ETHERNET:
            self._ethernet(0)
        elif linktype in RAW:
            self._ip(0)
        elif linktype in LOOPBACK and self._has(4):
            self._ip(4)
        elif linktype == LINUX_SLL and self._has(16):
            self._cooked_address(6, self._number(4))
            self._by_type(self._number(14), 16)
        elif linktype == LINUX_SLL2 and self._has(20):
            self._cooked_address(12, self._data[11])
            self._by_type(self._number(0), 20)

    def _cooked_address(self, at: int, size: int) -> None:
        if size == 6:
            self._mac(at)
            self._data[at + 6 : at + 8] = b"\0\0"
        else:
            self._data[at : at + 8] = bytes(8)

    def _mac(self, at: int) -> None:
        self._data[at : at + 6] = self._addresses.mac(bytes(self._data[at : at + 6]))

    def _address(self, at: int, size: int) -> bytes:
        masked = self._addresses.packed(bytes(self._data[at : at + size]))
        self._data[at : at + size] = masked
        return masked

    def _ethernet(self, at: int) -> None:
        if self._has(at + 14):
            self._mac(at)
            self._mac(at + 6)
            self._by_type(self._number(at + 12), at + 14)

    def _by_type(self, kind: int, at: int) -> None:
        while kind in VLANS and self._has(at + 4):
            kind, at = self._number(at + 2), at + 4
        if kind in (IPV4, IPV6):
            self._ip(at)
        elif kind == ARP and len(self._data) >= at + 28:
            self._arp(at)
        elif kind == BRIDGED:
            self._ethernet(at)

    def _arp(self, at: int) -> None:
        if self._data[at + 2 : at + 6] == b"\x08\0\x06\x04" and self._has(at + 28):
            for place in (at + 8, at + 18):
                self._mac(place)
                self._address(place + 6, 4)

    # --- IP

    def _ip(self, at: int) -> None:
        self._depth += 1
        if at >= len(self._data) or self._depth > DEEPEST:
            return
        version = self._data[at] >> 4
        if version == 4:
            self._ipv4(at)
        elif version == 6:
            self._ipv6(at)

    def _ipv4(self, at: int) -> None:
        header = (self._data[at] & 15) * 4
        if header < 20 or not self._has(at + header):
            return
        ends = self._address(at + 12, 4) + self._address(at + 16, 4)
        self._data[at + 20 : at + header] = b"\x01" * (header - 20)
        self._data[at + 10 : at + 12] = b"\0\0"
        checksum = internet_checksum(bytes(self._data[at : at + header]))
        struct.pack_into("!H", self._data, at + 10, checksum)
        fragment = self._number(at + 6)
        end = at + (self._number(at + 2) or len(self._data) - at)
        if not fragment & 0x1FFF:
            found = Ends(ends, end, bool(fragment & 0x2000))
            self._transport(self._data[at + 9], at + header, found)

    def _ipv6(self, at: int) -> None:
        if not self._has(at + 40):
            return
        ends = Ends(self._address(at + 8, 16) + self._address(at + 24, 16), 0)
        ends.end = at + 40 + (self._number(at + 4) or len(self._data) - at - 40)
        protocol, at = self._data[at + 6], at + 40
        while protocol in (HOP_BY_HOP, DESTINATION, FRAGMENT) and len(self._data) >= at + 8:
            size = 8 if protocol == FRAGMENT else (self._data[at + 1] + 1) * 8
            if not self._has(at + size):
                return
            if protocol == FRAGMENT:
                ends.is_fragment = True
                if self._number(at + 2) & 0xFFF8:
                    return
            else:
                self._data[at + 2 : at + size] = _padding(size - 2)
            protocol, at = self._data[at], at + size
        self._transport(protocol, at, ends)

    def _transport(self, protocol: int, at: int, ends: Ends) -> None:
        if protocol in (IN_IP, IN_IP6):
            self._ip(at)
        elif protocol == GRE:
            self._gre(at)
        elif (mask := self._transports().get(protocol)) is not None:
            there = len(self._data)
            del self._data[max(ends.end, at) :]  # what pads a short frame
            if mask(at):
                self._checksum(protocol, at, ends)
            self._data += bytes(there - len(self._data))

    def _transports(self) -> dict[int, Callable[[int], bool]]:
        return {TCP: self._tcp, UDP: self._udp, ICMP: self._icmp, ICMP6: self._icmp6}

    def _checksum(self, protocol: int, at: int, ends: Ends) -> None:
        place = at + CHECKSUM_AT[protocol]
        is_absent = protocol == UDP and len(ends.packed) == 8 and not self._number(place)
        if is_absent:
            return
        struct.pack_into("!H", self._data, place, 0)
        if ends.is_fragment:  # of all of them together
            return
        data = bytes(self._data[at : max(self._kept, at)])
        if protocol == ICMP:
            found = internet_checksum(data)
        else:
            found = transport_checksum(ends.packed, protocol, ends.end - at, data)
        struct.pack_into("!H", self._data, place, found or (0xFFFF if protocol == UDP else 0))

    def _gre(self, at: int) -> None:
        """Without a checksum or routing."""
        if len(self._data) < at + 4 or self._data[at] & 0xC0 or self._data[at + 1] & 7:
            return
        flags = self._data[at]
        size = 4 + 4 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        if self._has(at + size):
            self._by_type(self._number(at + 2), at + size)

    # --- transports: whether their header is there

    def _tcp(self, at: int) -> bool:
        size = (self._data[at + 12] >> 4) * 4 if len(self._data) > at + 12 else 0
        if size < 20 or not self._has(at + size):
            self._has(at + 8)  # ports and sequence number: all that an ICMP error must have
            return False
        _clear_options(self._data, at + 20, at + size)
        payload, end = at + size, len(self._data)
        if payload == end:
            return True
        if is_dns_port(self._number(at)) or is_dns_port(self._number(at + 2)):
            if end - payload > 2 and self._number(payload) <= end - payload - 2:
                self._dns(payload + 2, payload + 2 + self._number(payload))
        else:
            mask = PayloadMask(self._mask_name)
            self._has(mask.apply(self._data, payload, end))
            self.hosts.update(mask.hosts)
        return True

    def _udp(self, at: int) -> bool:
        if not self._has(at + 8):
            return False
        source, destination = self._number(at), self._number(at + 2)
        if is_dns_port(source) or is_dns_port(destination):
            self._dns(at + 8, len(self._data))
        elif destination in VXLAN_PORTS and len(self._data) >= at + 16 and self._data[at + 8] & 8:
            self._has(at + 16)
            self._ethernet(at + 16)
        return True

    def _dns(self, at: int, end: int) -> None:
        message = DnsMask(self._data, at, end)
        self._has(message.apply(self._mask_name, self._addresses.packed))
        self.hosts.update(message.names)

    def _icmp(self, at: int) -> bool:
        if not self._has(at + 8):
            return False
        kind = self._data[at]
        if kind == REDIRECT:
            self._address(at + 4, 4)
        if kind in (*ERRORS, REDIRECT):
            self._ip(at + 8)
        return True

    def _icmp6(self, at: int) -> bool:
        if not self._has(at + 8):
            return False
        if self._data[at] in ERRORS6:
            self._ip(at + 8)
        else:
            self._has(mask_neighbour(self._data, at, self._addresses))
        return True


def _padding(size: int) -> bytes:
    """So many bytes that mean nothing, as options of IPv6 (PadN)."""
    return bytes((1, min(255, size - 2))).ljust(size, b"\0")


def _clear_options(data: bytearray, at: int, end: int) -> None:
    """Those of TCP that are not known become no operation: a cookie may be one."""
    while at < end:
        kind = data[at]
        if kind in (0, 1):
            at += 1
            continue
        size = data[at + 1] if at + 1 < end else 0
        if size < 2 or at + size > end:
            data[at:end] = b"\x01" * (end - at)
            return
        if kind not in KEPT_OPTIONS:
            data[at : at + size] = b"\x01" * size
        at += size
