"""The table of this network namespace, counted while it is read: no entry becomes an object.

A million entries are a few groups; only the groups that are shown become rows.
"""

from __future__ import annotations

import socket
import struct
from collections import Counter, defaultdict
from dataclasses import astuple
from heapq import nlargest
from operator import itemgetter

from collectors import netlink
from collectors.conntrack import entries, groups
from collectors.conntrack.entries import ASSURED, NFGENMSG, PLAIN_SIZE, SEEN_REPLY, ConntrackEntry
from collectors.events import ConntrackGroup

# Of an entry that begins as nearly all do, with the heads that identify it: source, destination,
# protocol and destination port; reply source and its port; the status' last byte. One tuple of
# numbers, which is counted as it is.
_KEY = struct.Struct("!I8xI4xI8xB15xH2xI8xI24xH10xI3xB").unpack_from
_FIRST, _SECOND, _THIRD = (int.from_bytes(head, "big") for head in entries.PLAIN_HEADS)
_COUNT = itemgetter(1)
TCP = socket.IPPROTO_TCP
Key = tuple[int, int, int, int, int, int, int, int, int, int]


class EntryCounter:
    """Counts messages of a dump; what does not begin as usual is decoded in full and counted
    too."""

    def __init__(self) -> None:
        self._counted: dict[Key, int] = defaultdict(int)
        self._connections: dict[tuple[Key, str], int] = defaultdict(int)  # of TCP, by state
        self._others: list[ConntrackEntry] = []

    def receive(self, data: bytes, start: int, end: int) -> None:
        start += NFGENMSG
        if start + PLAIN_SIZE <= end:
            key = _KEY(data, start)
            if key[0] == _FIRST and key[5] == _SECOND and key[8] == _THIRD:
                if key[3] == TCP:
                    self._connections[key, entries.tcp_state(data, start + PLAIN_SIZE, end)] += 1
                else:
                    self._counted[key] += 1
                return
        if (entry := entries.decoded(data, start, end)) is not None:
            self._others.append(entry)

    def result(self, largest: int = groups.LARGEST) -> tuple[int, tuple[ConntrackGroup, ...]]:
        """(entries in all, the largest groups first)."""
        total, others = groups.count(self._others, largest)
        total += sum(self._counted.values()) + sum(self._connections.values())
        return total, groups.of(self._merged(others, largest), largest)

    def _merged(
        self, others: tuple[ConntrackGroup, ...], largest: int
    ) -> Counter[tuple[object, ...]]:
        merged: Counter[tuple[object, ...]] = Counter()
        for key, count in nlargest(largest, self._counted.items(), _COUNT):
            merged[_fields(key, "")] += count
        for (key, state), count in nlargest(largest, self._connections.items(), _COUNT):
            merged[_fields(key, state)] += count
        for group in others:
            merged[astuple(group)[1:]] += group.count
        return merged


def _fields(key: Key, state: str) -> tuple[object, ...]:
    """Those of a ConntrackGroup after `count`."""
    _, source, destination, protocol, port, _, reply_source, reply_port, _, status = key
    return (
        entries.PROTOCOLS.get(protocol) or str(protocol),
        state,
        _address(source),
        _address(destination),
        port,
        _address(reply_source),
        reply_port,
        bool(status & ASSURED),
        bool(status & SEEN_REPLY),
    )


def _address(number: int) -> str:
    return entries.address(number.to_bytes(4, "big"))


def dump(largest: int = groups.LARGEST) -> tuple[int, tuple[ConntrackGroup, ...]]:
    """OSError where the table may not be read (it needs NET_ADMIN)."""
    counter = EntryCounter()
    netlink.dump(
        entries.NETLINK_NETFILTER,
        entries.REQUEST,
        entries.CTNETLINK | entries.CT_NEW,
        counter.receive,
    )
    return counter.result(largest)
