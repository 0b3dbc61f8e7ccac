"""Packets and flows as JSON objects, for scripts and for comparison with other decoders;
docs/pcap.md has every field.

What a packet does not have is left out. Times are seconds since the epoch as text with nine
decimals, and nanoseconds as an integer; durations are milliseconds; sizes bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collectors.capture.analysis_flags import analysis_flag_names
from collectors.capture.dns_names import code_name
from collectors.capture.dns_transactions import DnsTransaction
from collectors.capture.flow_objects import (
    Object as Object,
    encoded as encoded,
    flow_object as flow_object,
    milliseconds,
    seconds as seconds,
)
from collectors.capture.layers import Dns, Frame, Icmp, Ip, Tcp, flag_names
from collectors.capture.network_layers import address_text
from collectors.capture.packet_summary import line
from collectors.packet import Packet

SURROUNDINGS = (
    "direction",
    "interface",
    "source_mac",
    "destination_mac",
    "outer_macs",
    "vlans",
    "tunnels",
    "mpls",
    "wireguard",
)


def packet_object(
    number: int, packet: Packet, frame: Frame, analysis: int = 0, flow: int = 0
) -> Object:
    """`number` counts from 1. `analysis` and `flow` as the flow table gave them."""
    found: Object = {
        "number": number,
        "time": seconds(packet.ns),
        "time_ns": packet.ns,
        "captured": len(packet.data),
        "length": packet.length,
        "protocol": frame.protocol,
        "link": frame.link,
    }
    found |= _link(frame)
    if frame.outer:
        found["outer"] = [ip_object(ip) for ip in frame.outer]
    if frame.outer_udp:
        found["outer_udp"] = [_flat(udp) for udp in frame.outer_udp]
    for name, as_object in LAYERS:
        layer = getattr(frame, name)
        if layer is not None:
            found[name] = as_object(layer)
    if analysis:
        found["analysis"] = analysis_flag_names(analysis)
    if flow:
        found["flow"] = flow
    if frame.problem:
        found["problem"] = frame.problem
    found["info"] = line(frame, packet.length, {})
    return found


def _link(frame: Frame) -> Object:
    """What surrounds the innermost IP header."""
    found: Object = {name: value for name in SURROUNDINGS if (value := getattr(frame, name))}
    if frame.vni is not None:
        found["vni"] = frame.vni
    if frame.ethertype is not None:
        found["ethertype"] = frame.ethertype
    return found


def ip_object(ip: Ip) -> Object:
    found: Object = {
        "version": ip.version,
        "source": ip.source,
        "destination": ip.destination,
        "protocol": ip.protocol,
        "ttl": ip.ttl,
        "length": ip.length,
        "traffic_class": ip.traffic_class,
    }
    if ip.identification is not None:
        found["identification"] = ip.identification
    if ip.version == 4:
        found["dont_fragment"] = ip.dont_fragment
    if ip.fragment:
        found |= {"more_fragments": ip.more_fragments, "fragment_offset": ip.fragment_offset}
    if ip.options:
        found["options_length"] = ip.options
    return found


def _tcp(tcp: Tcp) -> Object:
    found: Object = {
        "source_port": tcp.source_port,
        "destination_port": tcp.destination_port,
        "sequence": tcp.sequence,
        "acknowledgment": tcp.acknowledgment,
        "flags": tcp.flags,
        "flag_names": flag_names(tcp.flags),
        "window": tcp.window,
        "length": tcp.length,
    }
    if tcp.urgent:
        found["urgent"] = tcp.urgent
    options = tcp.options
    results: Object = {}
    if options.mss is not None:
        results["mss"] = options.mss
    if options.window_scale is not None:
        results["window_scale"] = options.window_scale
    if options.sack_permitted:
        results["sack_permitted"] = True
    if options.sack:
        results["sack"] = [list(edges) for edges in options.sack]
    if options.timestamp is not None:
        results["timestamp_value"], results["timestamp_echo"] = options.timestamp
    return found | {"options": results} if results else found


def _flat(layer: Any) -> Object:
    """The fields of a layer that holds no other: a quarter of the time of dataclasses.asdict."""
    return {name: getattr(layer, name) for name in layer.__slots__}


def _without_nothing(value: Object) -> Object:
    return {name: inner for name, inner in value.items() if inner not in (None, "")}


def _icmp(icmp: Icmp) -> Object:
    found = _without_nothing(_flat(icmp))
    if icmp.quoted is not None:
        found["quoted"] = _without_nothing(_flat(icmp.quoted))
    return found


def _dns(message: Dns) -> Object:
    found: Object = {
        "id": message.id,
        "response": message.response,
        "opcode": message.opcode,
        "truncated": message.truncated,
        "recursion_desired": message.recursion_desired,
        "questions": [_flat(q) for q in message.questions],
        "counts": dict(
            zip(("questions", "answers", "authority", "additional"), message.counts, strict=True)
        ),
    }
    if message.response:
        found |= {
            "rcode": message.rcode,
            "rcode_name": code_name(message.rcode),
            "authoritative": message.authoritative,
            "recursion_available": message.recursion_available,
            "answers": [_flat(record) for record in message.answers],
        }
    if message.problem:
        found["problem"] = message.problem
    return found


LAYERS: tuple[tuple[str, Callable[[Any], Object]], ...] = (
    ("ip", ip_object),
    ("tcp", _tcp),
    ("udp", _flat),
    ("icmp", _icmp),
    ("arp", _flat),
    ("dns", _dns),
)


def lookup_object(found: DnsTransaction) -> Object:
    results: Object = {
        "client": address_text(found.client),
        "server": address_text(found.server),
        "name": found.name,
        "type": found.type,
        "at": seconds(found.at),
        "outcome": found.outcome,
        "retries": found.retries,
    }
    if found.latency is not None:
        results["latency_ms"] = milliseconds(found.latency)
    if found.rcode is not None:
        results["answers"] = found.answers
    if found.truncated:
        results["truncated"] = True
    if found.over_tcp:
        results["over_tcp"] = True
    if found.tried:
        results["tried"] = list(found.tried)
    return results
