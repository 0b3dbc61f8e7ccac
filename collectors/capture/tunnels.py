"""What carries packets in packets: IP-in-IP, GRE with what it carries, EtherIP, and over UDP VXLAN,
VXLAN-GPE, Geneve and MPLS.

RFC 2003, 2784, 2890 and 2637 (GRE, PPTP), 3378, 7348 (VXLAN), 8926 (Geneve), 7510 (MPLS over UDP);
draft-foschiano-erspan, draft-ietf-nvo3-vxlan-gpe. Reserved bits are ignored, as on receipt.
"""

from __future__ import annotations

from struct import Struct

from collectors.capture.dissection import Dissection, Layer, Next
from collectors.capture.ethertypes import BRIDGED, by_ethertype
from collectors.capture.header_values import (
    GENEVE_PORT,
    MPLS_PORT,
    TUNNEL_PORTS as TUNNEL_PORTS,
    VXLAN_GPE_PORT,
    VXLAN_PORTS as VXLAN_PORTS,
)
from collectors.capture.layers import Udp

VNI_VALID, NEXT_PROTOCOL_VALID = 0x08, 0x04  # flags of VXLAN
BY_GPE_PROTOCOL = {1: "ipv4", 2: "ipv6", 3: "ethernet", 4: "nsh", 5: "mpls"}

CHECKSUM, ROUTING, KEY, SEQUENCE, ACKNOWLEDGED = 0x8000, 0x4000, 0x2000, 0x1000, 0x0080
ERSPAN, ERSPAN3 = 0x88BE, 0x22EB
ERSPAN3_PLATFORM = 1  # the last bit of its header: eight bytes more

_GRE = Struct("!HH")
_GENEVE = Struct("!BBH")


def ip_in_ip(d: Dissection, offset: int, left: int) -> Next:
    d.enter_tunnel("IP-in-IP")
    return "raw", offset, left


def ether_ip(d: Dissection, offset: int, left: int) -> Next:
    d.enter_tunnel("EtherIP")
    return "ethernet", offset + 2, left - 2


def ethernet_in_ip(d: Dissection, offset: int, left: int) -> Next:
    """Protocol 143 of segment routing (RFC 8986)."""
    d.enter_tunnel("Ethernet-in-IP")
    return "ethernet", offset, left


def gre(d: Dissection, offset: int, left: int) -> Next:
    flags, kind = d.unpack(_GRE, offset)
    version = flags & 7
    optional = (CHECKSUM | ROUTING, KEY, SEQUENCE) + ((ACKNOWLEDGED,) if version == 1 else ())
    size = 4 + sum(4 for bits in optional if flags & bits)
    if version > 1 or (version == 0 and flags & ROUTING):
        return None
    d.enter_tunnel("GRE")
    offset, left = offset + size, left - size
    d.frame.payload = offset
    if kind == ERSPAN:
        return _erspan(d, offset, left, 8 if flags & SEQUENCE else 0)
    if kind == ERSPAN3:
        return _erspan(d, offset, left, 12 + 8 * (d.octet(offset + 11) & ERSPAN3_PLATFORM))
    return by_ethertype(d, kind, offset, left)


def _erspan(d: Dissection, offset: int, left: int, header: int) -> Next:
    """A mirrored frame. Type I has no header of its own, II has 8 bytes, III 12 or 20."""
    d.enter_tunnel("ERSPAN")
    return "ethernet", offset + header, left - header


# --- over UDP


def over_udp(d: Dissection, udp: Udp, offset: int, left: int) -> Next:
    """What a datagram to a tunnel's port carries; None where it is no such tunnel."""
    port = udp.destination_port
    if port in VXLAN_PORTS:
        return _vxlan(d, udp, offset, left)
    if port == VXLAN_GPE_PORT:
        return _vxlan_gpe(d, udp, offset, left)
    if port == GENEVE_PORT:
        return _geneve(d, udp, offset, left)
    if port == MPLS_PORT and left >= 4:
        _carry(d, udp, None)
        return "mpls", offset, left
    return None


def _carry(d: Dissection, udp: Udp, vni: int | None) -> None:
    """The datagram turns out to be a tunnel's."""
    d.frame.outer_udp.append(udp)
    d.frame.udp = None
    if vni is not None:
        d.frame.vni = vni


def _vxlan(d: Dissection, udp: Udp, offset: int, left: int) -> Next:
    head = d.data[offset : offset + 8]
    if len(head) < 8 or not head[0] & VNI_VALID:
        return None
    _carry(d, udp, int.from_bytes(head[4:7], "big"))
    d.enter_tunnel("VXLAN")
    return "ethernet", offset + 8, left - 8


def _vxlan_gpe(d: Dissection, udp: Udp, offset: int, left: int) -> Next:
    head = d.data[offset : offset + 8]
    if len(head) < 8 or not head[0] & VNI_VALID:
        return None
    layer = BY_GPE_PROTOCOL.get(head[3]) if head[0] & NEXT_PROTOCOL_VALID else "ethernet"
    if layer is None:
        return None
    _carry(d, udp, int.from_bytes(head[4:7], "big"))
    d.enter_tunnel("VXLAN-GPE")
    return layer, offset + 8, left - 8


def _geneve(d: Dissection, udp: Udp, offset: int, left: int) -> Next:
    if len(d.data) < offset + 8:
        return None
    first, _, kind = d.unpack(_GENEVE, offset)
    if first >> 6:  # another version
        return None
    _carry(d, udp, d.number(offset + 4, 3))
    d.enter_tunnel("Geneve")
    size = 8 + (first & 0x3F) * 4
    if kind == BRIDGED:
        return "ethernet", offset + size, left - size
    return by_ethertype(d, kind, offset + size, left - size)


LAYERS: dict[str, Layer] = {
    "ip_in_ip": ip_in_ip,
    "ether_ip": ether_ip,
    "ethernet_in_ip": ethernet_in_ip,
    "gre": gre,
}
