"""TCP connections and UDP conversations of a capture, those with problems first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from collectors.capture.flow_problems import Problem, flow_problem
from collectors.capture.tcp import TcpFlow
from session.own_connections import problem_of
from session.store import Store
from tui import format as fmt
from tui.flow_format import Flow, Names, address, end, ms
from tui.panels.panel import Panel, Sort, Status, joined, none_read, read_from
from tui.widgets.columns import Cell, Column
from tui.widgets.row_list import ListState

GAVE_UP_NS = 500_000_000  # a convention: who sends and closes at once waits for no answer
ProblemOf = Callable[[Flow], Problem]
STATE_STYLES = {
    "open": "good",
    "answered": "good",
    "closed": "dim",
    "midstream": "dim",
    "one direction": "dim",
}


def _with_requests(problem: ProblemOf, flow: Flow) -> Problem:
    """Also a request on which the client gave up, where nothing else is wrong."""
    found = problem(flow)
    if any(found) or not isinstance(flow, TcpFlow) or not flow.asked_at:
        return found
    waited = flow.client.fin_at - flow.asked_at
    return (55, f"no answer for {waited / 1e9:.1f} s") if waited >= GAVE_UP_NS else found


def _state(flow: Flow, problem: ProblemOf) -> Cell:
    weight, _ = problem(flow)
    if weight:
        return flow.state, "bad" if weight >= 80 else "warn"
    return flow.state, STATE_STYLES.get(flow.state, "")


def _problem(flow: Flow, problem: ProblemOf) -> Cell:
    weight, reason = problem(flow)
    return reason, "bad" if weight >= 70 else "warn" if weight else "dim"


def _handshake(flow: Flow) -> Cell:
    if not isinstance(flow, TcpFlow) or not flow.syn_at or not flow.synack_at:
        return fmt.NONE, "dim"
    return ms(flow.synack_at - flow.syn_at)


def _retransmitted(flow: Flow) -> Cell:
    if not isinstance(flow, TcpFlow):
        return fmt.NONE, "dim"
    return fmt.count(flow.retransmitted), "bad" if flow.retransmitted else "dim"


def _response(flow: Flow) -> Cell:
    return ms(flow.waits.mean) if flow.waits.count else (fmt.NONE, "dim")


def _packets(flow: Flow) -> Cell:
    return fmt.count(flow.client.packets + flow.server.packets)


def _bytes(flow: Flow) -> Cell:
    return fmt.count(flow.client.bytes + flow.server.bytes), "dim"


def columns(
    names: Names, problem: ProblemOf = flow_problem, now: Callable[[], float] = float
) -> tuple[Column, ...]:
    """`now` is the present of what is shown: times of other days have their date."""
    return (
        Column("START", 19, lambda f: (fmt.clock(f.first_ns / 1e9, beside=now()), "dim"), rank=6),
        Column("PROTO", 5, lambda f: (f.protocol, "dim"), rank=7),
        Column("CLIENT", 34, lambda f: end(f.client, names), tight=20, tail=6),
        Column("SERVER", 0, lambda f: end(f.server, names), least=19, tail=6),
        Column("STATE", 23, lambda f: _state(f, problem), tight=10),
        Column("PROBLEM", 34, lambda f: _problem(f, problem), tight=18),
        Column("RETRANS", 7, _retransmitted, right=True, rank=1),
        Column("SYN ms", 7, _handshake, right=True, rank=4),
        Column("RESP ms", 7, _response, right=True, rank=2),
        Column("PACKETS", 7, _packets, right=True, rank=5),
        Column("BYTES", 9, _bytes, right=True, rank=8),
    )


def searched(flow: Flow, names: Names, problem: ProblemOf = flow_problem) -> str:
    """What the filter's words are looked for in."""
    parts = (
        flow.protocol,
        end(flow.client, names),
        end(flow.server, names),
        address(flow.client.address),
        address(flow.server.address),
        flow.state,
        problem(flow)[1],
    )
    return " ".join(parts).lower()


class FlowsPanel(Panel):
    name = "flows"
    sorts: tuple[Sort, ...] = (
        ("newest", lambda f: (-f.first_ns,)),
        ("retransmissions", lambda f: (-f.retransmitted, -f.last_ns)),
        ("response time", lambda f: (-f.waits.mean, -f.last_ns)),
        ("bytes", lambda f: (-(f.client.bytes + f.server.bytes),)),
        ("server", lambda f: (f.server.address, f.server.port, f.client.address, f.client.port)),
    )
    nothing = "no flows yet: they are read from the capture, which {target.capture} starts"

    def __init__(self, store: Store, key: str) -> None:
        self.problem: ProblemOf = partial(_with_requests, partial(problem_of, store, key))
        found = columns(store.book.short, self.problem, lambda: store.latest)
        super().__init__(store, key, ListState(found, identity=lambda flow: flow.number))
        by_problem: Sort = ("problem", lambda f: (-self.problem(f)[0], -f.last_ns))
        self.sorts = (by_problem, *self.sorts)

    def empty(self) -> str:
        return super().empty() if self.words or self.live else none_read("flow", self.data)

    def version(self) -> tuple[Any, ...]:
        return (self.data.flows.revision, self.sort, self.words)

    def rows(self) -> list[Any]:
        names = self.store.book.names
        return self._found(self.data.flows.flows, lambda flow: searched(flow, names, self.problem))

    def note(self) -> str:
        return fmt.count(len(self.data.flows))

    def status(self, shown: int) -> Status:
        totals = self.data.flows.totals
        since = read_from(self.data) or "since the start"
        most = "at most " if totals.forgotten else ""  # those forgotten may be counted again
        seen = f"{most}{fmt.count(totals.tcp)} TCP, {fmt.count(totals.udp)} UDP {since}"
        if totals.left:
            seen += f" ({fmt.count(totals.left)} idle or closed no longer listed)"
        return joined([*self._shown(shown), seen]), False
