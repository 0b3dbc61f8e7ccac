"""A captured frame into its layers. Pure, bounded, and never raises: what is short or wrong says so in `problem`.

Links: Ethernet (II and 802.3 with SNAP), VLAN and QinQ, Linux cooked v1 and v2, raw IP, BSD loopback. Then IPv4, IPv6
with extension headers, ARP; IP-in-IP, GRE, VXLAN and Geneve with what they carry; TCP, UDP, ICMP, ICMPv6, DNS.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from collectors.capture import dns
from collectors.capture.layers import (
    ICMP,
    ICMP6,
    TCP,
    UDP,
    Arp,
    Frame,
    Icmp,
    Ip,
    Quoted,
    Tcp,
    Udp,
)
from collectors.capture.tcp_options import tcp_options

NULL, ETHERNET, LOOP, LINUX_SLL, IPV4_ONLY, IPV6_ONLY, LINUX_SLL2 = 0, 1, 108, 113, 228, 229, 276
RAW_TYPES = (101, 12, 14, IPV4_ONLY, IPV6_ONLY)
IPV4, IPV6, ARP_TYPE, BRIDGED = 0x0800, 0x86DD, 0x0806, 0x6558
VLANS = (0x8100, 0x88A8, 0x9100)
DIRECTIONS = {0: "In", 1: "B", 2: "M", 3: "P", 4: "Out"}
LARGEST_802_3 = 1500
AF_INET, AF_INET6 = (2,), (10, 24, 28, 30)  # Linux, NetBSD, FreeBSD, Darwin
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, NO_NEXT, DESTINATION, MOBILITY = (
    0,
    43,
    44,
    51,
    59,
    60,
    135,
)
EXTENSIONS = (HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, MOBILITY, 139, 140)
IP_IN_IP, IPV6_IN_IP, GRE = 4, 41, 47
VXLAN_PORTS, GENEVE_PORT = (4789, 8472), 6081  # 8472: Linux's default, used by flannel and Cilium
DNS_PORTS = (53, 5353)  # 5353: multicast DNS, and the target port of OpenShift's DNS
MAX_DEPTH = 6  # tunnels in tunnels
MAX_EXTENSIONS = 10


class _Short(Exception):
    """The packet ends before what is being read."""


class _Wrong(Exception):
    """A header says what cannot be."""


def dissect(linktype: int, data: bytes, length: int) -> Frame:
    """`data` is a frame as captured, `length` what it measured on the wire."""
    frame = Frame()
    try:
        _Dissector(frame, data, max(length, len(data))).link(linktype)
    except _Short:
        if not frame.problem:
            cut = len(data) < length
            frame.problem = (
                f"cut short after {len(data)} of {length} bytes"
                if cut
                else "ends before its headers do"
            )
    except _Wrong as error:
        frame.problem = str(error)
    return frame


class _Dissector:
    def __init__(self, frame: Frame, data: bytes, length: int) -> None:
        self.frame = frame
        self.data = data
        self.length = length  # on the wire
        self.depth = 0
        self.transport_at = len(data)

    def take(self, form: str, offset: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(form, self.data, offset)
        except struct.error:
            raise _Short from None

    def bytes(self, offset: int, size: int) -> bytes:
        value = self.data[offset : offset + size]
        if len(value) < size:
            raise _Short
        return value

    # --- links

    def link(self, linktype: int) -> None:
        frame = self.frame
        if linktype == LINUX_SLL2:
            frame.link = "SLL2"
            kind, frame.interface, packet_type = self.take("!HxxIxxB", 0)
            frame.direction = DIRECTIONS.get(packet_type, "")
            self.ethertype(kind, 20)
        elif linktype == LINUX_SLL:
            frame.link = "SLL"
            packet_type, kind = self.take("!H12xH", 0)
            frame.direction = DIRECTIONS.get(packet_type, "")
            self.ethertype(kind, 16)
        elif linktype == ETHERNET:
            frame.link = "Ethernet"
            self.ethernet(0)
        elif linktype in RAW_TYPES:
            frame.link = "raw IP"
            self.raw(0)
        elif linktype in (NULL, LOOP):
            frame.link = "loopback"
            self.loopback(linktype)
        else:
            frame.link = f"link type {linktype}"

    def ethernet(self, offset: int) -> None:
        (kind,) = self.take("!H", offset + 12)
        frame = self.frame
        if frame.source_mac:
            frame.outer_macs.append((frame.source_mac, frame.destination_mac))
        frame.destination_mac, frame.source_mac = self.mac(offset), self.mac(offset + 6)
        self.ethertype(kind, offset + 14)

    def mac(self, offset: int) -> str:
        return self.bytes(offset, 6).hex(":")

    def raw(self, offset: int) -> None:
        (first,) = self.take("!B", offset)
        if first >> 4 == 4:
            self.ipv4(offset)
        elif first >> 4 == 6:
            self.ipv6(offset)
        else:
            raise _Wrong(f"IP version {first >> 4} is none")

    def loopback(self, linktype: int) -> None:
        (family,) = self.take("!I", 0)
        if (
            linktype == NULL and family & 0xFFFF0000
        ):  # in the byte order of the machine that captured
            (family,) = self.take("<I", 0)
        if family in AF_INET:
            self.ipv4(4)
        elif family in AF_INET6:
            self.ipv6(4)
        else:
            raise _Wrong(f"loopback family {family} is not IP")

    def ethertype(self, kind: int, offset: int) -> None:
        frame = self.frame
        while kind in VLANS:
            tag, kind = self.take("!HH", offset)
            frame.vlans = (*frame.vlans, tag & 0x0FFF)
            offset += 4
        if kind <= LARGEST_802_3 and frame.link == "Ethernet":
            head = self.bytes(offset, 8)
            if head[:6] != b"\xaa\xaa\x03\0\0\0":
                frame.payload = offset
                frame.ethertype = None
                return  # LLC: spanning tree and its like
            kind, offset = int.from_bytes(head[6:8], "big"), offset + 8
        frame.ethertype = kind
        frame.payload = offset
        if kind == IPV4:
            self.ipv4(offset)
        elif kind == IPV6:
            self.ipv6(offset)
        elif kind == ARP_TYPE:
            self.arp(offset)

    def arp(self, offset: int) -> None:
        protocol, size, address, operation = self.take("!xxHBBH", offset)
        if (size, address, protocol) != (6, 4, IPV4):
            raise _Wrong("ARP is not for IPv4 over Ethernet")
        body = self.bytes(offset + 8, 20)
        self.frame.arp = Arp(
            operation,
            body[:6].hex(":"),
            str(IPv4Address(body[6:10])),
            body[10:16].hex(":"),
            str(IPv4Address(body[16:20])),
        )
        self.frame.payload = offset + 28

    # --- IP

    def enter(self, ip: Ip) -> None:
        """Another IP header: what was innermost becomes an outer one."""
        frame = self.frame
        if frame.ip is not None:
            frame.outer.append(frame.ip)
        frame.ip = ip

    def ipv4(self, offset: int) -> None:
        first, service, total, identification, fragment, ttl, protocol, source, destination = (
            self.take("!BBHHHBB2xII", offset)
        )
        header = (first & 15) * 4
        if first >> 4 != 4:
            raise _Wrong(f"IP version {first >> 4} where 4 was announced")
        if header < 20:
            raise _Wrong(f"the IPv4 header says that it has {header} bytes")
        room = self.length - offset
        size = total or room  # 0: the sender's NIC was to cut it up (TSO)
        ip = Ip(
            4,
            str(IPv4Address(source)),
            str(IPv4Address(destination)),
            protocol,
            ttl,
            size,
            service,
            identification,
            bool(fragment & 0x4000),
            bool(fragment & 0x2000),
            (fragment & 0x1FFF) * 8,
            header - 20,
        )
        self.enter(ip)
        self.frame.payload = offset + header
        if size < header:
            raise _Wrong(f"the IPv4 header says {size} bytes in all, and {header} of header")
        self.transport(ip, offset + header, min(size, room) - header)

    def ipv6(self, offset: int) -> None:
        first, payload, following, hops = self.take("!IHBB", offset)
        if first >> 28 != 6:
            raise _Wrong(f"IP version {first >> 28} where 6 was announced")
        addresses = self.bytes(offset + 8, 32)
        room = self.length - offset - 40
        size = payload or room
        ip = Ip(
            6,
            str(IPv6Address(addresses[:16])),
            str(IPv6Address(addresses[16:])),
            following,
            hops,
            size + 40,
            first >> 20 & 0xFF,
        )
        self.enter(ip)
        offset += 40
        left = min(size, room)
        for _ in range(MAX_EXTENSIONS):
            ip.protocol = following
            self.frame.payload = offset
            if following not in EXTENSIONS:
                break
            next_one, count, detail = self.take("!BBH", offset)
            step = (count + 2) * 4 if following == AUTHENTICATION else (count + 1) * 8
            if following == FRAGMENT:
                step, (ip.identification,) = 8, self.take("!I", offset + 4)
                ip.fragment_offset, ip.more_fragments = detail & 0xFFF8, bool(detail & 1)
            following, offset, left = next_one, offset + step, left - step
            ip.options += step
            if ip.fragment_offset:
                ip.protocol = following
                break
        self.frame.payload = offset
        self.transport(ip, offset, left)

    def transport(self, ip: Ip, offset: int, left: int) -> None:
        """`left` bytes follow on the wire. Only a first fragment has the transport's header."""
        self.transport_at = offset
        if ip.fragment_offset:
            return
        if ip.protocol == TCP:
            self.tcp(offset, left)
        elif ip.protocol == UDP:
            self.udp(offset, left)
        elif ip.protocol in (ICMP, ICMP6):
            self.icmp(4 if ip.protocol == ICMP else 6, offset, left)
        elif ip.protocol in (IP_IN_IP, IPV6_IN_IP):
            self.tunnel("IP-in-IP", lambda: self.raw(offset))
        elif ip.protocol == GRE:
            self.gre(offset)

    # --- tunnels

    def tunnel(self, name: str, inside: Callable[[], None]) -> None:
        if self.depth >= MAX_DEPTH:
            raise _Wrong("too many tunnels in one another")
        self.depth += 1
        self.frame.tunnels.append(name)
        inside()

    def gre(self, offset: int) -> None:
        flags, kind = self.take("!HH", offset)
        size = 4 + sum(4 for bit in (0x8000, 0x2000, 0x1000) if flags & bit)
        if flags & 7:  # version 1 is PPTP
            return
        self.tunnel("GRE", lambda: self.carried(kind, offset + size))

    def carried(self, kind: int, offset: int) -> None:
        if kind == BRIDGED:
            self.ethernet(offset)
        else:
            self.ethertype(kind, offset)

    def overlay(self, udp: Udp, offset: int) -> bool:
        """VXLAN (RFC 7348) or Geneve (RFC 8926) behind a UDP header; whether it was one."""
        if udp.destination_port in VXLAN_PORTS:
            head = self.data[offset : offset + 8]
            if len(head) == 8 and head[0] == 0x08 and head[1:4] == b"\0\0\0" and head[7] == 0:
                self.inside(udp, int.from_bytes(head[4:7], "big"))
                self.tunnel("VXLAN", lambda: self.ethernet(offset + 8))
                return True
        elif udp.destination_port == GENEVE_PORT and len(self.data) >= offset + 8:
            first, flags, kind = self.take("!BBH", offset)
            if first >> 6 == 0 and not flags & 0x3F and kind in (BRIDGED, IPV4, IPV6):
                self.inside(udp, int.from_bytes(self.data[offset + 4 : offset + 7], "big"))
                self.tunnel("Geneve", lambda: self.carried(kind, offset + 8 + (first & 0x3F) * 4))
                return True
        return False

    def inside(self, udp: Udp, vni: int) -> None:
        self.frame.outer_udp.append(udp)
        self.frame.vni = vni
        self.frame.udp = None

    # --- transports

    def tcp(self, offset: int, left: int) -> None:
        source, destination, sequence, acknowledged, bits, window = self.take("!HHIIHH", offset)
        header = (bits >> 12) * 4
        length = left - header
        self.frame.transport = offset
        self.frame.tcp = tcp = Tcp(
            source, destination, sequence, acknowledged, bits & 0x1FF, window, max(length, 0)
        )
        self.frame.payload = offset + 20
        if header < 20:
            tcp.length = 0
            raise _Wrong(f"the TCP header says that it has {header} bytes")
        _, tcp.urgent = self.take("!HH", offset + 16)
        if length < 0:
            raise _Wrong(f"the TCP header says {header} bytes, and {left} are there")
        body = self.data[offset + 20 : offset + header]
        tcp.options = tcp_options(body)
        if len(body) < header - 20:
            raise _Short
        self.frame.payload = offset + header
        if length > 2 and 53 in (source, destination):
            self.dns_over_tcp(offset + header, length)

    def dns_over_tcp(self, offset: int, length: int) -> None:
        """A message that begins with this segment; one that goes on in others is left alone."""
        head = self.data[offset : offset + 2]
        size = int.from_bytes(head, "big")
        if len(head) == 2 and 12 <= size <= length - 2:
            self.frame.dns = dns.parse(self.data[offset + 2 : offset + 2 + size])

    def udp(self, offset: int, left: int) -> None:
        source, destination, length = self.take("!HHH", offset)
        self.frame.udp = udp = Udp(source, destination, length)
        self.frame.transport = offset
        self.frame.payload = offset + 8
        if 0 < length < 8:
            raise _Wrong(f"the UDP header says {length} bytes in all")
        if self.overlay(udp, offset + 8):
            return
        if source in DNS_PORTS or destination in DNS_PORTS:
            self.frame.dns = dns.parse(self.data[offset + 8 : offset + max(length or left, 8)])

    # --- ICMP

    def icmp(self, version: int, offset: int, left: int) -> None:
        kind, code = self.take("!BB", offset)
        self.frame.icmp = icmp = Icmp(version, kind, code)
        self.frame.payload = offset + 8
        high, low = self.take("!HH", offset + 4)
        if version == 4:
            if kind in (0, 8, 13, 14):
                icmp.identifier, icmp.sequence = high, low
            elif kind in (3, 4, 5, 11, 12):
                if (kind, code) == (3, 4):
                    icmp.mtu = low
                if kind == 5:
                    icmp.gateway = str(IPv4Address(high << 16 | low))
                icmp.quoted = self.quoted(offset + 8)
        elif kind in (128, 129):
            icmp.identifier, icmp.sequence = high, low
        elif kind in (1, 2, 3, 4):
            if kind == 2:
                icmp.mtu = high << 16 | low
            icmp.quoted = self.quoted(offset + 8)
        elif kind in (135, 136, 137):
            body = self.data[offset + 8 : offset + 24]
            icmp.target = str(IPv6Address(body)) if len(body) == 16 else ""

    def quoted(self, offset: int) -> Quoted | None:
        """The packet inside an ICMP error, as far as it is there; its own oddities are not this packet's."""
        inner = Frame()
        reader = _Dissector(inner, self.data, self.length)
        reader.depth = MAX_DEPTH  # no tunnels: the quote is short
        with contextlib.suppress(_Short, _Wrong):
            reader.raw(offset)
        ip = inner.ip
        if ip is None:
            return None
        found = Quoted(ip.source, ip.destination, ip.protocol)
        head = self.data[reader.transport_at :][:8]  # RFC 792 promises no more than these
        if ip.protocol in (TCP, UDP) and not ip.fragment_offset and len(head) >= 4:
            found.source_port, found.destination_port = struct.unpack("!HH", head[:4])
            if ip.protocol == TCP and len(head) == 8:
                found.sequence = int.from_bytes(head[4:], "big")
        return found
