"""Columns of the lists of flows and look-ups, and of a flow's ladder: pure functions of what the flow table holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address

from collectors.capture.direction import Direction, FlowEvent
from collectors.capture.dns_transactions import DnsTransaction
from collectors.capture.flow_problems import flow_problem, lookup_problem
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpFlow, UdpHalf
from tui import format as fmt
from tui.widgets.row_list import Cell, Column

Flow = TcpFlow | UdpFlow
Names = Mapping[str, str]
STATE_STYLES = {
    "open": "good",
    "answered": "good",
    "closed": "dim",
    "seen midway": "dim",
    "one way": "dim",
}
BAD_KINDS = ("retransmission", "fast retransmission", "RST", "zero window", "ICMP")
ODD_KINDS = ("spurious retransmission", "out of order", "duplicate ACK", "window full")
LADDER = 38  # cells of the arrow between the two ends


def address(packed: bytes) -> str:
    return str(ip_address(packed))


def end(half: Direction | UdpHalf, names: Names) -> str:
    text = address(half.address)
    return f"{names.get(text, text)}:{half.port}"


def ms(ns: float | None) -> str:
    return fmt.NONE if not ns else fmt.milliseconds(ns / 1e6)


def _state(flow: Flow) -> Cell:
    weight, _ = flow_problem(flow)
    return flow.state, "bad" if weight >= 80 else "warn" if weight else STATE_STYLES.get(
        flow.state, ""
    )


def _trouble(flow: Flow) -> Cell:
    weight, reason = flow_problem(flow)
    return reason, "bad" if weight >= 70 else "warn"


def _handshake(flow: Flow) -> Cell:
    if not isinstance(flow, TcpFlow) or not flow.syn_at or not flow.synack_at:
        return fmt.NONE, "dim"
    return ms(flow.synack_at - flow.syn_at)


def _resent(flow: Flow) -> Cell:
    if not isinstance(flow, TcpFlow):
        return fmt.NONE, "dim"
    return str(flow.resent), "bad" if flow.resent else "dim"


def _wait(flow: Flow) -> Cell:
    return ms(flow.waits.mean) if flow.waits.count else (fmt.NONE, "dim")


def flow_columns(names: Names) -> tuple[Column, ...]:
    return (
        Column("START", 8, lambda f: (fmt.clock(f.first_ns / 1e9), "dim"), rank=6),
        Column("PROTO", 5, lambda f: (f.protocol, "dim"), rank=7),
        Column("CLIENT", 34, lambda f: end(f.client, names), rank=2),
        Column("SERVER", 0, lambda f: end(f.server, names)),
        Column("STATE", 23, _state, rank=3),
        Column("TROUBLE", 34, _trouble, rank=1),
        Column("RETRANS", 6, _resent, right=True),
        Column("SYN ms", 7, _handshake, right=True, rank=4),
        Column("WAIT ms", 7, _wait, right=True),
        Column(
            "PACKETS",
            7,
            lambda f: fmt.count(f.client.packets + f.server.packets),
            right=True,
            rank=5,
        ),
        Column(
            "BYTES",
            9,
            lambda f: (fmt.count(f.client.bytes + f.server.bytes), "dim"),
            right=True,
            rank=8,
        ),
    )


FLOW_SORTS: tuple[tuple[str, Callable[[Flow], tuple[object, ...]]], ...] = (
    ("trouble", lambda f: (-flow_problem(f)[0], -f.last_ns)),
    ("newest", lambda f: (-f.first_ns,)),
    ("resent", lambda f: (-f.resent, -f.last_ns)),
    ("wait", lambda f: (-f.waits.mean, -f.last_ns)),
    ("bytes", lambda f: (-(f.client.bytes + f.server.bytes),)),
    ("server", lambda f: (f.server.address, f.server.port, f.client.address, f.client.port)),
)


def flow_text(flow: Flow, names: Names) -> str:
    ends = f"{end(flow.client, names)} {end(flow.server, names)} {address(flow.client.address)} "
    return f"{flow.protocol} {ends}{address(flow.server.address)} {flow.state} {flow_problem(flow)[1]}".lower()


# --- DNS


def _outcome(found: DnsTransaction) -> Cell:
    weight, _ = lookup_problem(found)
    style = "bad" if weight >= 80 else "warn" if found.outcome != "NOERROR" else "dim"
    return found.outcome, style


def _lookup_trouble(found: DnsTransaction) -> Cell:
    weight, reason = lookup_problem(found)
    return reason, "bad" if weight >= 60 else "warn"


def lookup_columns(names: Names) -> tuple[Column, ...]:
    return (
        Column("TIME", 12, lambda t: (fmt.clock(t.at / 1e9, 3), "dim"), rank=3),
        Column("CLIENT", 26, lambda t: names.get(address(t.client), address(t.client)), rank=4),
        Column("NAME", 0, lambda t: t.name),
        Column("TYPE", 5, lambda t: (t.type, "dim")),
        Column("OUTCOME", 9, _outcome),
        Column("TROUBLE", 26, _lookup_trouble, rank=1),
        Column("ms", 8, lambda t: ms(t.latency), right=True),
        Column(
            "SERVER", 24, lambda t: (names.get(address(t.server), address(t.server)), "dim"), rank=5
        ),
    )


LOOKUP_SORTS: tuple[tuple[str, Callable[[DnsTransaction], tuple[object, ...]]], ...] = (
    ("newest", lambda t: (-t.at,)),
    ("trouble", lambda t: (-lookup_problem(t)[0], -t.at)),
    ("slowest", lambda t: (-(t.latency or 1 << 60), -t.at)),
    ("name", lambda t: (t.name, t.type, -t.at)),
)


def lookup_text(found: DnsTransaction, names: Names) -> str:
    client, server = address(found.client), address(found.server)
    ends = f"{client} {names.get(client, '')} {server} {names.get(server, '')}"
    return f"{found.name} {found.type} {found.outcome} {ends} {lookup_problem(found)[1]}".lower()


# --- the ladder of one flow


def arrow(moment: FlowEvent) -> str:
    """`│──── SYN ────────────────▶│` from the client on the left to the server on the right, or back."""
    if moment.kind == "ICMP":
        return f"│{' ICMP error '.center(LADDER, '·')}│"
    label = f" {moment.kind}{f' ×{moment.count}' if moment.count > 1 else ''} "
    body = label.center(LADDER - 1, "─")
    return f"│{body}▶│" if moment.by_client else f"│◀{body}│"


def _arrow(moment: FlowEvent) -> Cell:
    return arrow(
        moment
    ), "bad" if moment.kind in BAD_KINDS else "warn" if moment.kind in ODD_KINDS else ""


def ladder_columns(begin_ns: int) -> tuple[Column, ...]:
    """Times from the flow's first packet."""

    def note(moment: FlowEvent) -> Cell:
        size = f"{fmt.count(moment.size)} bytes" if moment.size else ""
        lasts = f"over {ms(moment.until - moment.at)} ms" if moment.count > 1 else ""
        return " ".join(part for part in (size, lasts, moment.note) if part), "dim"

    return (
        Column("AT ms", 11, lambda m: (f"{(m.at - begin_ns) / 1e6:,.3f}", "dim"), right=True),
        Column("CLIENT" + "SERVER".rjust(LADDER - 4), LADDER + 2, _arrow),
        Column("", 0, note),
    )
