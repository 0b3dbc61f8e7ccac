"""Ethernet and what may follow an Ethernet type: VLAN tags, LLC and SNAP, ARP, MPLS, PPPoE, NSH.

IEEE 802.3, 802.1Q, 802.2; RFC 826 (ARP), 1042 (SNAP), 3032 (MPLS), 4385 (pseudowires), 1661 and
2516 (PPP, PPPoE), 8300 (NSH).
"""

from __future__ import annotations

from ipaddress import IPv4Address
from struct import Struct

from collectors.capture.dissection import Dissection, Layer, Next, Wrong
from collectors.capture.layers import Arp

IPV4, IPV6, ARP_TYPE, BRIDGED = 0x0800, 0x86DD, 0x0806, 0x6558
LARGEST_802_3 = 1500
MAX_TAGS = 16  # VLAN tags, MPLS labels
ATM = 19  # hardware type of ARP whose layout is another (RFC 2225)
SNAP_ETHERTYPE, SNAP_TUNNEL, SNAP_BRIDGED = b"\0\0\0", b"\0\0\xf8", b"\0\x80\xc2"
NLPID_SNAP, NLPID_IPV4, NLPID_IPV6 = 0x80, 0xCC, 0x8E

_TYPE = Struct("!H")
_TAG = Struct("!HH")
_ARP = Struct("!HHBBH")
_PPPOE = Struct("!BBHH")

BY_ETHERTYPE = {
    IPV4: "ipv4",
    IPV6: "ipv6",
    ARP_TYPE: "arp",
    0x8035: "arp",  # RARP
    0x8100: "vlan",
    0x88A8: "vlan",
    0x9100: "vlan",
    0x9200: "vlan",
    BRIDGED: "ethernet",
    0x8847: "mpls",
    0x8848: "mpls",
    0x8864: "pppoe",
    0x880B: "ppp",
    0x88E7: "backbone",
    0x894F: "nsh",
    0x8926: "vn_tag",
}
BY_PPP_PROTOCOL = {
    0x0021: "ipv4",
    0x0057: "ipv6",
    0x0031: "bridged_ppp",
    0x0281: "mpls",
    0x0283: "mpls",
}
BY_NLPID = {NLPID_IPV4: "ipv4", NLPID_IPV6: "ipv6", NLPID_SNAP: "snap"}
BY_NSH_PROTOCOL = {1: "ipv4", 2: "ipv6", 3: "ethernet", 4: "nsh", 5: "mpls"}


def ethernet(d: Dissection, offset: int, left: int) -> Next:
    (kind,) = d.unpack(_TYPE, offset + 12)
    frame = d.frame
    if frame.source_mac:
        frame.outer_macs.append((frame.source_mac, frame.destination_mac))
    frame.destination_mac = d.data[offset : offset + 6].hex(":")
    frame.source_mac = d.data[offset + 6 : offset + 12].hex(":")
    return by_type_or_length(d, kind, offset + 14, left - 14)


def by_type_or_length(d: Dissection, kind: int, offset: int, left: int) -> Next:
    """Where a number up to 1500 is a length: LLC follows."""
    if kind <= LARGEST_802_3:
        d.frame.ethertype = None
        return "llc", offset, min(left, kind)
    return by_ethertype(d, kind, offset, left)


def by_ethertype(d: Dissection, kind: int, offset: int, left: int) -> Next:
    d.frame.ethertype = kind
    d.frame.payload = offset
    layer = BY_ETHERTYPE.get(kind)
    return None if layer is None else (layer, offset, left)


def vlan(d: Dissection, offset: int, left: int) -> Next:
    tag, kind = d.unpack(_TAG, offset)
    frame = d.frame
    if len(frame.vlans) >= MAX_TAGS:
        raise Wrong("too many VLAN tags")
    frame.vlans = (*frame.vlans, tag & 0x0FFF)
    if frame.source_mac:
        return by_type_or_length(d, kind, offset + 4, left - 4)
    return by_ethertype(d, kind, offset + 4, left - 4)


def vn_tag(d: Dissection, offset: int, left: int) -> Next:
    """IEEE 802.1BR's predecessor between a switch and its virtual interfaces."""
    (kind,) = d.unpack(_TYPE, offset + 4)
    return by_ethertype(d, kind, offset + 6, left - 6)


def backbone(d: Dissection, offset: int, left: int) -> Next:
    """IEEE 802.1ah: a service tag of four bytes, behind it the customer's frame."""
    d.enter_tunnel("802.1ah")
    return "ethernet", offset + 4, left - 4


# --- LLC


def llc(d: Dissection, offset: int, left: int) -> Next:
    """Logical link control; what is no network layer (spanning tree and its like) is left alone."""
    d.frame.payload = offset
    head = d.octets(offset, 3)
    if head == b"\xaa\xaa\x03":
        return "snap", offset + 3, left - 3
    if head == b"\xfe\xfe\x03":
        return "nlpid", offset + 3, left - 3
    if head == b"\x06\x06\x03":
        return "ipv4", offset + 3, left - 3
    return None


def snap(d: Dissection, offset: int, left: int) -> Next:
    organization, kind = d.octets(offset, 3), d.number(offset + 3, 2)
    if organization in (SNAP_ETHERTYPE, SNAP_TUNNEL):
        return by_ethertype(d, kind, offset + 5, left - 5)
    if organization == SNAP_BRIDGED and kind in (1, 7):  # 802.3 with and without its checksum
        start = 7 if d.frame.link == "ATM" else 5  # RFC 2684 pads
        return "ethernet", offset + start, left - start
    return None


def nlpid(d: Dissection, offset: int, left: int) -> Next:
    """Network layer protocol identifier (ISO 9577), behind the padding that aligns it."""
    if d.octet(offset) == 0:
        offset, left = offset + 1, left - 1
    d.frame.payload = offset + 1
    layer = BY_NLPID.get(d.octet(offset))
    return None if layer is None else (layer, offset + 1, left - 1)


# --- ARP


def arp(d: Dissection, offset: int, left: int) -> Next:
    hardware, protocol, size, address, operation = d.unpack(_ARP, offset)
    if (protocol, address) != (IPV4, 4) or hardware == ATM:
        raise Wrong("ARP is not for IPv4")
    body = d.octets(offset + 8, 2 * size + 8)
    d.frame.arp = Arp(
        operation=operation,
        sender_mac=body[:size].hex(":"),
        sender=str(IPv4Address(body[size : size + 4])),
        target_mac=body[size + 4 : 2 * size + 4].hex(":"),
        target=str(IPv4Address(body[2 * size + 4 :])),
    )
    d.frame.payload = offset + 16 + 2 * size
    return None


# --- MPLS, PPP, NSH


def mpls(d: Dissection, offset: int, left: int) -> Next:
    """A stack of labels. What follows does not say what it is: an IP header shows by its version;
    anything else is an Ethernet pseudowire, with a control word (RFC 4385) or without."""
    d.enter_tunnel("MPLS")
    labels: list[int] = []
    bottom = False
    while not bottom:
        entry = d.number(offset, 4)
        if len(labels) >= MAX_TAGS:
            raise Wrong("too many MPLS labels")
        labels.append(entry >> 12)
        bottom = bool(entry & 0x100)
        offset, left = offset + 4, left - 4
    d.frame.mpls = (*d.frame.mpls, *labels)
    d.frame.payload = offset
    version = d.octet(offset) >> 4
    if version in (4, 6):
        return "raw", offset, left
    if version == 1:
        return None  # an associated channel: the tunnel's own business
    if version == 0 and d.number(offset, 4) <= 0xFFFF:
        offset, left = offset + 4, left - 4
    return "ethernet", offset, left


def pppoe(d: Dissection, offset: int, left: int) -> Next:
    version, code, _, length = d.unpack(_PPPOE, offset)
    if version != 0x11:
        raise Wrong(f"PPPoE version {version >> 4} type {version & 15} is not known")
    d.enter_tunnel("PPPoE")
    d.frame.payload = offset + 6
    return ("ppp", offset + 6, min(left - 6, length)) if code == 0 else None


def ppp(d: Dissection, offset: int, left: int) -> Next:
    """With or without address and control field; the protocol may be compressed to one byte."""
    start = offset
    if d.octets(offset, 2) == b"\xff\x03":
        offset += 2
    if d.octet(offset) & 1:
        protocol, offset = d.octet(offset), offset + 1
    else:
        protocol, offset = d.number(offset, 2), offset + 2
    d.frame.payload = offset
    layer = BY_PPP_PROTOCOL.get(protocol)
    return None if layer is None else (layer, offset, left - (offset - start))


def bridged_ppp(d: Dissection, offset: int, left: int) -> Next:
    """RFC 3518: flags, the type of medium (1: Ethernet), and padding where a flag says so."""
    flags, medium = d.octets(offset, 2)
    return ("ethernet", offset + 2, left - 2) if medium == 1 and not flags & 0x0F else None


def nsh(d: Dissection, offset: int, left: int) -> Next:
    head = d.octets(offset, 4)
    size = (head[1] & 0x3F) * 4
    if size < 8:
        raise Wrong(f"the NSH header says that it has {size} bytes")
    d.enter_tunnel("NSH")
    layer = BY_NSH_PROTOCOL.get(head[3])
    return None if layer is None else (layer, offset + size, left - size)


LAYERS: dict[str, Layer] = {
    "ethernet": ethernet,
    "vlan": vlan,
    "vn_tag": vn_tag,
    "backbone": backbone,
    "llc": llc,
    "snap": snap,
    "nlpid": nlpid,
    "arp": arp,
    "mpls": mpls,
    "pppoe": pppoe,
    "ppp": ppp,
    "bridged_ppp": bridged_ppp,
    "nsh": nsh,
}
