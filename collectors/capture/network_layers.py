"""IPv4 (RFC 791), IPv6 with its extension headers (RFC 8200), the authentication header (RFC
4302)."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from struct import Struct

from collectors.capture.dissection import Dissection, Layer, Next, Wrong
from collectors.capture.layers import ICMP, ICMP6, TCP, UDP, Ip

HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, MOBILITY = 0, 43, 44, 51, 60, 135
EXTENSIONS = (HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION, MOBILITY, 139, 140)
MAX_EXTENSIONS = 10
ADDRESSES_CACHED = 8_192

_IPV4 = Struct("!BBHHHBB2x4s4s")
_IPV6 = Struct("!IHBB16s16s")
_EXTENSION = Struct("!BBH")

BY_PROTOCOL = {
    TCP: "tcp",
    UDP: "udp",
    ICMP: "icmp",
    ICMP6: "icmp6",
    4: "ip_in_ip",
    41: "ip_in_ip",
    47: "gre",
    97: "ether_ip",
    137: "mpls",
    143: "ethernet_in_ip",
}


@lru_cache(ADDRESSES_CACHED)
def address_text(packed: bytes) -> str:
    """An address of four or sixteen bytes as text."""
    return str(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed))


def raw(d: Dissection, offset: int, left: int) -> Next:
    version = d.octet(offset) >> 4
    if version not in (4, 6):
        raise Wrong(f"IP version {version} is none")
    return ("ipv4" if version == 4 else "ipv6"), offset, left


def _enter(d: Dissection, ip: Ip) -> None:
    """Another IP header: what was innermost becomes an outer one."""
    if d.frame.ip is not None:
        d.frame.outer.append(d.frame.ip)
    d.frame.ip = ip


def ipv4(d: Dissection, offset: int, left: int) -> Next:
    first, service, total, identification, fragment, ttl, protocol, source, destination = d.unpack(
        _IPV4, offset
    )
    header = (first & 15) * 4
    if first >> 4 != 4:
        raise Wrong(f"IP version {first >> 4} where 4 was announced")
    if header < 20:
        raise Wrong(f"the IPv4 header says that it has {header} bytes")
    size = total or left  # 0: the sender's NIC was to cut it up (TSO)
    ip = Ip(
        version=4,
        source=address_text(source),
        destination=address_text(destination),
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
    _enter(d, ip)
    d.frame.payload = offset + header
    if size < header:
        raise Wrong(f"the IPv4 header says {size} bytes in all, and {header} of header")
    if protocol == AUTHENTICATION and not ip.fragment_offset:
        return "authentication", offset + header, min(size, left) - header
    return by_protocol(d, ip, protocol, offset + header, min(size, left) - header)


def by_protocol(d: Dissection, ip: Ip, protocol: int, offset: int, left: int) -> Next:
    """Only a first fragment has the transport's header."""
    d.frame.transport = offset
    if ip.fragment_offset:
        return None
    layer = BY_PROTOCOL.get(protocol)
    return None if layer is None else (layer, offset, left)


def authentication(d: Dissection, offset: int, left: int) -> Next:
    following, count, _ = d.unpack(_EXTENSION, offset)
    size = (count + 2) * 4
    d.frame.payload = offset + size
    ip = d.frame.ip
    assert ip is not None
    return by_protocol(d, ip, following, offset + size, left - size)


def ipv6(d: Dissection, offset: int, left: int) -> Next:
    first, payload, following, hops, source, destination = d.unpack(_IPV6, offset)
    if first >> 28 != 6:
        raise Wrong(f"IP version {first >> 28} where 6 was announced")
    size = payload or left - 40
    ip = Ip(
        version=6,
        source=address_text(source),
        destination=address_text(destination),
        protocol=following,
        ttl=hops,
        length=size + 40,
        traffic_class=first >> 20 & 0xFF,
    )
    _enter(d, ip)
    offset, left = offset + 40, min(size, left - 40)
    for _ in range(MAX_EXTENSIONS):
        d.frame.payload = offset
        if ip.protocol not in EXTENSIONS or ip.fragment_offset:
            break
        step = _extension(d, ip, offset)
        offset, left = offset + step, left - step
    d.frame.payload = offset
    return by_protocol(d, ip, ip.protocol, offset, left)


def _extension(d: Dissection, ip: Ip, offset: int) -> int:
    """Read one extension header; its size. `ip.protocol` becomes what follows it."""
    kind = ip.protocol
    ip.protocol, count, detail = d.unpack(_EXTENSION, offset)
    step: int = (count + 2) * 4 if kind == AUTHENTICATION else (count + 1) * 8
    if kind == FRAGMENT:
        step = 8
        ip.identification = d.number(offset + 4, 4)
        ip.fragment_offset, ip.more_fragments = detail & 0xFFF8, bool(detail & 1)
    ip.options += step
    return step


LAYERS: dict[str, Layer] = {
    "raw": raw,
    "ipv4": ipv4,
    "ipv6": ipv6,
    "authentication": authentication,
}
