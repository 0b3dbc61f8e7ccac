"""The outermost header of a captured frame, by the link type of its capture (the LINKTYPE_ values
of tcpdump.org/linktypes.html): what each is called, and the function that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from collectors.capture.dissection import Dissection, Layer, Next, Wrong
from collectors.capture.ethertypes import by_ethertype
from collectors.capture.header_values import (
    ETHERNET as ETHERNET,
    IPV4_ONLY,
    IPV6_ONLY,
    LINUX_SLL as LINUX_SLL,
    LINUX_SLL2 as LINUX_SLL2,
    OUTGOING as OUTGOING,
    RAW_TYPES as RAW_TYPES,
)

NULL, LOOP = 0, 108
COOKED = (LINUX_SLL, LINUX_SLL2)
PACKET_TYPES = {0: "In", 1: "B", 2: "M", 3: "P", OUTGOING: "Out"}  # of cooked captures
# address families: Linux; Windows, NetBSD, FreeBSD, Darwin; Solaris
AF_INET, AF_INET6 = (2,), (10, 23, 24, 28, 30, 26)
ARCNET_OLD = {240: "ipv4", 241: "arp"}  # RFC 1051: no fragments, a shorter header
ARCNET = {212: "ipv4", 213: "arp", 196: "ipv6", 205: "ipv6"}  # RFC 1201
CISCO_HDLC = (0x0F, 0x8F)  # unicast, multicast: no PPP frame begins with these
SLARP = 0x8035  # Cisco's keep-alives; RARP elsewhere
NFLOG_HEADER, NFLOG_PAYLOAD = 1, 9  # NFULA_PACKET_HDR, NFULA_PAYLOAD
LLC_TYPE = 0x0004  # in cooked captures: 802.2 follows
ERF_EXTENDED = 0x80
ERF = {1: "hdlc", 10: "hdlc", 15: "hdlc", 19: "hdlc", 22: "ipv4", 23: "ipv6"} | dict.fromkeys(
    (2, 11, 16, 20), "padded_ethernet"
)
ERF_AFTER_WORD = {4: "atm", 5: "hdlc", 17: "hdlc"}  # AAL5; HDLC of one of several channels

_SLL2 = Struct("!HxxIxxB")
_SLL = Struct("!H12xH")
_TYPE = Struct("!H")
_BIG, _LITTLE = Struct("!I"), Struct("<I")


def packet_type(linktype: int, data: bytes) -> int:
    """Of a frame of a COOKED link type; OUTGOING if this machine sent it."""
    if linktype == LINUX_SLL2:
        return int(_SLL2.unpack_from(data)[2])
    return int(_SLL.unpack_from(data)[0])


def cooked2(d: Dissection, offset: int, left: int) -> Next:
    frame = d.frame
    kind, frame.interface, packet_type = d.unpack(_SLL2, offset)
    frame.direction = PACKET_TYPES.get(packet_type, "")
    return _cooked(d, kind, offset + 20, left - 20)


def cooked(d: Dissection, offset: int, left: int) -> Next:
    packet_type, kind = d.unpack(_SLL, offset)
    d.frame.direction = PACKET_TYPES.get(packet_type, "")
    return _cooked(d, kind, offset + 16, left - 16)


def _cooked(d: Dissection, kind: int, offset: int, left: int) -> Next:
    if kind == LLC_TYPE:
        return "llc", offset, left
    return by_ethertype(d, kind, offset, left)


def loopback(d: Dissection, offset: int, left: int) -> Next:
    """The address family, in the byte order of the machine that captured (LOOP: big-endian)."""
    (family,) = d.unpack(_BIG, offset)
    if family & 0xFFFF0000:
        (family,) = d.unpack(_LITTLE, offset)
    return _by_family(d, family, offset + 4, left - 4)


def _by_family(d: Dissection, family: int, offset: int, left: int) -> Next:
    if family in AF_INET:
        return "ipv4", offset, left
    if family in AF_INET6:
        return "ipv6", offset, left
    raise Wrong(f"address family {family} is not IP")


def openbsd_enc(d: Dissection, offset: int, left: int) -> Next:
    """What IPsec carried: family, SPI and flags."""
    (family,) = d.unpack(_BIG, offset)
    if family & 0xFFFF0000:
        (family,) = d.unpack(_LITTLE, offset)
    return _by_family(d, family, offset + 12, left - 12)


def pflog(d: Dissection, offset: int, left: int) -> Next:
    size = d.octet(offset) + 3 & ~3
    return _by_family(d, d.octet(offset + 1), offset + size, left - size)


def ipnet(d: Dissection, offset: int, left: int) -> Next:
    """Solaris IP observability: version, family, and whose zones."""
    return _by_family(d, d.octet(offset + 1), offset + 24, left - 24)


# --- serial lines


def hdlc(d: Dissection, offset: int, left: int) -> Next:
    """Cisco's HDLC, or PPP in HDLC-like framing."""
    if d.octet(offset) in CISCO_HDLC:
        return cisco_hdlc(d, offset, left)
    return "ppp", offset, left


def cisco_hdlc(d: Dissection, offset: int, left: int) -> Next:
    (kind,) = d.unpack(_TYPE, offset + 2)
    if kind == SLARP:
        d.frame.ethertype, d.frame.payload = kind, offset + 4
        return None
    if kind == 0xFEFE:  # ISO: a third octet and the identifier of the network layer
        return "nlpid", offset + 5, left - 5
    return by_ethertype(d, kind, offset + 4, left - 4)


def frame_relay(d: Dissection, offset: int, left: int) -> Next:
    """An address of two to four octets (Q.922), the last marked; RFC 2427's or Cisco's framing."""
    size = 1
    while not d.octet(offset + size - 1) & 1:
        size += 1
        if size > 4:
            raise Wrong("the frame relay address has no end")
    offset, left = offset + size, left - size
    if d.octet(offset) == 0x03:
        return "nlpid", offset + 1, left - 1
    (kind,) = d.unpack(_TYPE, offset)
    return by_ethertype(d, kind, offset + 2, left - 2)


def directed_ppp(d: Dissection, offset: int, left: int) -> Next:
    return "ppp", offset + 1, left - 1


def directed_hdlc(d: Dissection, offset: int, left: int) -> Next:
    return cisco_hdlc(d, offset + 1, left - 1)


def directed_frame_relay(d: Dissection, offset: int, left: int) -> Next:
    return frame_relay(d, offset + 1, left - 1)


def pppd(d: Dissection, offset: int, left: int) -> Next:
    """PPP whose address octet is the direction instead: 0 received, 1 sent."""
    return "ppp", offset + 2, left - 2


def slip(d: Dissection, offset: int, left: int) -> Next:
    """A direction and the compressed header, 16 octets."""
    return "raw", offset + 16, left - 16


# --- other local networks


def arcnet(d: Dissection, offset: int, left: int) -> Next:
    return _arcnet(d, offset + 2, left - 2, exceptions=True)


def linux_arcnet(d: Dissection, offset: int, left: int) -> Next:
    """Two octets of fragment offset before the protocol."""
    return _arcnet(d, offset + 4, left - 4, exceptions=False)


def _arcnet(d: Dissection, offset: int, left: int, exceptions: bool) -> Next:
    """`offset` is that of the protocol. Only the first of several fragments is read."""
    protocol = d.octet(offset)
    if protocol in ARCNET_OLD:
        return ARCNET_OLD[protocol], offset + 1, left - 1
    flag = d.octet(offset + 1)
    size = 8 if exceptions and flag == 0xFF else 4
    if flag and not flag & 1 and flag != 0xFF:
        return None
    layer = ARCNET.get(protocol)
    d.frame.payload = offset + size
    return None if layer is None else (layer, offset + size, left - size)


def token_ring(d: Dissection, offset: int, left: int) -> Next:
    size = 14
    if d.octet(offset + 8) & 0x80:  # routing information follows the addresses
        size += d.octet(offset + 14) & 0x1F
    return "llc", offset + size, left - size


def fddi(d: Dissection, offset: int, left: int) -> Next:
    return "llc", offset + 13, left - 13


def fibre_channel(d: Dissection, offset: int, left: int) -> Next:
    return "llc", offset + 16, left - 16


def firewire(d: Dissection, offset: int, left: int) -> Next:
    (kind,) = d.unpack(_TYPE, offset + 16)
    return by_ethertype(d, kind, offset + 18, left - 18)


def infiniband(d: Dissection, offset: int, left: int) -> Next:
    """IP over InfiniBand: a global routing header, an Ethernet type, two reserved octets."""
    (kind,) = d.unpack(_TYPE, offset + 40)
    return by_ethertype(d, kind, offset + 44, left - 44)


def atm(d: Dissection, offset: int, left: int) -> Next:
    """Classical IP: LLC, or IP without anything before it."""
    if d.octets(offset, 3) in (b"\xaa\xaa\x03", b"\xfe\xfe\x03"):
        return "llc", offset, left
    return "raw", offset, left


# --- records around frames


def nflog(d: Dissection, offset: int, left: int) -> Next:
    """netfilter's log: attributes, one of which is the packet. Of families that are not IP, as a
    bridge's, another one says what the packet is."""
    family, ethertype = d.octet(offset), 0
    for kind, at, size in _attributes(d, offset + 4):
        if kind == NFLOG_HEADER:
            ethertype = d.number(at, 2)
        if kind == NFLOG_PAYLOAD:
            size = min(size, left - (at - offset))
            if ethertype and family not in AF_INET + AF_INET6:
                return by_ethertype(d, ethertype, at, size)
            return _by_family(d, family, at, size)
    return None


def _attributes(d: Dissection, at: int) -> Iterator[tuple[int, int, int]]:
    """Kind, offset and size of each value, in the byte order of the machine that captured."""
    while at + 4 <= len(d.data):
        head = d.octets(at, 4)
        little = bool(head[2])  # no attribute's type is above 255, none is 0
        size = int.from_bytes(head[:2], "little" if little else "big")
        if size < 4:
            raise Wrong(f"an attribute of NFLOG says that it has {size} bytes")
        yield (head[2] if little else head[3]), at + 4, size - 4
        at += size + 3 & ~3


def erf(d: Dissection, offset: int, left: int) -> Next:
    """Endace's records: a header of 16 octets, eight more for each extension."""
    kind, at = d.octet(offset + 8), offset + 16
    more = kind & ERF_EXTENDED
    while more:
        more = d.octet(at) & ERF_EXTENDED
        at += 8
    layer = ERF.get(kind & 0x7F)
    if kind & 0x7F in ERF_AFTER_WORD:
        layer, at = ERF_AFTER_WORD[kind & 0x7F], at + 4
    if layer is None:
        raise Wrong(f"an ERF record of type {kind & 0x7F} is not decoded")
    if layer == "padded_ethernet":
        return "ethernet", at + 2, left - (at + 2 - offset)
    return layer, at, left - (at - offset)


def per_packet_information(d: Dissection, offset: int, left: int) -> Next:
    size = int.from_bytes(d.octets(offset + 2, 2), "little")
    return _inner_link(d, offset, left, size, int.from_bytes(d.octets(offset + 4, 4), "little"))


def pktap(d: Dissection, offset: int, left: int) -> Next:
    """Apple's header of its own length, with the link type of what follows."""
    size = int.from_bytes(d.octets(offset, 4), "little")
    return _inner_link(d, offset, left, size, int.from_bytes(d.octets(offset + 8, 4), "little"))


def _inner_link(d: Dissection, offset: int, left: int, size: int, linktype: int) -> Next:
    if size < 8 or linktype in (PPI, PKTAP):
        raise Wrong(f"the header before the frame says {size} bytes, and link type {linktype}")
    return link(d, linktype, offset + size, left - size)


def link(d: Dissection, linktype: int, offset: int, left: int) -> Next:
    """The first layer of a frame; None where its link type is not decoded."""
    d.frame.link = link_name(linktype)
    known = LINKS.get(linktype)
    return None if known is None else (known[1], offset, left)


PPI, PKTAP = 192, 258
# link type: what it is called, the layer that reads it
LINKS: dict[int, tuple[str, str]] = {
    NULL: ("loopback", "loopback"),
    ETHERNET: ("Ethernet", "ethernet"),
    6: ("token ring", "token_ring"),
    7: ("ARCnet", "arcnet"),
    8: ("SLIP", "slip"),
    9: ("PPP", "ppp"),
    10: ("FDDI", "fddi"),
    12: ("raw IP", "raw"),
    14: ("raw IP", "raw"),
    19: ("ATM", "atm"),
    50: ("PPP", "hdlc"),
    51: ("PPPoE", "pppoe"),
    100: ("ATM", "llc"),
    101: ("raw IP", "raw"),
    104: ("Cisco HDLC", "hdlc"),
    106: ("ATM", "atm"),
    107: ("frame relay", "frame_relay"),
    LOOP: ("loopback", "loopback"),
    109: ("IPsec", "openbsd_enc"),
    LINUX_SLL: ("SLL", "cooked"),
    117: ("pflog", "pflog"),
    122: ("Fibre Channel", "fibre_channel"),
    129: ("ARCnet", "linux_arcnet"),
    138: ("FireWire", "firewire"),
    166: ("PPP", "pppd"),
    PPI: ("PPI", "per_packet_information"),
    197: ("ERF", "erf"),
    204: ("PPP", "directed_ppp"),
    205: ("Cisco HDLC", "directed_hdlc"),
    206: ("frame relay", "directed_frame_relay"),
    226: ("ipnet", "ipnet"),
    IPV4_ONLY: ("raw IP", "raw"),
    IPV6_ONLY: ("raw IP", "raw"),
    239: ("NFLOG", "nflog"),
    242: ("IPoIB", "infiniband"),
    PKTAP: ("PKTAP", "pktap"),
    LINUX_SLL2: ("SLL2", "cooked2"),
}
NOT_DECODED = {
    3: "AX.25",
    105: "IEEE 802.11",
    119: "IEEE 802.11 with Prism header",
    127: "IEEE 802.11 with radiotap header",
    163: "IEEE 802.11 with AVS header",
    143: "DOCSIS",
    147: "for private use",
    187: "Bluetooth",
    189: "USB",
    195: "IEEE 802.15.4",
    201: "Bluetooth",
    220: "USB",
    224: "Fibre Channel FC-2",
    227: "CAN",
    230: "IEEE 802.15.4",
    247: "InfiniBand",
    248: "SCTP",
    249: "USB",
    251: "Bluetooth",
    252: "Wireshark's exported PDUs",
    253: "netlink",
    254: "Bluetooth",
    272: "Nordic Bluetooth",
}
LAYERS: dict[str, Layer] = {
    "loopback": loopback,
    "token_ring": token_ring,
    "arcnet": arcnet,
    "slip": slip,
    "fddi": fddi,
    "atm": atm,
    "hdlc": hdlc,
    "frame_relay": frame_relay,
    "openbsd_enc": openbsd_enc,
    "cooked": cooked,
    "pflog": pflog,
    "fibre_channel": fibre_channel,
    "linux_arcnet": linux_arcnet,
    "firewire": firewire,
    "pppd": pppd,
    "per_packet_information": per_packet_information,
    "erf": erf,
    "directed_ppp": directed_ppp,
    "directed_hdlc": directed_hdlc,
    "directed_frame_relay": directed_frame_relay,
    "ipnet": ipnet,
    "nflog": nflog,
    "infiniband": infiniband,
    "pktap": pktap,
    "cooked2": cooked2,
}


def link_name(linktype: int) -> str:
    known = LINKS.get(linktype)
    if known is not None:
        return known[0]
    name = NOT_DECODED.get(linktype)
    return f"link type {linktype} ({name})" if name else f"link type {linktype}"
