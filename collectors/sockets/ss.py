"""Parses the text of `ss -tinoOaH` and `ss -uanH`: one socket a line (fields: SIGNATURES 5.9).

A line that cannot be read is passed over: the format differs between versions, and one odd socket must not
hide the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from collectors.safe import safe
from collectors.sockets.rows import SocketRow

STATES = frozenset(
    [
        "ESTAB",
        "SYN-SENT",
        "SYN-RECV",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "TIME-WAIT",
        "UNCONN",
        "CLOSE-WAIT",
        "LAST-ACK",
        "LISTEN",
        "CLOSING",
    ]
)
_TIMER = re.compile(r"timer:\((\w+),([^,]*),(\d+)\)")
_LIMITED = re.compile(r"(rwnd|sndbuf)_limited:\d+ms\(([\d.]+)%\)")
_RATE = re.compile(r"\b(delivery_rate) ([\d.]+)([KMGT]?)bps")
_FACTOR = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_PAIR = re.compile(r"(?:^|\s)(\w+):(\S+)")


def _floats(text: str) -> tuple[float, float]:
    first, _, second = text.partition("/")
    return float(first), float(second or 0)


def _rtt(row: dict[str, Any], text: str) -> None:
    row["rtt"], row["rtt_var"] = _floats(text)


def _retrans(row: dict[str, Any], text: str) -> None:
    now, total = _floats(text)
    row["retrans"], row["retrans_total"] = int(now), int(total)


def _number(name: str, kind: type) -> Callable[[dict[str, Any], str], None]:
    def read(row: dict[str, Any], text: str) -> None:
        row[name] = kind(text)

    return read


_READERS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "rtt": _rtt,
    "retrans": _retrans,
    "minrtt": _number("min_rtt", float),
    "rto": _number("rto", float),
    "backoff": _number("backoff", int),
    "mss": _number("mss", int),
    "pmtu": _number("pmtu", int),
    "cwnd": _number("cwnd", int),
    "unacked": _number("unacked", int),
    "lost": _number("lost", int),
    "notsent": _number("not_sent", int),
}


def _endpoint(text: str) -> tuple[str, int]:
    """`10.0.0.1:80`, `[::1]:80`, `*:80`, `10.0.0.1%eth0:80`; port 0 stands for any."""
    address, _, port = text.rpartition(":")
    address = address.strip("[]")
    return safe(address, 64), 0 if port == "*" else int(port)


def _details(text: str) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in _PAIR.findall(text):
        if reader := _READERS.get(name):
            try:
                reader(row, value)
            except ValueError:
                continue
    if match := _TIMER.search(text):
        row["timer"], row["timer_retries"] = safe(match[1], 16), int(match[3])
    for name, share in _LIMITED.findall(text):
        row[f"{name}_limited"] = float(share)
    if match := _RATE.search(text):
        row["delivery_rate"] = float(match[2]) * _FACTOR[match[3]]
    row["app_limited"] = " app_limited" in text
    return row


def parse_line(line: str, protocol: str) -> SocketRow | None:
    """One line of `ss -H`; None where it is not a socket."""
    parts = line.split(None, 5)
    if len(parts) < 5 or parts[0] not in STATES:
        return None
    try:
        local, local_port = _endpoint(parts[3])
        peer, peer_port = _endpoint(parts[4])
        recv_q, send_q = int(parts[1]), int(parts[2])
        details = _details(parts[5]) if len(parts) > 5 else {}
    except ValueError:
        return None
    return SocketRow(protocol, parts[0], local, local_port, peer, peer_port, recv_q, send_q, **details)


def parse(text: str, protocol: str) -> tuple[SocketRow, ...]:
    """All sockets of an `ss` output. Without -O (old iproute2) details come on an indented second line."""
    joined = text.replace("\n\t", " ")
    rows = (parse_line(line, protocol) for line in joined.splitlines())
    return tuple(row for row in rows if row is not None)
