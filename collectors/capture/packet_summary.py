"""A packet on one line, in tcpdump's manner, with names in place of addresses. Text is safe to
show."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from collectors.capture.dns_names import NXDOMAIN, code_name
from collectors.capture.layers import (
    ACK,
    FIN,
    RST,
    SYN,
    TCP,
    UDP,
    Arp,
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
    """Whether a packet deserves a look by itself: a reset, an empty window, an ICMP error, a DNS
    failure."""
    if frame.tcp is not None:
        flags = frame.tcp.flags
        return bool(flags & RST) or (frame.tcp.window == 0 and not flags & (SYN | FIN | RST))
    if frame.icmp is not None:
        return frame.icmp.type in ((3, 4, 5, 11, 12) if frame.icmp.version == 4 else (1, 2, 3, 4))
    if frame.dns is not None:
        return frame.dns.response and frame.dns.rcode not in (0, NXDOMAIN)
    return bool(frame.problem) and not frame.problem.startswith("cut short")


def line(frame: Frame, length: int, names: Mapping[str, str]) -> str:
    """`length` is the packet's on the wire."""
    tunnel = _tunnels(frame)
    vlan = f"vlan {'.'.join(map(str, frame.vlans))} " if frame.vlans else ""
    problem = f" [{sanitize(frame.problem)}]" if frame.problem else ""
    if frame.arp is not None:
        return f"{vlan}ARP {_arp(frame.arp)}"
    if frame.ip is None:
        kind = f", ethertype 0x{frame.ethertype:04x}" if frame.ethertype is not None else ""
        return f"{vlan}{frame.link}{kind}, {length} bytes{problem}"
    ports = frame.ports or (None, None)
    ends = (
        f"{_end(frame.ip.source, ports[0], names)} > {_end(frame.ip.destination, ports[1], names)}"
    )
    version = "IP" if frame.ip.version == 4 else "IP6"
    return f"{vlan}{tunnel}{version} {ends}: {_info(frame, frame.ip)}{problem}"


def _arp(arp: Arp) -> str:
    if arp.operation == 1:
        return f"who-has {arp.target}, asked by {arp.sender}"
    if arp.operation == 2:
        return f"{arp.sender} is-at {arp.sender_mac}"
    return f"operation {arp.operation}"


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
        size = max(ip.length - 20, 0)
        return f"fragment at {ip.fragment_offset}{more}, {size} bytes, {frame.protocol}"
    if frame.udp is not None:
        kind = f"WireGuard {frame.wireguard}" if frame.wireguard else "UDP"
        return f"{kind}, length {max(frame.udp.length - 8, 0)}"
    return f"{frame.protocol} (protocol {ip.protocol}), length {ip.length}"


@cache
def _flag_letters(flags: int) -> str:
    return "".join(letter for bit, letter in _TCP_FLAGS if flags & bit) or "none"


def _tcp(tcp: Tcp) -> str:
    parts = [f"Flags [{_flag_letters(tcp.flags)}]"]
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
        return f"ICMP echo {_echo(icmp, request=8)}"
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
        return f"ICMP6 echo {_echo(icmp, request=128)}"
    if icmp.type in _NEIGHBOUR:
        return f"ICMP6 {_NEIGHBOUR[icmp.type]}{f', {icmp.target}' if icmp.target else ''}"
    return f"ICMP6 type {icmp.type} code {icmp.code}"


def _echo(icmp: Icmp, request: int) -> str:
    kind = "request" if icmp.type == request else "reply"
    return f"{kind}, id {icmp.identifier}, seq {icmp.sequence}"


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
    cut = f" [{message.problem}]" if message.problem else ""
    if message.response:
        return f"DNS {message.id}{_dns_response(message)}{cut}"
    recursion = "+" if message.recursion_desired else ""
    asked = "".join(f" {q.type}? {_absolute(q.name)}" for q in message.questions[:1])
    return f"DNS {message.id}{recursion}{asked}{cut}"


def _dns_response(message: Dns) -> str:
    outcome = "" if message.rcode == 0 else f" {code_name(message.rcode)}"
    counts = "/".join(map(str, message.counts[1:]))
    truncated = " truncated" if message.truncated else ""
    shown = [f"{record.type} {record.data}".rstrip() for record in message.answers[:ANSWERS_SHOWN]]
    records = f" {', '.join(shown)}" if shown else ""
    more = ", …" if message.counts[1] > len(shown) > 0 else ""
    about = "".join(f" for {q.type} {_absolute(q.name)}" for q in message.questions[:1])
    return f"{outcome} {counts}{truncated}{records}{more}{about}"


def _absolute(name: str) -> str:
    return name if name.endswith(".") else f"{name}."
