"""Figures made of several counters: one definition each, for the graph, the rule and the document.

Names of counters are those of `counters`; one with a * stands for all that begin and end so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collectors.frozen import frozen
from collectors.kernel.deltas import Deltas, SampleDelta, Share, total


@frozen
class DerivedFigure:
    """A rate, `(counters - less) / second`, or, where `of` names a counter, a share of it in per
    cent. A `level` is read from the values themselves rather than from their changes."""

    name: str
    unit: str
    counters: tuple[str, ...]
    meaning: str
    less: tuple[str, ...] = ()
    of: str = ""
    level: bool = False

    @property
    def formula(self) -> str:
        amount = " + ".join(self.counters)
        if self.less:
            amount = f"({amount} - {' - '.join(self.less)})"
        if self.of:
            return f"{amount} / {self.of}"
        return amount if self.level else f"{amount} per second"

    def amount(self, counts: Deltas) -> int | None:
        """The counters added up, without `less`; never negative. None after a reset, or where none
        is known."""
        whole = total(counts, tuple(_expanded(self.counters, counts)))
        less = total(counts, self.less) if any(name in counts for name in self.less) else 0
        return None if whole is None or less is None else max(0, whole - less)

    def share(self, counts: Deltas) -> Share | None:
        """Part and whole, of changes or levels; None where one of them is not known."""
        part, whole = self.amount(counts), counts.get(self.of)
        return None if part is None or whole is None else Share(part, whole)

    def value(self, change: SampleDelta, values: Mapping[str, int]) -> float | None:
        """In `unit`, of one sample and what changed since the one before; None where it is not
        known."""
        if not self.level and (change.gap or change.seconds <= 0):
            return None
        counts: Deltas = values if self.level else change.deltas
        if self.of:
            share = self.share(counts)
            return share.percent if share else None
        amount = self.amount(counts)
        if amount is None or self.level:
            return amount
        return amount / change.seconds


def _expanded(names: tuple[str, ...], counts: Deltas) -> Iterator[str]:
    for name in names:
        start, star, end = name.partition("*")
        if star:
            yield from (n for n in counts if n.startswith(start) and n.endswith(end))
        else:
            yield name


CONNTRACK = DerivedFigure(
    name="conntrack",
    unit="entries",
    counters=("conntrack_count",),
    meaning="connections tracked in this network namespace",
    level=True,
)
CONNTRACK_FILL = DerivedFigure(
    name="conntrack_fill",
    unit="%",
    counters=("conntrack_count",),
    of="conntrack_max",
    meaning="how full the conntrack table of this network namespace is",
    level=True,
)
RETRANSMITS = DerivedFigure(
    name="retransmits",
    unit="seg/s",
    counters=("TcpRetransSegs",),
    meaning="segments retransmitted, SYNs included",
)
RETRANSMIT_SHARE = DerivedFigure(
    name="retransmit_share",
    unit="%",
    counters=("TcpRetransSegs",),
    less=("TcpExtTCPSynRetrans",),
    of="TcpExtTCPOrigDataSent",
    meaning="data segments retransmitted, of those sent for the first time; SYNs are not data",
)
OPENED = DerivedFigure(
    name="opened",
    unit="conn/s",
    counters=("TcpActiveOpens", "TcpPassiveOpens"),
    meaning="connections opened from here or accepted here",
)
FAILED = DerivedFigure(
    name="failed",
    unit="conn/s",
    counters=("TcpAttemptFails", "TcpEstabResets"),
    meaning="connections that failed before they were established, or were reset",
)
DROPS = DerivedFigure(
    name="drops",
    unit="pkt/s",
    counters=(
        "conntrack_drop",
        "IpInDiscards",
        "IpOutDiscards",
        "IpOutNoRoutes",
        "IpFragFails",
        "UdpRcvbufErrors",
        "TcpExtListenDrops",
        "TcpExtTCPBacklogDrop",
        "TcpExtTCPRcvQDrop",
        "TcpExtTCPOFODrop",
        "TcpExtTCPZeroWindowDrop",
        "TcpExtTCPReqQFullDrop",
        "TcpExtIPReversePathFilter",
        "dev/*_drop",
    ),
    meaning="packets dropped in this network namespace",
)
QUEUE_DROPS = DerivedFigure(
    name="node_drops",
    unit="pkt/s",
    counters=("softnet_dropped",),
    meaning="packets dropped by the CPUs' queues, on the whole node",
)
FIGURES = {
    figure.name: figure
    for figure in (
        CONNTRACK,
        CONNTRACK_FILL,
        RETRANSMITS,
        RETRANSMIT_SHARE,
        OPENED,
        FAILED,
        DROPS,
        QUEUE_DROPS,
    )
}
