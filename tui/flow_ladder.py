"""The events of one flow as a ladder between client and server."""

from __future__ import annotations

from collectors.capture.flow_event import FlowEvent
from tui import format as fmt
from tui.flow_format import ms
from tui.widgets.columns import Cell, Column

BAD_KINDS = (
    "retransmission",
    "fast retransmission",
    "SYN retransmission",
    "SYN-ACK retransmission",
    "FIN retransmission",
    "RST",
    "zero window",
    "ICMP",
)
ODD_KINDS = ("spurious retransmission", "out of order", "duplicate ACK", "window full")
WIDTH = 38  # cells of the arrow between the two ends


def arrow(event: FlowEvent) -> str:
    """`│──── SYN ────────────────▶│` from the client on the left to the server, or back."""
    if event.kind == "ICMP":
        return f"│{' ICMP error '.center(WIDTH, '·')}│"
    label = f" {event.kind}{f' ×{event.count}' if event.count > 1 else ''} "
    body = label.center(WIDTH - 1, "─")
    return f"│{body}▶│" if event.by_client else f"│◀{body}│"


def _arrow(event: FlowEvent) -> Cell:
    if event.kind in BAD_KINDS:
        return arrow(event), "bad"
    return arrow(event), "warn" if event.kind in ODD_KINDS else ""


def _note(event: FlowEvent) -> Cell:
    size = fmt.many(event.size, "byte") if event.size else ""
    lasts = f"over {ms(event.until - event.at)} ms" if event.count > 1 else ""
    return " ".join(filter(None, (size, lasts, event.note))), "dim"


def columns(begin_ns: int) -> tuple[Column, ...]:
    """Times count from the flow's first packet."""

    def at(event: FlowEvent) -> Cell:
        return f"{(event.at - begin_ns) / 1e6:,.3f}", "dim"

    return (
        Column("AT ms", 11, at, right=True),
        Column("CLIENT" + "SERVER".rjust(WIDTH - 4), WIDTH + 2, _arrow),
        Column("", 0, _note),
    )
