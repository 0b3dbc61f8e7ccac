"""What deserves a look in a flow or a lookup: one short reason, and how much it weighs in a list
sorted by trouble."""

from __future__ import annotations

from collectors.capture.direction import Direction
from collectors.capture.dns_names import NXDOMAIN
from collectors.capture.dns_transactions import DnsTransaction
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpFlow
from collectors.plural import plural

SLOW_NS = 1_000_000_000  # a convention: an answer this late is felt
# A convention: a resolver in the cluster answers within a few milliseconds
SLOW_LOOKUP_NS = 100_000_000
SHARE = 0.01  # of segments retransmitted; a convention (docs/reference/counters.md)


NONE = (0, "")
Problem = tuple[int, str]


def flow_problem(flow: TcpFlow | UdpFlow) -> Problem:
    """(weight, reason); (0, '') where there is none."""
    if isinstance(flow, UdpFlow):
        return _conversation(flow)
    return _not_opened(flow) or _reset(flow) or _losses(flow) or _waits(flow) or NONE


def _conversation(flow: UdpFlow) -> Problem:
    if flow.unreachable:
        return 90, flow.icmp_note.removeprefix("ICMP ")
    if flow.state == "unanswered" and flow.client.packets > 1:
        return 60, "no answer"
    return NONE


def _not_opened(flow: TcpFlow) -> Problem | None:
    state, sent = flow.state, flow.client.packets
    if state == "unanswered":
        if sent == 1:
            return 60, "SYN not answered yet"
        return 100, f"SYN unanswered, sent {sent} times"
    if state == "refused":
        return 95, state
    return (95, flow.icmp_note.removeprefix("ICMP ")) if state == "unreachable" else None


def _reset(flow: TcpFlow) -> Problem | None:
    if flow.reset_by is None:
        return None
    if flow.client.payload or flow.server.payload or not flow.syn_at:
        return 80, f"reset by {'client' if flow.reset_by.client else 'server'}"
    return 85, f"{flow.state} before any data"


def _losses(flow: TcpFlow) -> Problem | None:
    client, server = flow.client, flow.server
    segments = client.segments + server.segments
    if flow.retransmitted and flow.retransmitted >= SHARE * max(segments, 1):
        return 70, f"{_retransmitted(client, server, segments)} retransmitted"
    if client.counts.zero_windows or server.counts.zero_windows:
        end = "client" if client.counts.zero_windows else "server"
        return 65, f"the {end} does not read (zero window)"
    return None


def _retransmitted(client: Direction, server: Direction, segments: int) -> str:
    """Each kind by itself: SYNs and FINs are none of the segments, which have data."""
    again = client.data_retransmitted + server.data_retransmitted
    others = (
        (client.counts.syn_retransmitted, "SYN"),
        (server.counts.syn_retransmitted, "SYN-ACK"),
        (client.counts.fin_retransmitted + server.counts.fin_retransmitted, "FIN"),
    )
    parts = [f"{again} of {segments} segments"] if again else []
    parts += [f"{count} {plural(count, name)}" for count, name in others if count]
    return ", ".join(parts)


def _waits(flow: TcpFlow) -> Problem | None:
    if flow.waits.count and flow.waits.largest > SLOW_NS:
        return 50, f"slow answer, {flow.waits.largest / 1e9:.1f} s"
    return (40, flow.state) if flow.state == "handshake not completed" else None


def lookup_problem(found: DnsTransaction) -> Problem:
    """As `flow_problem`, of a lookup."""
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
