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
from collectors.dumps import WHY_PURE
from collectors.events import ConntrackGroup

if not WHY_PURE:
    from collectors.dumps.fast_dumps import EntryTable

# Of an entry that begins as nearly all do, with the heads that identify it: source, destination,
# protocol and destination port; reply source and its port; the status' last byte. One tuple of
# numbers, which is counted as it is.
_KEY = struct.Struct("!I8xI4xI8xB15xH2xI8xI24xH10xI3xB").unpack_from
_FIRST, _SECOND, _THIRD = (int.from_bytes(head, "big") for head in entries.PLAIN_HEADS)
_HEAD = struct.Struct("=IH").unpack_from  # of a message: its length and type
_COUNT = itemgetter(1)
TCP = socket.IPPROTO_TCP
KIND = entries.CTNETLINK | entries.CT_NEW
Key = tuple[int, ...]  # as _KEY reads them


class PlainEntries:
    """Counts the entries that begin as nearly all do by their key and, of TCP, their state."""

    def __init__(self) -> None:
        self._counted: dict[Key, int] = defaultdict(int)
        self._connections: dict[tuple[Key, str], int] = defaultdict(int)  # of TCP

    def run(self, data: bytes, offset: int) -> int:
        """Count the messages from there on while they are such; where that ended."""
        counted, connections, read, head = self._counted, self._connections, _KEY, _HEAD
        first, second, third, least = _FIRST, _SECOND, _THIRD, 16 + NFGENMSG + PLAIN_SIZE
        end = len(data)
        while offset + least <= end:
            length, kind = head(data, offset)
            if kind != KIND or length < least or offset + length > end:
                break
            start = offset + 16 + NFGENMSG
            key = read(data, start)
            if key[0] != first or key[5] != second or key[8] != third:
                break
            if key[3] == TCP:
                state = entries.tcp_state(data, start + PLAIN_SIZE, offset + length)
                connections[key, state] += 1
            else:
                counted[key] += 1
            offset += length + 3 & ~3
        return offset

    def total(self) -> int:
        return sum(self._counted.values()) + sum(self._connections.values())

    def largest(self, tcp: bool, most: int) -> list[tuple[tuple[int, ...], str, int]]:
        """The largest groups of TCP, or of all else; of those alike the first that came."""
        if tcp:
            connections = nlargest(most, self._connections.items(), _COUNT)
            return [(key, state, count) for (key, state), count in connections]
        return [(key, "", count) for key, count in nlargest(most, self._counted.items(), _COUNT)]


class EntryCounter:
    """Counts messages of a dump; what does not begin as usual is decoded in full and counted
    too."""

    def __init__(self, plain: PlainEntries | EntryTable | None = None) -> None:
        self._plain = plain or (PlainEntries() if WHY_PURE else EntryTable())
        self._others: list[ConntrackEntry] = []
        self.run = self._plain.run

    def receive(self, data: bytes, start: int, end: int) -> None:
        """An entry that `run` did not count."""
        if (entry := entries.decoded(data, start + NFGENMSG, end)) is not None:
            self._others.append(entry)

    def result(self, largest: int = groups.LARGEST) -> tuple[int, tuple[ConntrackGroup, ...]]:
        """(entries in all, the largest groups first)."""
        total, others = groups.count(self._others, largest)
        return total + self._plain.total(), groups.of(self._merged(others, largest), largest)

    def _merged(
        self, others: tuple[ConntrackGroup, ...], largest: int
    ) -> Counter[tuple[object, ...]]:
        merged: Counter[tuple[object, ...]] = Counter()
        for tcp in (False, True):
            for key, state, count in self._plain.largest(tcp, largest):
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
        KIND,
        counter.receive,
        counter.run,
    )
    return counter.result(largest)
