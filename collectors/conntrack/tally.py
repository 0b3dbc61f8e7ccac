"""The table of this network namespace, counted while it is read: no entry becomes an object of its own.

A million entries are a few groups; only the groups that are shown are put into words.
"""

from __future__ import annotations

import socket
import struct
from collections import Counter
from dataclasses import astuple

from collectors import netlink
from collectors.conntrack import entries, groups
from collectors.conntrack.entries import ASSURED, NFGENMSG, PLAIN_SIZE, SEEN_REPLY, Entry
from collectors.events import ConntrackGroup

# Of an entry that begins as nearly all do: who opened, to whom, the protocol; its port; who answers, from which port.
_KEY = struct.Struct("!12x21s15x2s14x4s24x2s14xI").unpack_from
_ASKED = ASSURED | SEEN_REPLY
TCP = socket.IPPROTO_TCP
_PROTOCOL = 20  # offset in the first part of a key
Key = tuple[bytes, bytes, bytes, bytes, int, str]


class Tally:
    """Counts messages of a dump; what does not begin as usual is decoded in full and counted with them."""

    def __init__(self) -> None:
        self._counted: dict[Key, int] = {}
        self._others: list[Entry] = []

    def take(self, data: bytes, start: int, end: int) -> None:
        start += NFGENMSG
        if not entries.is_plain(data, start, end):
            if (entry := entries.decoded(data, start, end)) is not None:
                self._others.append(entry)
            return
        ends, port, back, back_port, status = _KEY(data, start)
        state = entries.tcp_state(data, start + PLAIN_SIZE, end) if ends[_PROTOCOL] == TCP else ""
        key = (ends, port, back, back_port, status & _ASKED, state)
        self._counted[key] = self._counted.get(key, 0) + 1

    def result(self, largest: int = groups.LARGEST) -> tuple[int, tuple[ConntrackGroup, ...]]:
        """(entries in all, the largest groups first)."""
        plain = Counter(self._counted)
        total, others = groups.count(self._others, largest)
        merged: Counter[tuple[object, ...]] = Counter()
        for key, count in plain.most_common(largest):
            merged[_words(key)] += count
        for group in others:
            merged[astuple(group)[1:]] += group.count
        return total + plain.total(), groups.of(merged, largest)


def _words(key: Key) -> tuple[object, ...]:
    ends, port, back, back_port, status, state = key
    protocol, address = ends[_PROTOCOL], entries.address
    return (
        entries.PROTOCOLS.get(protocol) or str(protocol), state, address(ends[:4]), address(ends[8:12]),
        int.from_bytes(port, "big"), address(back), int.from_bytes(back_port, "big"), bool(status & ASSURED),
        bool(status & SEEN_REPLY),
    )  # fmt: skip


def dump(largest: int = groups.LARGEST) -> tuple[int, tuple[ConntrackGroup, ...]]:
    """OSError where the table may not be read (it needs NET_ADMIN)."""
    tally = Tally()
    netlink.dump(entries.NETLINK_NETFILTER, entries.REQUEST, entries.CTNETLINK | entries.CT_NEW, tally.take)
    return tally.result(largest)
