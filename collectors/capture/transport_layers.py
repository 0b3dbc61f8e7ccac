"""TCP, UDP, ICMP and ICMPv6, and the DNS that the first two carry."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from collectors.capture import dns
from collectors.capture.ip_layers import IpLayers
from collectors.capture.layer_reader import Short, Wrong
from collectors.capture.layers import ICMP, ICMP6, TCP, UDP, Icmp, Ip, Quoted, Tcp, Udp
from collectors.capture.tcp_options import tcp_options

IP_IN_IP, IPV6_IN_IP, GRE = 4, 41, 47
DNS_PORTS = (53, 5353)  # 5353: multicast DNS, and the port of OpenShift's DNS behind its Service
FRAGMENTATION_NEEDED = (3, 4)
ICMP_ECHO, ICMP_ERRORS, REDIRECT = (0, 8, 13, 14), (3, 4, 5, 11, 12), 5
ICMP6_ECHO, ICMP6_ERRORS, PACKET_TOO_BIG = (128, 129), (1, 2, 3, 4), 2
NEIGHBOUR_DISCOVERY = (135, 136, 137)


class TransportLayers(IpLayers):
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

    def tcp(self, offset: int, left: int) -> None:
        source, destination, sequence, acknowledged, bits, window = self.take("!HHIIHH", offset)
        header = (bits >> 12) * 4
        length = left - header
        self.frame.transport = offset
        self.frame.tcp = tcp = Tcp(
            source_port=source,
            destination_port=destination,
            sequence=sequence,
            acknowledgment=acknowledged,
            flags=bits & 0x1FF,
            window=window,
            length=max(length, 0),
        )
        self.frame.payload = offset + 20
        if header < 20:
            tcp.length = 0
            raise Wrong(f"the TCP header says that it has {header} bytes")
        _, tcp.urgent = self.take("!HH", offset + 16)
        if length < 0:
            raise Wrong(f"the TCP header says {header} bytes, and {left} are there")
        body = self.data[offset + 20 : offset + header]
        tcp.options = tcp_options(body)
        if len(body) < header - 20:
            raise Short
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
            raise Wrong(f"the UDP header says {length} bytes in all")
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
        if kind in (ICMP_ECHO if version == 4 else ICMP6_ECHO):
            icmp.identifier, icmp.sequence = high, low
        elif version == 4:
            self.icmp4_error(icmp, offset, high, low)
        else:
            self.icmp6_error(icmp, offset, high << 16 | low)

    def icmp4_error(self, icmp: Icmp, offset: int, high: int, low: int) -> None:
        if icmp.type not in ICMP_ERRORS:
            return
        if (icmp.type, icmp.code) == FRAGMENTATION_NEEDED:
            icmp.mtu = low
        if icmp.type == REDIRECT:
            icmp.gateway = str(IPv4Address(high << 16 | low))
        icmp.quoted = self.quoted(offset + 8)

    def icmp6_error(self, icmp: Icmp, offset: int, word: int) -> None:
        if icmp.type in ICMP6_ERRORS:
            if icmp.type == PACKET_TOO_BIG:
                icmp.mtu = word
            icmp.quoted = self.quoted(offset + 8)
        elif icmp.type in NEIGHBOUR_DISCOVERY:
            body = self.data[offset + 8 : offset + 24]
            icmp.target = str(IPv6Address(body)) if len(body) == 16 else ""

    def quoted(self, offset: int) -> Quoted | None:
        raise NotImplementedError
