"""UDP datagrams are lost because a program does not read them in time.

Facts: docs/reference/counters.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from collectors.sockets.rows import SocketRow
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView, listed

LEAST = Threshold("at least", 10, "datagrams dropped in 15 s", CONVENTION)
SEVERE = Threshold("critical from", 10, "% of what came in", CONVENTION)
COUNTERS = ("UdpRcvbufErrors", "Udp6RcvbufErrors")
DELIVERED = ("UdpInDatagrams", "Udp6InDatagrams")
RULE = Rule(
    id="udp_buffer",
    title="UDP datagrams are dropped: a receive buffer is full, the program does not read in time",
    scope="pod or node",
    stage="cause",
    inputs=(*COUNTERS, *DELIVERED, "sockets"),
    symptoms=("load", "slow", "name"),
    screen="counters",
    thresholds=(LEAST, SEVERE),
    false_friends=("the drops were all of the moment when the program started",),
    confidence="certain",  # the kernel counts nothing else there (udp_queue_rcv_skb)
    fix="More readers of the socket, or less work for each datagram; for bursts a larger "
    "SO_RCVBUF, which net.core.rmem_max limits",
    verify="UdpRcvbufErrors no longer increases",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.counted:
        if target.delta(*COUNTERS) >= LEAST.value:
            yield _finding(target)


def _finding(target: TargetView) -> Finding:
    waiting = _waiting(target)
    where = f" of {listed(map(_name, waiting))}" if waiting else ""
    why = "the reader is too slow" if waiting else "a burst, or a reader that is too slow"
    return RULE.finding(
        subject=target.subject,
        title=f"UDP datagrams are dropped: the receive buffer{where} is full: {why}",
        severity="critical" if _share(target) >= SEVERE.value else "warning",
        evidence=_evidence(target, waiting),
    )


def _share(target: TargetView) -> float:
    """Of the datagrams that came in, in per cent. InDatagrams are those that were delivered."""
    dropped = target.delta(*COUNTERS)
    return 100 * dropped / (dropped + target.delta(*DELIVERED))


def _waiting(target: TargetView) -> list[SocketRow]:
    """UDP sockets that hold unread datagrams, the fullest first."""
    rows = [row for row in target.sockets if row.protocol == "udp" and row.recv_q]
    return sorted(rows, key=lambda row: -row.recv_q)[:3]


def _name(row: SocketRow) -> str:
    return f"UDP port {row.local_port}"


def _evidence(target: TargetView, waiting: list[SocketRow]) -> Iterator[Evidence]:
    yield from target.moved(*COUNTERS, source="/proc/net/snmp")
    for row in waiting:
        yield target.fact(f"{_name(row)}: {row.recv_q:,} bytes unread (Recv-Q)", "ss -lun")
    yield target.fact(f"{_share(target):.3g} % of the datagrams that came in", "InDatagrams")
