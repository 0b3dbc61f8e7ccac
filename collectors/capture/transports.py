"""TCP (RFC 9293), UDP, ICMP (RFC 792) and ICMPv6 (RFC 4443, 4861), and what is read above them:
DNS, and which message of WireGuard a datagram is."""

from __future__ import annotations

import contextlib
from struct import Struct

from collectors.capture import dns, network_layers
from collectors.capture.dissection import Dissection, Layer, Next, Short, Wrong
from collectors.capture.dns_ports import is_dns_port
from collectors.capture.layers import TCP, UDP, Frame, Icmp, Quoted, Tcp, Udp
from collectors.capture.network_layers import address_text
from collectors.capture.tcp_options import tcp_options
from collectors.capture.tunnels import TUNNEL_PORTS, over_udp

WIREGUARD_PORTS = (51820, 51821, 51871)  # its default, flannel's and Calico's for IPv6, Cilium's
# first octets of a message, its size (whitepaper 5.4), what it is
WIREGUARD_HANDSHAKE = {
    (b"\1\0\0\0", 148): "handshake initiation",
    (b"\2\0\0\0", 92): "handshake response",
    (b"\3\0\0\0", 64): "cookie reply",
}
WIREGUARD_DATA = b"\4\0\0\0"
FRAGMENTATION_NEEDED = (3, 4)
ICMP_ECHO, ICMP_ERRORS, REDIRECT = (0, 8, 13, 14), (3, 4, 5, 11, 12), 5
ICMP6_ECHO, ICMP6_ERRORS, PACKET_TOO_BIG = (128, 129), (1, 2, 3, 4), 2
NEIGHBOUR_DISCOVERY = (135, 136, 137)

_TCP = Struct("!HHIIHH")
_UDP = Struct("!HHH")
_ICMP = Struct("!BB")
_WORDS = Struct("!HH")


def tcp(d: Dissection, offset: int, left: int) -> Next:
    source, destination, sequence, acknowledged, bits, window = d.unpack(_TCP, offset)
    header = (bits >> 12) * 4
    length = left - header
    frame = d.frame
    frame.tcp = found = Tcp(
        source_port=source,
        destination_port=destination,
        sequence=sequence,
        acknowledgment=acknowledged,
        flags=bits & 0x1FF,
        window=window,
        length=max(length, 0),
    )
    frame.payload = offset + 20
    if header < 20:
        found.length = 0
        raise Wrong(f"the TCP header says that it has {header} bytes")
    found.urgent = d.number(offset + 18, 2)
    if length < 0:
        raise Wrong(f"the TCP header says {header} bytes, and {max(left, 0)} are there")
    body = d.data[offset + 20 : offset + header]
    if body:
        found.options = tcp_options(body)
    if len(body) < header - 20:
        raise Short
    frame.payload = offset + header
    if length > 2 and (source == 53 or destination == 53):
        _dns_over_tcp(d, offset + header, length)
    return None


def _dns_over_tcp(d: Dissection, offset: int, length: int) -> None:
    """A message that begins with this segment; the flow table puts longer ones together."""
    head = d.data[offset : offset + 2]
    size = int.from_bytes(head, "big")
    if len(head) == 2 and 12 <= size <= length - 2:
        d.frame.dns = dns.parse(d.data[offset + 2 : offset + 2 + size])


def udp(d: Dissection, offset: int, left: int) -> Next:
    source, destination, length = d.unpack(_UDP, offset)
    frame = d.frame
    frame.udp = found = Udp(source, destination, length)
    frame.payload = offset + 8
    if 0 < length < 8:
        raise Wrong(f"the UDP header says {length} bytes in all")
    size = (min(length, left) if length else left) - 8
    if destination in TUNNEL_PORTS:
        carried = over_udp(d, found, offset + 8, size)
        if carried is not None:
            return carried
    if is_dns_port(source) or is_dns_port(destination):
        frame.dns = dns.parse(d.data[offset + 8 : offset + max(length or left, 8)])
    elif d.data[offset + 9 : offset + 12] == b"\0\0\0":
        ports = source in WIREGUARD_PORTS or destination in WIREGUARD_PORTS
        frame.wireguard = _wireguard(d.data[offset + 8 : offset + 12], size, ports)
    return None


def _wireguard(head: bytes, size: int, well_known: bool) -> str:
    """Handshakes show by type and size on any port; data only on those that WireGuard has."""
    if well_known and head == WIREGUARD_DATA and size >= 32 and size % 16 == 0:
        return "keepalive" if size == 32 else "data"
    return WIREGUARD_HANDSHAKE.get((head, size), "")


# --- ICMP


def icmp(d: Dissection, offset: int, left: int) -> Next:
    found = _icmp(d, offset, 4)
    high, low = d.unpack(_WORDS, offset + 4)
    if found.type in ICMP_ECHO:
        found.identifier, found.sequence = high, low
    elif found.type in ICMP_ERRORS:
        if (found.type, found.code) == FRAGMENTATION_NEEDED:
            found.mtu = low
        if found.type == REDIRECT:
            found.gateway = address_text(d.octets(offset + 4, 4))
        found.quoted = _quoted(d, offset + 8, left - 8)
    return None


def icmp6(d: Dissection, offset: int, left: int) -> Next:
    found = _icmp(d, offset, 6)
    high, low = d.unpack(_WORDS, offset + 4)
    if found.type in ICMP6_ECHO:
        found.identifier, found.sequence = high, low
    elif found.type in ICMP6_ERRORS:
        if found.type == PACKET_TOO_BIG:
            found.mtu = high << 16 | low
        found.quoted = _quoted(d, offset + 8, left - 8)
    elif found.type in NEIGHBOUR_DISCOVERY:
        target = d.data[offset + 8 : offset + 24]
        found.target = address_text(target) if len(target) == 16 else ""
    return None


def _icmp(d: Dissection, offset: int, version: int) -> Icmp:
    kind, code = d.unpack(_ICMP, offset)
    d.frame.icmp = found = Icmp(version, kind, code)
    d.frame.payload = offset + 8
    return found


def _quoted(d: Dissection, offset: int, left: int) -> Quoted | None:
    """The packet inside an ICMP error, as far as it is there; its own oddities are not this
    packet's. What it carries in a tunnel is not looked at: the quote is short."""
    inner = Dissection(Frame(), d.data, max_tunnels=0)
    step: Next = "raw", offset, left
    with contextlib.suppress(Short, Wrong):
        while step is not None and step[0] in network_layers.LAYERS:
            step = network_layers.LAYERS[step[0]](inner, step[1], step[2])
    ip = inner.frame.ip
    if ip is None:
        return None
    found = Quoted(ip.source, ip.destination, ip.protocol)
    start = inner.frame.transport or len(d.data)
    head = d.data[start : start + 8]  # RFC 792 promises no more than these
    if ip.protocol in (TCP, UDP) and not ip.fragment_offset and len(head) >= 4:
        found.source_port, found.destination_port = _WORDS.unpack_from(head)
        if ip.protocol == TCP and len(head) == 8:
            found.sequence = int.from_bytes(head[4:], "big")
    return found


LAYERS: dict[str, Layer] = {"tcp": tcp, "udp": udp, "icmp": icmp, "icmp6": icmp6}
