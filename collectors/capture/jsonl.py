"""Packets and flows as JSON objects, for scripts and for comparison with other decoders;
docs/pcap.md has every field.

What a packet does not have is left out. Times are seconds since the epoch as text with nine
decimals, and nanoseconds as an integer; durations are milliseconds; sizes bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson

from collectors.capture import dns
from collectors.capture.analysis_flags import analysis_flag_names
from collectors.capture.direction import Direction, DurationStats
from collectors.capture.dns_transactions import DnsTransaction
from collectors.capture.layers import Dns, Frame, Icmp, Ip, Tcp, flag_names
from collectors.capture.network_layers import address_text
from collectors.capture.packet_summary import line
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpDirection, UdpFlow
from collectors.packet import Packet

Object = dict[str, Any]
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


def encoded(found: Object) -> bytes:
    """One line. Times beyond 64 bits, which a pcapng may have, need the slower encoder."""
    try:
        return orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def seconds(ns: int) -> str:
    """`1700000000.000000001`: exact, which a float is not."""
    whole, rest = divmod(ns, 1_000_000_000)
    return f"{whole}.{rest:09d}"


def milliseconds(ns: float) -> float:
    return round(ns / 1e6, 6)


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
            "rcode_name": dns.code_name(message.rcode),
            "authoritative": message.authoritative,
            "recursion_available": message.recursion_available,
            "answers": [_flat(record) for record in message.answers],
        }
    if message.problem:
        found["problem"] = message.problem
    return found


# --- flows


LAYERS: tuple[tuple[str, Callable[[Any], Object]], ...] = (
    ("ip", ip_object),
    ("tcp", _tcp),
    ("udp", _flat),
    ("icmp", _icmp),
    ("arp", _flat),
    ("dns", _dns),
)


def flow_object(flow: TcpFlow | UdpFlow) -> Object:
    found: Object = {
        "number": flow.number,
        "protocol": flow.protocol,
        "state": flow.state,
        "client": _end(flow.client),
        "server": _end(flow.server),
        "first": seconds(flow.first_ns),
        "last": seconds(flow.last_ns),
        "duration_ms": milliseconds(max(flow.last_ns - flow.first_ns, 0)),
        "one_sided": flow.one_sided,
    }
    if isinstance(flow, TcpFlow):
        found |= _connection(flow)
    if flow.waits.count:
        found["application_wait_ms" if flow.protocol == "TCP" else "answer_ms"] = _times(flow.waits)
    if flow.copies:
        found["copies"] = flow.copies
    if flow.icmp:
        found["icmp_errors"] = {"count": flow.icmp, "last": flow.icmp_note}
    return found


def plain_flow_line(flow: TcpFlow | UdpFlow, name: str = "") -> bytes:
    """A flow's line; `name` is the file's, where there are several."""
    found = flow_object(flow)
    return encoded({"file": name, **found} if name else found)


def _end(own: Direction | UdpDirection) -> Object:
    found: Object = {
        "address": address_text(own.address),
        "port": own.port,
        "packets": own.packets,
        "bytes": own.bytes,
        "payload": own.payload,
    }
    if isinstance(own, Direction):
        found |= {
            "segments": own.segments,
            "retransmissions": own.retransmitted,
            "fast_retransmissions": own.counts.fast,
            "timeout_retransmissions": own.counts.timeouts,
            "syn_retransmissions": own.counts.syn_retransmitted,
            "fin_retransmissions": own.counts.fin_retransmitted,
            "spurious_retransmissions": own.counts.spurious,
            "out_of_order": own.counts.out_of_order,
            "duplicate_acks": own.counts.duplicate_acks,
            "zero_windows": own.counts.zero_windows,
            "window_full": own.counts.window_full,
            "keep_alives": own.counts.keep_alives,
        }
        if own.mss >= 0:
            found["mss"] = own.mss
        if own.scale >= 0:
            found["window_scale"] = own.scale
        if own.rtt.count:
            found["rtt_ms"] = _times(own.rtt)
    return found


def _times(times: DurationStats) -> Object:
    return {
        "count": times.count,
        "min": milliseconds(times.smallest),
        "mean": milliseconds(times.mean),
        "max": milliseconds(times.largest),
    }


def _connection(flow: TcpFlow) -> Object:
    found: Object = {}
    if flow.syn_at and flow.synack_at >= flow.syn_at:
        found["handshake"] = {"syn_to_synack_ms": milliseconds(flow.synack_at - flow.syn_at)}
        if flow.acked_at >= flow.synack_at:
            found["handshake"]["synack_to_ack_ms"] = milliseconds(flow.acked_at - flow.synack_at)
    if flow.reset_by is not None:
        found["reset"] = {
            "by": "client" if flow.reset_by.client else "server",
            "at": seconds(flow.reset_by.reset_at),
            "phase": reset_phase(flow),
        }
    found["events"] = [
        {
            "at": seconds(m.at),
            "by": "client" if m.by_client else "server",
            "kind": m.kind,
            "count": m.count,
            **({"bytes": m.size} if m.size else {}),
            **({"note": m.note} if m.note else {}),
        }
        for m in flow.events
    ]
    return found


def reset_phase(flow: TcpFlow) -> str:
    """When in its life a connection was reset."""
    own = flow.reset_by
    assert own is not None
    if flow.syn_at and not flow.synack_at:
        return "opening"
    if flow.client.fin_at or flow.server.fin_at:
        return "closing"
    if not flow.client.payload and not flow.server.payload:
        return "before any data"
    return "transfer"


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
