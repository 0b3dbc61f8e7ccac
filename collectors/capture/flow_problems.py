"""What deserves a look in a flow or a look-up: one short reason, and how much it weighs in a list sorted by trouble."""

from __future__ import annotations

from collectors.capture.dns import NXDOMAIN
from collectors.capture.dns_transactions import DnsTransaction
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpFlow

SLOW_NS = 1_000_000_000  # a convention: an answer this late is felt
SLOW_LOOKUP_NS = (
    100_000_000  # a convention: a resolver in the cluster answers within a few milliseconds
)
SHARE = 0.01  # of segments retransmitted; a convention (docs/reference/counters.md)


def flow_problem(flow: TcpFlow | UdpFlow) -> tuple[int, str]:
    """(weight, reason); (0, '') where there is none."""
    if isinstance(flow, UdpFlow):
        if flow.icmp:
            return 90, flow.icmp_note.removeprefix("ICMP ")
        return (
            (60, "no answer") if flow.state == "unanswered" and flow.client.packets > 1 else (0, "")
        )
    state = flow.state
    if state == "unanswered" and flow.client.packets == 1:
        return 60, "SYN not answered yet"
    if state == "unanswered":
        return 100, f"SYN unanswered, sent {flow.client.packets} times"
    if state in ("refused", "unreachable"):
        return 95, "refused" if state == "refused" else flow.icmp_note.removeprefix("ICMP ")
    if flow.reset_by is not None and (
        flow.client.payload or flow.server.payload or not flow.syn_at
    ):
        return 80, f"reset by {'client' if flow.reset_by.client else 'server'}"
    if flow.reset_by is not None:
        return 85, f"{state} before any data"
    segments = flow.client.segments + flow.server.segments
    if flow.retransmitted and flow.retransmitted >= SHARE * max(segments, 1):
        return 70, f"{flow.retransmitted} of {segments + _syns(flow)} segments retransmitted"
    if flow.client.zero_windows or flow.server.zero_windows:
        return (
            65,
            f"{'client' if flow.client.zero_windows else 'server'} takes no more (zero window)",
        )
    if flow.waits.count and flow.waits.largest > SLOW_NS:
        return 50, f"slow answer, {flow.waits.largest / 1e9:.1f} s"
    if state == "handshake not completed":
        return 40, state
    return 0, ""


def _syns(flow: TcpFlow) -> int:
    return flow.client.syn_retransmitted + flow.server.syn_retransmitted


def lookup_problem(found: DnsTransaction) -> tuple[int, str]:
    if found.rcode is None:
        return 90, "no answer"
    if found.rcode not in (0, NXDOMAIN):
        return 80, found.outcome
    if found.retries:
        return 70, f"asked {found.retries + 1} times"
    latency = found.latency or 0
    if latency > SLOW_LOOKUP_NS:
        return 60, f"slow, {latency / 1e6:,.0f} ms"
    if found.truncated:
        return 50, "truncated"
    if len(found.tried) >= 2:
        return 40, f"{len(found.tried)} search domains first"
    return 0, ""
