"""A packet on one line, in tcpdump's manner, with names in place of addresses. Text is safe to show."""

from __future__ import annotations

from collections.abc import Mapping

from collectors.capture import dns
from collectors.capture.layers import (
    ACK,
    FIN,
    RST,
    SYN,
    TCP,
    UDP,
    Dns,
    Frame,
    Icmp,
    Ip,
    Quoted,
    Tcp,
)
from collectors.sanitize import sanitize

_TCP_FLAGS = (
    (0x02, "S"),
    (0x01, "F"),
    (0x04, "R"),
    (0x08, "P"),
    (0x20, "U"),
    (0x40, "E"),
    (0x80, "W"),
    (0x10, "."),
)
UNREACHABLE = {
    0: "net",
    1: "host",
    2: "protocol",
    3: "port",
    4: "need to frag",
    5: "source route",
    6: "net unknown",
    7: "host unknown",
    9: "net prohibited",
    10: "host prohibited",
    11: "net TOS",
    12: "host TOS",
    13: "admin prohibited",
    14: "precedence",
}
UNREACHABLE6 = {
    0: "no route",
    1: "admin prohibited",
    2: "beyond scope",
    3: "address",
    4: "port",
    5: "policy",
    6: "reject route",
}
_NEIGHBOUR = {
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbor solicitation",
    136: "neighbor advertisement",
    137: "redirect",
}
ANSWERS_SHOWN = 3
WITH_VNI = ("VXLAN", "VXLAN-GPE", "Geneve")


def bad(frame: Frame) -> bool:
    """Whether a packet deserves a look by itself: a reset, an empty window, an ICMP error, a DNS failure."""
    if frame.tcp is not None:
        flags = frame.tcp.flags
        return bool(flags & RST) or (frame.tcp.window == 0 and not flags & (SYN | FIN | RST))
    if frame.icmp is not None:
        return frame.icmp.type in ((3, 4, 5, 11, 12) if frame.icmp.version == 4 else (1, 2, 3, 4))
    if frame.dns is not None:
        return frame.dns.response and frame.dns.rcode not in (0, dns.NXDOMAIN)
    return bool(frame.problem) and not frame.problem.startswith("cut short")


def line(frame: Frame, length: int, names: Mapping[str, str]) -> str:
    """`length` is the packet's on the wire."""
    tunnel = _tunnels(frame)
    vlan = f"vlan {'.'.join(map(str, frame.vlans))} " if frame.vlans else ""
    problem = f" [{sanitize(frame.problem)}]" if frame.problem else ""
    if frame.arp is not None:
        arp = frame.arp
        who = (
            f"who-has {arp.target} tell {arp.sender}"
            if arp.operation == 1
            else f"{arp.sender} is-at {arp.sender_mac}"
        )
        return f"{vlan}ARP {who if arp.operation in (1, 2) else f'operation {arp.operation}'}"
    if frame.ip is None:
        kind = f", ethertype 0x{frame.ethertype:04x}" if frame.ethertype is not None else ""
        return f"{vlan}{frame.link}{kind}, {length} bytes{problem}"
    ports = frame.ports or (None, None)
    ends = (
        f"{_end(frame.ip.source, ports[0], names)} > {_end(frame.ip.destination, ports[1], names)}"
    )
    return f"{vlan}{tunnel}{'IP' if frame.ip.version == 4 else 'IP6'} {ends}: {_info(frame, frame.ip)}{problem}"


def _tunnels(frame: Frame) -> str:
    """`VXLAN vni 42 `, `MPLS 100/200 `: from the outermost."""
    parts = []
    vni = frame.vni
    for name in frame.tunnels:
        parts.append(name)
        if name == "MPLS":
            parts.append("/".join(map(str, frame.mpls)))
        elif vni is not None and name in WITH_VNI:
            parts.append(f"vni {vni}")
            vni = None
    return "".join(f"{part} " for part in parts)


def _end(address: str, port: int | None, names: Mapping[str, str]) -> str:
    shown = names.get(address, address)
    return shown if port is None else f"{shown}.{port}"


def _info(frame: Frame, ip: Ip) -> str:
    if frame.dns is not None:
        return dns_info(frame.dns)
    if frame.tcp is not None:
        return _tcp(frame.tcp)
    if frame.icmp is not None:
        return icmp_info(frame.icmp)
    if ip.fragment_offset:
        more = "+" if ip.more_fragments else ""
        return f"fragment at {ip.fragment_offset}{more}, {max(ip.length - 20, 0)} bytes, {frame.protocol}"
    if frame.udp is not None:
        kind = f"WireGuard {frame.wireguard}" if frame.wireguard else "UDP"
        return f"{kind}, length {max(frame.udp.length - 8, 0)}"
    return f"{frame.protocol} (protocol {ip.protocol}), length {ip.length}"


def _tcp(tcp: Tcp) -> str:
    flags = "".join(letter for bit, letter in _TCP_FLAGS if tcp.flags & bit) or "none"
    parts = [f"Flags [{flags}]"]
    if tcp.length:
        parts.append(f"seq {tcp.sequence}:{(tcp.sequence + tcp.length) & 0xFFFFFFFF}")
    elif tcp.flags & (SYN | FIN | RST):
        parts.append(f"seq {tcp.sequence}")
    if tcp.flags & ACK:
        parts.append(f"ack {tcp.acknowledgment}")
    parts.append(f"win {tcp.window}")
    options = tcp.options
    if options.mss is not None:
        parts.append(f"mss {options.mss}")
    if options.sack:
        parts.append("sack " + " ".join(f"{left}:{right}" for left, right in options.sack))
    return ", ".join([*parts, f"length {tcp.length}"])


def icmp_info(icmp: Icmp) -> str:
    if icmp.version == 6:
        return _icmp6(icmp)
    if icmp.type in (0, 8):
        return f"ICMP echo {'request' if icmp.type == 8 else 'reply'}, id {icmp.identifier}, seq {icmp.sequence}"
    about = _quoted(icmp.quoted)
    if icmp.type == 3:
        what = UNREACHABLE.get(icmp.code, f"code {icmp.code}")
        mtu = f" (mtu {icmp.mtu})" if icmp.mtu is not None else ""
        results = about if icmp.code == 3 and " port " in about else f"{about} {what}"
        return f"ICMP {results} unreachable{mtu}"
    if icmp.type == 11:
        return f"ICMP time exceeded for {about}" + (" (reassembly)" if icmp.code else "")
    if icmp.type == 5:
        return f"ICMP redirect to {icmp.gateway} for {about}"
    return f"ICMP type {icmp.type} code {icmp.code}"


def _icmp6(icmp: Icmp) -> str:
    about = _quoted(icmp.quoted)
    if icmp.type == 1:
        return f"ICMP6 {about} unreachable, {UNREACHABLE6.get(icmp.code, f'code {icmp.code}')}"
    if icmp.type == 2:
        return f"ICMP6 packet too big for {about}, mtu {icmp.mtu}"
    if icmp.type == 3:
        return f"ICMP6 time exceeded for {about}"
    if icmp.type in (128, 129):
        return f"ICMP6 echo {'request' if icmp.type == 128 else 'reply'}, id {icmp.identifier}, seq {icmp.sequence}"
    if icmp.type in _NEIGHBOUR:
        return f"ICMP6 {_NEIGHBOUR[icmp.type]}{f', {icmp.target}' if icmp.target else ''}"
    return f"ICMP6 type {icmp.type} code {icmp.code}"


def _quoted(quoted: Quoted | None) -> str:
    if quoted is None:
        return "?"
    name = {TCP: "tcp", UDP: "udp"}.get(quoted.protocol)
    return (
        f"{quoted.destination} {name} port {quoted.destination_port}"
        if name and quoted.destination_port is not None
        else quoted.destination
    )


def dns_info(message: Dns) -> str:
    """`DNS 24031+ A? backend.shop.` or `DNS 24031 NXDOMAIN 0/1/0 for A backend.shop.`."""
    question = message.questions[0] if message.questions else None
    name = (
        ""
        if question is None
        else question.name
        if question.name.endswith(".")
        else f"{question.name}."
    )
    cut = f" [{message.problem}]" if message.problem else ""
    if not message.response:
        asked = f" {question.type}? {name}" if question is not None else ""
        return f"DNS {message.id}{'+' if message.recursion_desired else ''}{asked}{cut}"
    outcome = "" if message.rcode == 0 else f" {dns.code_name(message.rcode)}"
    counts = "/".join(map(str, message.counts[1:]))
    shown = [f"{r.type} {r.data}".rstrip() for r in message.answers[:ANSWERS_SHOWN]]
    records = f" {', '.join(shown)}" if shown else ""
    more = ", …" if message.counts[1] > len(shown) > 0 else ""
    about = f" for {question.type} {name}" if question is not None else ""
    return f"DNS {message.id}{outcome} {counts}{' truncated' if message.truncated else ''}{records}{more}{about}{cut}"
