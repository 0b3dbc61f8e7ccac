"""One flow: what became of it, its figures, and its events as a ladder between the two ends."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Footer, Static

from collectors.capture.direction import Direction
from collectors.capture.flow_problems import flow_problem
from collectors.capture.jsonl import reset_phase
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpFlow
from session.controller import Controller
from session.store import Store
from tui import format as fmt
from tui.actions import bindings
from tui.screens import flow_columns
from tui.screens.base import ConsoleScreen
from tui.widgets.header import Header, HeaderData
from tui.widgets.row_list import RowList
from tui.widgets.target_tabs import Targets


class FlowScreen(ConsoleScreen):
    """`key` is the target in whose capture the flow is, `scope` what the capture speaks of."""

    BINDINGS = bindings("flow")
    AUTO_FOCUS = "#list"

    def __init__(
        self, store: Store, control: Controller, key: str, flow: TcpFlow | UdpFlow, scope: str
    ) -> None:
        super().__init__(store, control)
        self.key = key
        self.flow = flow
        self.scope = scope
        self._drawn: tuple[int, ...] = ()

    def compose(self) -> ComposeResult:
        yield Header()
        yield Targets()
        yield Static("", id="flow", markup=False)
        yield RowList(
            flow_columns.ladder_columns(self.flow.first_ns),
            "one datagram at a time: no ladder",
            id="list",
        )
        yield Footer()

    def pull(self) -> None:
        self.show_header(self.key)
        flow = self.flow
        drawn = (flow.last_ns, flow.client.packets, flow.server.packets, flow.icmp)
        if drawn != self._drawn:
            self._drawn = drawn
            self.query_one("#flow", Static).update(self._summary())
            self.query_one("#list", RowList).show(
                list(flow.moments) if isinstance(flow, TcpFlow) else []
            )

    def header_data(self) -> HeaderData:
        start = self.store.start
        weight, _ = flow_problem(self.flow)
        mood = "bad" if weight >= 80 else "warn" if weight else "good"
        context, user = (start.context, start.user) if start else ("", "")
        return HeaderData(
            context,
            "",
            f"{self.flow.protocol} flow {self.flow.number}",
            user,
            self.flow.state,
            mood,
        )

    def _summary(self) -> Text:
        flow, names = self.flow, self.store.book.both
        text = Text()
        text.append(
            f" {flow_columns.end(flow.client, names)} → {flow_columns.end(flow.server, names)}\n",
            "bold",
        )
        _, reason = flow_problem(flow)
        seconds = (flow.last_ns - flow.first_ns) / 1e9
        parts = [
            flow.state,
            *([reason] if reason and reason != flow.state else []),
            f"{seconds:,.3f} s",
            self.scope,
        ]
        text.append(f" {' · '.join(parts)}\n")
        for line in self._figures():
            text.append(f" {line}\n")
        return text

    def _figures(self) -> list[str]:
        flow = self.flow
        if isinstance(flow, UdpFlow):
            waits = flow.waits
            answers = f"answers {waits.count}, mean {flow_columns.ms(waits.mean)} ms, slowest {flow_columns.ms(waits.largest)} ms"
            return [
                f"client sent {fmt.count(flow.client.packets)} datagrams, {fmt.count(flow.client.payload)} bytes",
                f"server sent {fmt.count(flow.server.packets)} datagrams, {fmt.count(flow.server.payload)} bytes",
                answers if waits.count else "no answer was seen",
            ]
        lines = [_half("client", flow.client), _half("server", flow.server), _handshake(flow)]
        if flow.waits.count:
            waits = flow.waits
            lines.append(
                f"application: {waits.count} answers, mean wait {flow_columns.ms(waits.mean)} ms, "
                f"longest {flow_columns.ms(waits.largest)} ms (last byte asked to first byte answered)"
            )
        if flow.reset_by is not None:
            who = "client" if flow.reset_by.client else "server"
            after = flow_columns.ms(flow.reset_by.reset_at - flow.first_ns)
            lines.append(f"reset by the {who} after {after} ms, {reset_phase(flow)}")
        if flow.copies:
            lines.append(
                f"{flow.copies} packets were seen again on other interfaces and count nowhere"
            )
        if flow.one_sided:
            lines.append(
                "packets of one direction only were seen: losses and times are told with care"
            )
        return lines

    def action_back(self) -> None:
        self.app.pop_screen()


def _handshake(flow: TcpFlow) -> str:
    if not flow.syn_at:
        return "handshake: not in this capture"
    if not flow.synack_at:
        return f"handshake: SYN sent {1 + flow.client.syn_resent} times, never answered"
    there = (
        f"SYN to SYN-ACK {flow_columns.ms(flow.synack_at - flow.syn_at)} ms (network and server)"
    )
    back = (
        f", SYN-ACK to ACK {flow_columns.ms(flow.acked_at - flow.synack_at)} ms (client)"
        if flow.acked_at
        else ""
    )
    return f"handshake: {there}{back}"


def _half(name: str, half: Direction) -> str:
    parts = [
        f"{name} sent {fmt.count(half.packets)} packets, {fmt.count(half.payload)} bytes in {half.segments} segments"
    ]
    if half.rtt.count:
        parts.append(
            f"RTT {flow_columns.ms(half.rtt.smallest)}–{flow_columns.ms(half.rtt.largest)} ms"
        )
    for count, what in (
        (half.fast, "fast retransmissions"),
        (half.timeouts, "timeout retransmissions"),
        (half.syn_resent, "SYN resent"),
        (half.spurious, "spurious retransmissions"),
        (half.out_of_order, "out of order"),
        (half.duplicate_acks, "duplicate ACKs"),
        (half.zero_windows, "zero windows"),
        (half.window_full, "times window full"),
    ):
        if count:
            parts.append(f"{count} {what}")
    return ", ".join(parts)
