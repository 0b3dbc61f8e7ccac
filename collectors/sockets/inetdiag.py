"""Sockets of this machine over netlink inet_diag (linux/inet_diag.h), decoded by their offsets.

A plain netlink socket: pyroute2's object for each message costs about twenty-five times what reading its bytes does.
"""

from __future__ import annotations

import socket
import struct
from functools import cache
from socket import ntohs
from typing import Any

from collectors import netlink
from collectors.sockets.procfs import STATES, TIMERS
from collectors.sockets.rows import SocketRow

SOCK_DIAG_BY_FAMILY = 20
INET_DIAG_INFO = 2
ALL_STATES = 0xFFF
NETLINK_SOCK_DIAG = 4
LISTEN = 10

_REQUEST = struct.Struct("=BBBBI48s")  # family, protocol, extensions, pad, states, id of any socket
# struct inet_diag_msg: family, state, timer, retrans; ports; addresses; (interface, cookie, expires;) rqueue, wqueue;
# (uid, inode)
_MESSAGE = struct.Struct("=BBBBHH16s16s16xII8x")
_ATTRIBUTE = struct.Struct("=HH")
# What is wanted of struct tcp_info (linux/tcp.h), where it is: backoff, app_limited bits, rto, snd_mss, unacked, lost,
# retrans, pmtu, rtt, rttvar, snd_cwnd, total_retrans; and from EARLY on what kernels since 4.10 append: bytes_acked,
# bytes_received, notsent_bytes, min_rtt, delivery_rate, busy_time, rwnd_limited, sndbuf_limited.
_TCP_INFO = struct.Struct("=4xB2xBI4xI4xI4xII20xI4xII4xI16xI16xQQ8xII8xQQQQ")
INFO_SIZE = 4 + _TCP_INFO.size  # with the attribute's head
EARLY = 104
Head = tuple[str, str, str, int, str, int, int, int, str, int]
_new = tuple.__new__  # a named tuple's own looks for defaults: half of the time


def request(family: int, protocol: int) -> bytes:
    return netlink.request(
        SOCK_DIAG_BY_FAMILY, _REQUEST.pack(family, protocol, 1 << (INET_DIAG_INFO - 1), 0, ALL_STATES, bytes(48))
    )


def decode(data: bytes, protocol: str, rows: list[SocketRow]) -> bool:
    """Append the sockets of a piece of a dump; whether it was the last. OSError where the kernel refuses."""
    return netlink.walk(data, SOCK_DIAG_BY_FAMILY, _taking(protocol, rows))


_V4: dict[bytes, str] = {}  # a machine speaks to few addresses, from few
_V6: dict[bytes, str] = {}


def _address(family: int, raw: bytes) -> str:
    """An address of 16 bytes, of which IPv4 fills the first four."""
    known = _V4 if family == socket.AF_INET else _V6
    if len(known) > 50_000:
        known.clear()
    told = known.get(raw)
    if told is None:
        four = family == socket.AF_INET
        told = known[raw] = socket.inet_ntop(socket.AF_INET if four else socket.AF_INET6, raw[:4] if four else raw)
    return told


@cache
def _whole(gap: int) -> struct.Struct:
    """A message of which tcp_info begins so many bytes behind inet_diag_msg: all that is wanted of it in one go."""
    return struct.Struct(f"{_MESSAGE.format}{gap}xHH{_TCP_INFO.format[1:]}")


def _taking(protocol: str, rows: list[SocketRow]) -> netlink.Take:
    has_info = protocol == "tcp"
    gap = 0  # as of the last message: nearly all of a dump have the same attributes
    whole = _whole(gap)

    def take(data: bytes, start: int, end: int) -> None:
        nonlocal gap, whole
        if start + whole.size <= end and has_info:
            values = whole.unpack_from(data, start)
            if values[11] == INET_DIAG_INFO and values[10] >= INFO_SIZE and values[1] != LISTEN:
                rows.append(_with_info(protocol, values))
                return
        if end - start < _MESSAGE.size:
            return
        values = _MESSAGE.unpack_from(data, start)
        at, size = _info(data, start, end) if has_info and values[1] != LISTEN else (0, 0)
        if size >= _TCP_INFO.size:
            gap = at - start - _MESSAGE.size
            whole = _whole(gap)
            rows.append(_with_info(protocol, whole.unpack_from(data, start)))
        elif size >= EARLY:
            rows.append(_of_old(_head(protocol, values), data[at + 4 : at + 4 + size]))
        else:
            rows.append(SocketRow(*_head(protocol, values)))

    return take


def _head(protocol: str, values: tuple[Any, ...]) -> Head:
    family, state, timer, retrans, sport, dport, source, target, received, sent = values
    return (
        protocol, STATES.get(state, "?"), _address(family, source), ntohs(sport), _address(family, target),
        ntohs(dport), received, sent, TIMERS.get(timer, ""), retrans,
    )  # fmt: skip


def _info(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Where the attribute with tcp_info begins, and the size of its value; (0, 0) for none."""
    offset = start + _MESSAGE.size
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4 or offset + length > end:
            break
        if kind == INET_DIAG_INFO:
            return offset, length - 4
        offset += length + 3 & ~3
    return 0, 0


def _with_info(protocol: str, values: tuple[Any, ...]) -> SocketRow:
    """Times in tcp_info are microseconds, rates bytes a second."""
    (family, state, timer, retrans, sport, dport, source, target, received, sent, _, _,
     backoff, bits, rto, mss, unacked, lost, resent, pmtu, rtt, rttvar, cwnd, total, acked, got, not_sent, least, rate,
     busy, by_window, by_buffer) = values  # fmt: skip
    known = _V4.get if family == socket.AF_INET else _V6.get
    return _new(SocketRow, (
        protocol, STATES.get(state, "?"), known(source) or _address(family, source), ntohs(sport),
        known(target) or _address(family, target), ntohs(dport), received, sent, TIMERS.get(timer, ""), retrans,
        rtt / 1000, rttvar / 1000, least / 1000, rto / 1000, backoff, mss, pmtu, cwnd, unacked, resent, total, lost,
        rate * 8.0 or None, 100 * by_window / busy or None if busy else None,
        100 * by_buffer / busy or None if busy else None, bits & 1 == 1, not_sent, acked, got, 1,
    ))  # fmt: skip


def _of_old(head: Head, info: bytes) -> SocketRow:
    """A kernel before 4.10 does not tell the later fields."""
    (backoff, bits, rto, mss, unacked, lost, resent, pmtu, rtt, rttvar, cwnd, total, *_) = _TCP_INFO.unpack(
        info.ljust(_TCP_INFO.size, b"\0")
    )
    row = SocketRow(
        *head, rtt / 1000, rttvar / 1000, None, rto / 1000, backoff, mss, pmtu, cwnd, unacked, resent, total, lost
    )
    return row._replace(app_limited=bits & 1 == 1)


def dump() -> tuple[SocketRow, ...]:
    """Every TCP and UDP socket of this network namespace. OSError where they cannot be read."""
    rows: list[SocketRow] = []
    for protocol, number in (("tcp", socket.IPPROTO_TCP), ("udp", socket.IPPROTO_UDP)):
        for family in (socket.AF_INET, socket.AF_INET6):
            netlink.dump(NETLINK_SOCK_DIAG, request(family, number), SOCK_DIAG_BY_FAMILY, _taking(protocol, rows))
    return tuple(rows)
