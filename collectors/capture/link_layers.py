"""Link layers: Ethernet (II and 802.3 with SNAP), VLAN and QinQ, Linux cooked v1 and v2, raw IP, BSD
loopback, ARP."""

from __future__ import annotations

from ipaddress import IPv4Address

from collectors.capture.layer_reader import LayerReader, Wrong
from collectors.capture.layers import Arp

NULL, ETHERNET, LOOP, LINUX_SLL, IPV4_ONLY, IPV6_ONLY, LINUX_SLL2 = 0, 1, 108, 113, 228, 229, 276
RAW_TYPES = (101, 12, 14, IPV4_ONLY, IPV6_ONLY)
IPV4, IPV6, ARP_TYPE, BRIDGED = 0x0800, 0x86DD, 0x0806, 0x6558
VLANS = (0x8100, 0x88A8, 0x9100)
PACKET_TYPES = {0: "In", 1: "B", 2: "M", 3: "P", 4: "Out"}
LARGEST_802_3 = 1500
SNAP = b"\xaa\xaa\x03\0\0\0"
AF_INET, AF_INET6 = (2,), (10, 23, 24, 28, 30)  # Linux, Windows, NetBSD, FreeBSD, Darwin


class LinkLayers(LayerReader):
    def link(self, linktype: int) -> None:
        """The outermost header, of this LINKTYPE_ value."""
        frame = self.frame
        if linktype == LINUX_SLL2:
            self.cooked2()
        elif linktype == LINUX_SLL:
            self.cooked()
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

    def cooked2(self) -> None:
        frame = self.frame
        frame.link = "SLL2"
        kind, frame.interface, packet_type = self.take("!HxxIxxB", 0)
        frame.direction = PACKET_TYPES.get(packet_type, "")
        self.ethertype(kind, 20)

    def cooked(self) -> None:
        frame = self.frame
        frame.link = "SLL"
        packet_type, kind = self.take("!H12xH", 0)
        frame.direction = PACKET_TYPES.get(packet_type, "")
        self.ethertype(kind, 16)

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
            raise Wrong(f"IP version {first >> 4} is none")

    def loopback(self, linktype: int) -> None:
        """BSD loopback; the family is in the byte order of the machine that captured."""
        (family,) = self.take("!I", 0)
        if linktype == NULL and family & 0xFFFF0000:
            (family,) = self.take("<I", 0)
        if family in AF_INET:
            self.ipv4(4)
        elif family in AF_INET6:
            self.ipv6(4)
        else:
            raise Wrong(f"loopback family {family} is not IP")

    def ethertype(self, kind: int, offset: int) -> None:
        """What follows an Ethernet type, behind any VLAN tags."""
        frame = self.frame
        while kind in VLANS:
            tag, kind = self.take("!HH", offset)
            frame.vlans = (*frame.vlans, tag & 0x0FFF)
            offset += 4
        if kind <= LARGEST_802_3 and frame.link == "Ethernet":
            head = self.bytes(offset, 8)
            if head[:6] != SNAP:
                frame.payload, frame.ethertype = offset, None
                return  # LLC: spanning tree and its like
            kind, offset = int.from_bytes(head[6:8], "big"), offset + 8
        frame.ethertype, frame.payload = kind, offset
        if kind == IPV4:
            self.ipv4(offset)
        elif kind == IPV6:
            self.ipv6(offset)
        elif kind == ARP_TYPE:
            self.arp(offset)

    def arp(self, offset: int) -> None:
        protocol, size, address, operation = self.take("!xxHBBH", offset)
        if (size, address, protocol) != (6, 4, IPV4):
            raise Wrong("ARP is not for IPv4 over Ethernet")
        body = self.bytes(offset + 8, 20)
        self.frame.arp = Arp(
            operation,
            sender_mac=body[:6].hex(":"),
            sender=str(IPv4Address(body[6:10])),
            target_mac=body[10:16].hex(":"),
            target=str(IPv4Address(body[16:20])),
        )
        self.frame.payload = offset + 28
