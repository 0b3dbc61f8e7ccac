"""One flow: how it ended, its figures, and its events as a ladder between the two ends."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.widgets import Static

from collectors.capture.direction import Direction
from collectors.capture.flow_objects import reset_phase
from collectors.capture.flow_problems import flow_problem
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpDirection, UdpFlow
from collectors.plural import counted
from session.controller import Controller
from session.store import Store
from tui import flow_ladder, format as fmt
from tui.actions import bindings
from tui.flow_format import Flow, end, ms
from tui.panels.panel import scope_of
from tui.screens.base import ConsoleScreen
from tui.screens.text_view import Document
from tui.widgets.header import Header, HeaderData
from tui.widgets.key_footer import KeyFooter
from tui.widgets.row_list import RowList
from tui.widgets.target_tabs import Targets

LOW = 16  # rows of the terminal


class FlowScreen(ConsoleScreen):
    """`key` is the target in whose capture the flow is."""

    BINDINGS = bindings("flow")
    AUTO_FOCUS = "#list"

    def __init__(self, store: Store, control: Controller, key: str, flow: Flow) -> None:
        super().__init__(store, control)
        self.key = key
        self.flow = flow
        self._is_of_another_time = False

    def compose(self) -> ComposeResult:
        yield Header()
        yield Targets()
        yield Static("", id="flow", markup=False)
        columns = flow_ladder.columns(self.flow.first_ns)
        yield RowList(columns, "UDP has no connection: there is no ladder to draw", id="list")
        yield KeyFooter()

    def on_resize(self, event: events.Resize) -> None:
        """On a small terminal the ladder comes first; enter has all that is known of the flow."""
        self.set_class(event.size.height < LOW, "low")

    def on_row_list_row_chosen(self) -> None:
        self.app.push_screen(Document(f"flow {self.flow.number}", self._summary().plain))

    def pull(self) -> None:
        if self._is_of_another_time:
            self.dismiss()
            return
        self.show_header(self.key)
        flow = self.flow
        drawn = (flow.last_ns, flow.client.packets, flow.server.packets, flow.icmp)
        if drawn != self._drawn:
            self._drawn = drawn
            self.query_one("#flow", Static).update(self._summary())
            moments = list(flow.events) if isinstance(flow, TcpFlow) else []
            self.query_one("#list", RowList).show(moments)

    def forget_drawn(self) -> None:
        """It is left, and where a dialog is above it, after that."""
        self._is_of_another_time = True

    def header_data(self) -> HeaderData:
        weight, _ = flow_problem(self.flow)
        mood = "bad" if weight >= 80 else "warn" if weight else "good"
        return self.header(f"{self.flow.protocol} flow {self.flow.number}", self.flow.state, mood)

    def _summary(self) -> Text:
        flow, names = self.flow, self.store.book.both
        _, reason = flow_problem(flow)
        parts = [
            flow.state,
            *([reason] if reason and reason != flow.state else []),
            f"{(flow.last_ns - flow.first_ns) / 1e9:,.3f} s",
            scope_of(self.key),
        ]
        text = Text()
        text.append(f" {end(flow.client, names)} → {end(flow.server, names)}\n", "bold")
        for line in (" · ".join(parts), *figures(flow)):
            text.append(f" {line}\n")
        return text

    def action_back(self) -> None:
        self.dismiss()


def figures(flow: Flow) -> list[str]:
    return list(_of_udp(flow) if isinstance(flow, UdpFlow) else _of_tcp(flow))


def _of_udp(flow: UdpFlow) -> Iterator[str]:
    yield _datagrams("client", flow.client)
    yield _datagrams("server", flow.server)
    waits = flow.waits
    if waits.count:
        times = f"mean {ms(waits.mean)} ms, longest {ms(waits.largest)} ms"
        yield f"{fmt.many(waits.count, 'response')}, {times}"
    else:
        yield "no response in this capture"


def _datagrams(name: str, side: UdpDirection) -> str:
    return f"{name} sent {fmt.many(side.packets, 'datagram')}, {fmt.many(side.payload, 'byte')}"


def _of_tcp(flow: TcpFlow) -> Iterator[str]:
    yield _sent("client", flow.client)
    yield _sent("server", flow.server)
    yield _handshake(flow)
    if flow.waits.count:
        yield _responses(flow)
    if flow.reset_by is not None:
        end_name = "client" if flow.reset_by.client else "server"
        after = ms(flow.reset_by.reset_at - flow.first_ns)
        yield f"reset by the {end_name} after {after} ms, {reset_phase(flow)}"
    if flow.copies:
        yield f"{flow.copies} duplicates of packets seen on other interfaces are not counted"
    if flow.state == "unanswered":
        yield "nothing came back to where this was captured"
    elif flow.one_sided and flow.state != "unreachable":
        yield "only one direction was captured: losses and times are estimates"


def _responses(flow: TcpFlow) -> str:
    waits = flow.waits
    times = f"mean {ms(waits.mean)} ms, longest {ms(waits.largest)} ms"
    responses = counted(waits.count, "response")
    return f"application: {responses}, {times} (last request byte to first response byte)"


def _handshake(flow: TcpFlow) -> str:
    if not flow.syn_at:
        return "handshake: not in this capture"
    if not flow.synack_at:
        sent = fmt.times(1 + flow.client.counts.syn_retransmitted)
        return f"handshake: SYN sent {sent}, no SYN-ACK"
    text = f"handshake: SYN to SYN-ACK {ms(flow.synack_at - flow.syn_at)} ms (network and server)"
    if flow.acked_at:
        text += f", SYN-ACK to ACK {ms(flow.acked_at - flow.synack_at)} ms (client)"
    return text


def _sent(name: str, side: Direction) -> str:
    packets, payload = fmt.many(side.packets, "packet"), fmt.many(side.payload, "byte")
    segments = fmt.many(side.segments, "segment")
    parts = [f"{name} sent {packets}, {payload} in {segments}"]
    if side.rtt.count:
        parts.append(f"RTT {ms(side.rtt.smallest)}–{ms(side.rtt.largest)} ms")
    counts = (
        (side.counts.fast, "fast retransmission"),
        (side.counts.timeouts, "timeout retransmission"),
        (side.counts.syn_retransmitted, f"{'SYN' if side.client else 'SYN-ACK'} retransmission"),
        (side.counts.fin_retransmitted, "FIN retransmission"),
        (side.counts.spurious, "spurious retransmission"),
        (side.counts.duplicate_acks, "duplicate ACK"),
        (side.counts.zero_windows, "zero window"),
    )
    parts += [fmt.many(count, what) for count, what in counts if count]
    if side.counts.out_of_order:
        parts.append(f"{fmt.count(side.counts.out_of_order)} out of order")
    if side.counts.window_full:
        parts.append(f"window full {fmt.times(side.counts.window_full)}")
    return ", ".join(parts)
