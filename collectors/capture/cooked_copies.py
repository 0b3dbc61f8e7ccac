"""Copies on cooked v1 (LINKTYPE_LINUX_SLL), whose packets do not name their interface: the same IP
packet again within milliseconds is one packet seen on another interface, or in a tunnel."""

from __future__ import annotations

from collections import OrderedDict

from collectors.capture.header_row import HeaderRow
from collectors.capture.header_values import TCP

COPY_NS = 10_000_000
REMEMBERED = 4_096  # packets
COMPARED = 48  # bytes behind the checksum, which the network card may fill in later
BEHIND_CHECKSUM = 18, 8  # of TCP, of UDP


class CookedCopies:
    """Remembers the packets of the last milliseconds."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[object, ...], int] = OrderedDict()

    def seen_before(self, row: HeaderRow) -> bool:
        """Whether this is a copy. Equal are addresses, ports, sequence, identification, payload."""
        ns, start = row.ns, row.offset + BEHIND_CHECKSUM[row.protocol != TCP]
        body = row.data[start : min(start + COMPARED, row.end)]
        key = (*row.headers()[:10], row.identification, body)
        before = self._seen.pop(key, None)
        if before is not None and 0 <= ns - before < COPY_NS:
            self._seen[key] = before
            return True
        self._seen[key] = ns
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return False
