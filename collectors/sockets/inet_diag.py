"""Sockets of this machine over netlink inet_diag (linux/inet_diag.h), decoded by their offsets.

A plain netlink socket: pyroute2's object per message costs about 25 times what reading its bytes
does.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterable
from functools import lru_cache
from socket import ntohs
from typing import Any

from collectors import netlink
from collectors.dumps import WHY_PURE
from collectors.dumps.address_texts import V4, V6, address_text
from collectors.sockets.procfs import STATES, TIMERS
from collectors.sockets.rows import SocketRow

SOCK_DIAG_BY_FAMILY = 20
INET_DIAG_INFO = 2
ALL_STATES = 0xFFF
NETLINK_SOCK_DIAG = 4
LISTEN = 10

_REQUEST = struct.Struct("=BBBxI48x")  # family, protocol, extensions, states; any socket's id
# struct inet_diag_msg: family, state, timer, retrans; ports; addresses; (interface, cookie,
# expires;) rqueue, wqueue; (uid, inode)
_MESSAGE = struct.Struct("=BBBBHH16s16s16xII8x")
_ATTRIBUTE = struct.Struct("=HH")
# The fields read of struct tcp_info (linux/tcp.h): backoff, app_limited bits, rto, snd_mss,
# unacked, lost, retrans, pmtu, rtt, rttvar, snd_cwnd, total_retrans; and from EARLY on those that
# kernels since 4.10 append: bytes_acked, bytes_received, notsent_bytes, min_rtt, delivery_rate,
# busy_time, rwnd_limited, sndbuf_limited.
_TCP_INFO = struct.Struct("=4xB2xBI4xI4xI4xII20xI4xII4xI16xI16xQQ8xII8xQQQQ")
INFO_SIZE = 4 + _TCP_INFO.size  # with the attribute's head
EARLY = 104
Head = tuple[str, str, str, int, str, int, int, int, str, int]
_new = tuple.__new__  # a named tuple's own looks for defaults, which doubles the time


def request(family: int, protocol: int) -> bytes:
    return netlink.request(
        SOCK_DIAG_BY_FAMILY,
        _REQUEST.pack(family, protocol, 1 << (INET_DIAG_INFO - 1), ALL_STATES),
    )


def decode(data: bytes, protocol: str, rows: list[SocketRow]) -> bool:
    """Append the sockets of a piece of a dump; whether it was the last. OSError where the kernel
    refuses."""
    reader = _Reader(protocol, rows)
    return netlink.walk(data, SOCK_DIAG_BY_FAMILY, reader.receive, reader.run)


@lru_cache(64)
def _whole(gap: int, size: int) -> struct.Struct | None:
    """A whole message of `size` bytes in which tcp_info begins `gap` bytes behind inet_diag_msg,
    with the fields that are read; None where they do not fit."""
    layout = f"=IH10x{_MESSAGE.format[1:]}{gap}xHH{_TCP_INFO.format[1:]}"
    rest = size - struct.calcsize(layout)
    return struct.Struct(f"{layout}{rest}x") if rest >= 0 else None


def python_tcp_rows(
    data: bytes, offset: int, gap: int, rows: list[SocketRow], most: int = 1 << 20
) -> int:
    """Append the sockets from there on, at most `most`, while they are of one size, tcp_info is
    whole and begins `gap` bytes behind inet_diag_msg; where that ended."""
    if offset + 16 > len(data):
        return offset
    size = int.from_bytes(data[offset : offset + 4], sys.byteorder) + 3 & ~3
    whole = _whole(gap, size)
    if whole is None:
        return offset
    count = min(most, (len(data) - offset) // size)
    before = len(rows)
    _append(whole.iter_unpack(memoryview(data)[offset : offset + count * size]), size, rows)
    return offset + (len(rows) - before) * size


if not WHY_PURE:
    from collectors.dumps.fast_dumps import tcp_rows as tcp_rows
else:
    tcp_rows = python_tcp_rows


class _Reader:
    """Appends rows. Nearly all messages of a dump are alike and are read in runs; the others one by
    one."""

    def __init__(self, protocol: str, rows: list[SocketRow]) -> None:
        self._protocol = protocol
        self._rows = rows
        self._gap = 0  # as of the last message that was read by itself

    def run(self, data: bytes, offset: int) -> int:
        """Read messages from there on while they are alike; where that ended."""
        if self._protocol != "tcp":
            return offset
        return tcp_rows(data, offset, self._gap, self._rows)

    def receive(self, data: bytes, start: int, end: int) -> None:
        """The row of one message, whatever it has."""
        if end - start < _MESSAGE.size:
            return
        values = _MESSAGE.unpack_from(data, start)
        has_info = self._protocol == "tcp" and values[1] != LISTEN
        at, size = _info(data, start, end) if has_info else (0, 0)
        if size >= _TCP_INFO.size:
            self._gap = at - start - _MESSAGE.size
            python_tcp_rows(data, start - 16, self._gap, self._rows, most=1)
        elif size >= EARLY:
            self._rows.append(_of_old(_head(self._protocol, values), data[at + 4 : at + 4 + size]))
        else:
            self._rows.append(SocketRow(*_head(self._protocol, values)))


def _head(protocol: str, values: tuple[Any, ...]) -> Head:
    family, state, timer, retrans, sport, dport, source, target, received, sent = values
    return (
        protocol,
        STATES.get(state, "?"),
        address_text(family, source),
        ntohs(sport),
        address_text(family, target),
        ntohs(dport),
        received,
        sent,
        TIMERS.get(timer, ""),
        retrans,
    )


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


def _append(messages: Iterable[tuple[Any, ...]], size: int, rows: list[SocketRow]) -> None:
    """Rows of TCP sockets, up to the first message that is not like the others. One loop with
    everything inline: per socket a call costs more than the rest. Times in tcp_info are
    microseconds, rates bytes per second."""
    append, v4, v6 = rows.append, V4.get, V6.get
    for (
        length,
        kind,
        family,
        state,
        timer,
        retrans,
        sport,
        dport,
        source,
        target,
        received,
        sent,
        attribute,
        what,
        backoff,
        bits,
        rto,
        mss,
        unacked,
        lost,
        outstanding,
        pmtu,
        rtt,
        rttvar,
        cwnd,
        total,
        acked,
        got,
        not_sent,
        least,
        rate,
        busy,
        by_window,
        by_buffer,
    ) in messages:
        if (
            kind != SOCK_DIAG_BY_FAMILY
            or what != INET_DIAG_INFO
            or attribute < INFO_SIZE
            or state == LISTEN
            or length + 3 & ~3 != size
        ):
            break
        known = v4 if family == socket.AF_INET else v6
        append(
            _new(
                SocketRow,
                (
                    "tcp",
                    STATES.get(state, "?"),
                    known(source) or address_text(family, source),
                    ntohs(sport),
                    known(target) or address_text(family, target),
                    ntohs(dport),
                    received,
                    sent,
                    TIMERS.get(timer, ""),
                    retrans,
                    rtt / 1000,
                    rttvar / 1000,
                    least / 1000,
                    rto / 1000,
                    backoff,
                    mss,
                    pmtu,
                    cwnd,
                    unacked,
                    outstanding,
                    total,
                    lost,
                    rate * 8.0 or None,
                    100 * by_window / busy or None if busy else None,
                    100 * by_buffer / busy or None if busy else None,
                    bits & 1 == 1,
                    not_sent,
                    acked,
                    got,
                    1,
                ),
            )
        )


def _of_old(head: Head, info: bytes) -> SocketRow:
    """A kernel before 4.10 lacks the later fields."""
    (backoff, bits, rto, mss, unacked, lost, outstanding, pmtu, rtt, rttvar, cwnd, total, *_) = (
        _TCP_INFO.unpack(info.ljust(_TCP_INFO.size, b"\0"))
    )
    return SocketRow(
        *head,
        rtt=rtt / 1000,
        rtt_var=rttvar / 1000,
        rto=rto / 1000,
        backoff=backoff,
        mss=mss,
        pmtu=pmtu,
        cwnd=cwnd,
        unacked=unacked,
        retrans=outstanding,
        retrans_total=total,
        lost=lost,
        app_limited=bits & 1 == 1,
    )


def dump() -> tuple[SocketRow, ...]:
    """Every TCP and UDP socket of this network namespace. OSError where they cannot be read."""
    rows: list[SocketRow] = []
    for protocol, number in (("tcp", socket.IPPROTO_TCP), ("udp", socket.IPPROTO_UDP)):
        for family in (socket.AF_INET, socket.AF_INET6):
            reader = _Reader(protocol, rows)
            netlink.dump(
                NETLINK_SOCK_DIAG,
                request(family, number),
                SOCK_DIAG_BY_FAMILY,
                reader.receive,
                reader.run,
            )
    return tuple(rows)
