"""Sockets of this machine over netlink inet_diag (linux/inet_diag.h), decoded by their offsets.

A plain netlink socket: pyroute2's object for each message costs about twenty-five times what reading its bytes does.
"""

from __future__ import annotations

import socket
import struct

from collectors import netlink
from collectors.sockets.procfs import STATES, TIMERS
from collectors.sockets.rows import SocketRow

SOCK_DIAG_BY_FAMILY = 20
INET_DIAG_INFO = 2
ALL_STATES = 0xFFF
NETLINK_SOCK_DIAG = 4
LISTEN = 10

_REQUEST = struct.Struct("=BBBBI48s")  # family, protocol, extensions, pad, states, id of any socket
# family, state, timer, retrans; ports; addresses; interface, cookie; expires, rqueue, wqueue, uid, inode
_MESSAGE = struct.Struct("=BBBB 2s2s 16s16s I8s IIIII")
_ATTRIBUTE = struct.Struct("=HH")
# struct tcp_info: state, ca_state, retransmits, probes, backoff, options, wscales, app_limited bits; then u32 from rto
_TCP_INFO = struct.Struct("=8B 24I")
ACKED = 120  # offset of bytes_acked
# bytes acked, bytes received; and what kernels since 4.10 append: notsent, min_rtt, delivery rate, busy, limited by
# window, by buffer
_LATER = struct.Struct("=QQ8xII8xQQQQ")


Head = tuple[str, str, str, int, str, int, int, int, str, int]


def request(family: int, protocol: int) -> bytes:
    return netlink.request(
        SOCK_DIAG_BY_FAMILY, _REQUEST.pack(family, protocol, 1 << (INET_DIAG_INFO - 1), 0, ALL_STATES, bytes(48))
    )


def decode(data: bytes, protocol: str, rows: list[SocketRow]) -> bool:
    """Append the sockets of a piece of a dump; whether it was the last. OSError where the kernel refuses."""
    return netlink.walk(data, SOCK_DIAG_BY_FAMILY, _taking(protocol, rows))


def _taking(protocol: str, rows: list[SocketRow]) -> netlink.Take:
    def take(data: bytes, start: int, end: int) -> None:
        if end - start >= _MESSAGE.size:
            rows.append(_row(data, start, end, protocol))

    return take


_V4: dict[bytes, str] = {}  # a machine speaks to few addresses, from few


def _address(family: int, raw: bytes) -> str:
    key = raw[:4] if family == socket.AF_INET else raw
    known = _V4.get(key)
    if known is None:
        if len(_V4) > 50_000:
            _V4.clear()
        known = _V4[key] = socket.inet_ntop(family if family in (socket.AF_INET, socket.AF_INET6) else 2, key)
    return known


def _row(data: bytes, start: int, end: int, protocol: str) -> SocketRow:
    (family, state, timer, retrans, sport, dport, source, target, _, _, _, received, sent, _, _) = _MESSAGE.unpack_from(
        data, start
    )
    name = STATES.get(state, "?")
    head: Head = (
        protocol, name, _address(family, source), int.from_bytes(sport, "big"), _address(family, target),
        int.from_bytes(dport, "big"), received, sent, TIMERS.get(timer, ""), retrans,
    )  # fmt: skip
    if protocol != "tcp" or state == LISTEN:
        return SocketRow(*head)
    offset = start + _MESSAGE.size
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4 or offset + length > end:
            break
        if kind == INET_DIAG_INFO and length >= 4 + _TCP_INFO.size:
            return _with_info(head, data, offset + 4, length - 4)
        offset += length + 3 & ~3
    return SocketRow(*head)


def _with_info(head: Head, data: bytes, start: int, size: int) -> SocketRow:
    """Times in tcp_info are microseconds, rates bytes a second."""
    (_, _, _, _, backoff, _, _, bits, rto, _, mss, _, unacked, _, lost, resent, _, _, _, _, _, pmtu, _, rtt, rttvar, _,
     cwnd, _, _, _, _, total) = _TCP_INFO.unpack_from(data, start)  # fmt: skip
    not_sent, least, rate, window, buffer, acked, got = 0, None, None, None, None, None, None
    if size >= ACKED + _LATER.size:
        acked, got, not_sent, least_us, bytes_s, busy, by_window, by_buffer = _LATER.unpack_from(data, start + ACKED)
        least, rate = least_us / 1000, bytes_s * 8.0 or None
        if busy:
            window, buffer = 100 * by_window / busy or None, 100 * by_buffer / busy or None
    return SocketRow(
        *head, rtt / 1000, rttvar / 1000, least, rto / 1000, backoff, mss, pmtu, cwnd, unacked, resent, total, lost,
        rate, window, buffer, bool(bits & 1), not_sent, acked, got,
    )  # fmt: skip


def dump() -> tuple[SocketRow, ...]:
    """Every TCP and UDP socket of this network namespace. OSError where they cannot be read."""
    rows: list[SocketRow] = []
    for protocol, number in (("tcp", socket.IPPROTO_TCP), ("udp", socket.IPPROTO_UDP)):
        for family in (socket.AF_INET, socket.AF_INET6):
            netlink.dump(NETLINK_SOCK_DIAG, request(family, number), SOCK_DIAG_BY_FAMILY, _taking(protocol, rows))
    return tuple(rows)
