"""What a packet holds, layer by layer: plain values, as its headers give them. Addresses are text,
times are not here.

A field that the packet is too short for is None (or the layer is None), and `problem` says so.
"""

from __future__ import annotations

from dataclasses import field
from functools import cache

from collectors.capture.header_values import (
    ACK as ACK,
    AHEAD as AHEAD,
    FIN as FIN,
    ICMP as ICMP,
    ICMP6 as ICMP6,
    MASK as MASK,
    RST as RST,
    SYN as SYN,
    TCP as TCP,
    UDP as UDP,
)
from collectors.frozen import slotted

FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "NS")
PROTOCOL_NAMES = {
    1: "ICMP",
    2: "IGMP",
    4: "IP-in-IP",
    6: "TCP",
    17: "UDP",
    41: "IPv6-in-IP",
    47: "GRE",
    50: "ESP",
    51: "AH",
    58: "ICMPv6",
    89: "OSPF",
    103: "PIM",
    112: "VRRP",
    132: "SCTP",
}


@slotted
class Ip:
    """RFC 791 and 8200. `length` is of header and payload; `protocol` is the transport's, behind
    any extension header of IPv6."""

    version: int
    source: str
    destination: str
    protocol: int
    ttl: int
    length: int
    traffic_class: int = 0
    identification: int | None = None
    dont_fragment: bool = False
    more_fragments: bool = False
    fragment_offset: int = 0  # bytes
    options: int = 0  # bytes of options or extension headers

    @property
    def fragment(self) -> bool:
        return self.more_fragments or self.fragment_offset > 0


@slotted
class TcpOptions:
    """RFC 9293, 7323, 2018. `sack` are (left, right) edges."""

    mss: int | None = None
    window_scale: int | None = None
    sack_permitted: bool = False
    sack: tuple[tuple[int, int], ...] = ()
    timestamp: tuple[int, int] | None = None  # value, echo reply


@slotted
class Tcp:
    """`length` is of the payload on the wire; `window` as sent, not scaled."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgment: int
    flags: int
    window: int
    length: int
    urgent: int = 0
    options: TcpOptions = field(default_factory=TcpOptions)


@slotted
class Udp:
    """`length` is of header and payload, as the header says."""

    source_port: int
    destination_port: int
    length: int


@slotted
class Quoted:
    """The packet that an ICMP error quotes, as far as it is quoted."""

    source: str
    destination: str
    protocol: int
    source_port: int | None = None
    destination_port: int | None = None
    sequence: int | None = None


@slotted
class Icmp:
    """RFC 792, 4443. `mtu` of fragmentation needed and of packet too big."""

    version: int
    type: int
    code: int
    identifier: int | None = None
    sequence: int | None = None
    mtu: int | None = None
    gateway: str = ""
    target: str = ""  # of neighbour solicitations and advertisements
    quoted: Quoted | None = None


@slotted
class Arp:
    """RFC 826 for IPv4 over Ethernet."""

    operation: int
    sender_mac: str
    sender: str
    target_mac: str
    target: str


@slotted
class Question:
    name: str
    type: str


@slotted
class Record:
    name: str
    type: str
    ttl: int
    data: str


@slotted
class Dns:
    """RFC 1035. `answers` holds at most a bounded number; the counts are the header's."""

    id: int
    response: bool
    opcode: int
    rcode: int
    authoritative: bool
    truncated: bool
    recursion_desired: bool
    recursion_available: bool
    counts: tuple[int, int, int, int]  # questions, answers, authority, additional
    questions: tuple[Question, ...] = ()
    answers: tuple[Record, ...] = ()
    problem: str = ""


COOKED = ("SLL", "SLL2")


@slotted
class Frame:
    """A packet. `outer` are the IP headers around the innermost, outermost first; `tunnels` what is
    between them."""

    link: str = ""
    direction: str = ""  # of cooked captures: In, Out, B, M, P
    interface: int = 0  # of cooked v2: the interface's index
    source_mac: str = ""  # of the innermost Ethernet header
    destination_mac: str = ""
    outer_macs: list[tuple[str, str]] = field(
        default_factory=list
    )  # source and target of those around it
    ethertype: int | None = None
    vlans: tuple[int, ...] = ()
    outer: list[Ip] = field(default_factory=list)
    outer_udp: list[Udp] = field(default_factory=list)
    tunnels: list[str] = field(default_factory=list)
    vni: int | None = None
    mpls: tuple[int, ...] = ()  # labels, outermost first
    ip: Ip | None = None
    tcp: Tcp | None = None
    udp: Udp | None = None
    icmp: Icmp | None = None
    arp: Arp | None = None
    dns: Dns | None = None
    wireguard: str = ""  # which of its messages a datagram is
    transport: int = 0  # offset of the TCP or UDP header
    payload: int = 0  # offset of what follows the last header that was read
    problem: str = ""

    @property
    def network(self) -> int:
        """Separates networks that share a wire: VNI and the two innermost VLANs; 0 for none. A
        capture of all interfaces (cooked) sees a packet inside its tunnel and out of it: there it
        is 0."""
        if self.link in COOKED:
            return 0
        vlan = self.vlans[-1] if self.vlans else 0
        service = self.vlans[-2] if len(self.vlans) > 1 else 0
        return (0 if self.vni is None else self.vni + 1) | vlan << 25 | service << 37

    @property
    def protocol(self) -> str:
        """The innermost protocol that was understood."""
        if self.dns is not None:
            return "DNS"
        if self.wireguard:
            return "WireGuard"
        for name, layer in (("TCP", self.tcp), ("UDP", self.udp), ("ARP", self.arp)):
            if layer is not None:
                return name
        if self.icmp is not None:
            return "ICMP" if self.icmp.version == 4 else "ICMPv6"
        if self.ip is not None:
            return PROTOCOL_NAMES.get(self.ip.protocol, "IP" if self.ip.version == 4 else "IPv6")
        return self.link or "link"

    @property
    def ports(self) -> tuple[int, int] | None:
        layer = self.tcp or self.udp
        return (layer.source_port, layer.destination_port) if layer is not None else None


@cache
def flag_names(flags: int) -> str:
    """`SYN,ACK`."""
    return ",".join(name for bit, name in enumerate(FLAG_NAMES) if flags >> bit & 1)
