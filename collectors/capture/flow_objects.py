"""Flows as JSON objects; docs/pcap.md has every field. The compiled core writes the same lines
(fast_flow_lines.pyx), but what is rare."""

from __future__ import annotations

import json
from typing import Any

from collectors.capture.direction import Direction, DurationStats
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpDirection, UdpFlow

Object = dict[str, Any]


def encoded(found: Object | str) -> bytes:
    """One line. Times beyond 64 bits, which a pcapng may have, need the slower encoder."""
    import orjson  # here: the compiled core writes flows itself

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


def address(packed: bytes) -> str:
    from collectors.capture.network_layers import address_text  # with the dissector

    return address_text(packed)


def _end(own: Direction | UdpDirection) -> Object:
    found: Object = {
        "address": address(own.address),
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
