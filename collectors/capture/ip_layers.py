"""IPv4, IPv6 with extension headers, and what carries packets in packets: IP-in-IP, GRE, VXLAN, Geneve."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from collectors.capture.layer_reader import LayerReader, Wrong
from collectors.capture.layers import Ip, Udp
from collectors.capture.link_layers import BRIDGED, IPV4, IPV6

HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION = 0, 43, 44, 51
DESTINATION, MOBILITY, HIP, SHIM6 = 60, 135, 139, 140
EXTENSIONS = (HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, MOBILITY, HIP, SHIM6)
MAX_EXTENSIONS = 10
VXLAN_PORTS, GENEVE_PORT = (4789, 8472), 6081  # 8472: Linux's default, used by flannel and Cilium
TUNNEL_PORTS = frozenset((*VXLAN_PORTS, GENEVE_PORT))


class IpLayers(LayerReader):
    def enter(self, ip: Ip) -> None:
        """Another IP header: what was innermost becomes an outer one."""
        if self.frame.ip is not None:
            self.frame.outer.append(self.frame.ip)
        self.frame.ip = ip

    def ipv4(self, offset: int) -> None:
        first, service, total, identification, fragment, ttl, protocol = self.take(
            "!BBHHHBB", offset
        )
        source, destination = self.take("!II", offset + 12)
        header = (first & 15) * 4
        if first >> 4 != 4:
            raise Wrong(f"IP version {first >> 4} where 4 was announced")
        if header < 20:
            raise Wrong(f"the IPv4 header says that it has {header} bytes")
        room = self.length - offset
        size = total or room  # 0: the sender's NIC was to cut it up (TSO)
        ip = Ip(
            version=4,
            source=str(IPv4Address(source)),
            destination=str(IPv4Address(destination)),
            protocol=protocol,
            ttl=ttl,
            length=size,
            traffic_class=service,
            identification=identification,
            dont_fragment=bool(fragment & 0x4000),
            more_fragments=bool(fragment & 0x2000),
            fragment_offset=(fragment & 0x1FFF) * 8,
            options=header - 20,
        )
        self.enter(ip)
        self.frame.payload = offset + header
        if size < header:
            raise Wrong(f"the IPv4 header says {size} bytes in all, and {header} of header")
        self.transport(ip, offset + header, min(size, room) - header)

    def ipv6(self, offset: int) -> None:
        first, payload, following, hops = self.take("!IHBB", offset)
        if first >> 28 != 6:
            raise Wrong(f"IP version {first >> 28} where 6 was announced")
        addresses = self.bytes(offset + 8, 32)
        room = self.length - offset - 40
        size = payload or room
        ip = Ip(
            version=6,
            source=str(IPv6Address(addresses[:16])),
            destination=str(IPv6Address(addresses[16:])),
            protocol=following,
            ttl=hops,
            length=size + 40,
            traffic_class=first >> 20 & 0xFF,
        )
        self.enter(ip)
        offset = self.extensions(ip, offset + 40)
        left = min(size, room) - ip.options
        self.transport(ip, offset, left)

    def extensions(self, ip: Ip, offset: int) -> int:
        """Reads the extension headers into `ip`; the offset of what follows the last one."""
        for _ in range(MAX_EXTENSIONS):
            self.frame.payload = offset
            if ip.protocol not in EXTENSIONS:
                break
            following, count, detail = self.take("!BBH", offset)
            step = (count + 2) * 4 if ip.protocol == AUTHENTICATION else (count + 1) * 8
            if ip.protocol == FRAGMENT:
                step, (ip.identification,) = 8, self.take("!I", offset + 4)
                ip.fragment_offset, ip.more_fragments = detail & 0xFFF8, bool(detail & 1)
            ip.protocol, offset = following, offset + step
            ip.options += step
            if ip.fragment_offset:
                break
        self.frame.payload = offset
        return offset

    # --- tunnels

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
            return self.vxlan(udp, offset)
        return udp.destination_port == GENEVE_PORT and self.geneve(udp, offset)

    def vxlan(self, udp: Udp, offset: int) -> bool:
        head = self.data[offset : offset + 8]
        if len(head) < 8 or not head[0] & 0x08:  # the VNI is valid; the rest is ignored (RFC 7348)
            return False
        self.inside(udp, int.from_bytes(head[4:7], "big"))
        self.tunnel("VXLAN", lambda: self.ethernet(offset + 8))
        return True

    def geneve(self, udp: Udp, offset: int) -> bool:
        if len(self.data) < offset + 8:
            return False
        first, flags, kind = self.take("!BBH", offset)
        if first >> 6 or flags & 0x3F or kind not in (BRIDGED, IPV4, IPV6):
            return False
        self.inside(udp, int.from_bytes(self.data[offset + 4 : offset + 7], "big"))
        self.tunnel("Geneve", lambda: self.carried(kind, offset + 8 + (first & 0x3F) * 4))
        return True

    def inside(self, udp: Udp, vni: int) -> None:
        self.frame.outer_udp.append(udp)
        self.frame.vni = vni
        self.frame.udp = None
