"""DNS lookups of a capture: question, response code, latency, retries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collectors.capture.dns_transactions import DnsTransaction
from collectors.capture.flow_problems import lookup_problem
from session.store import Store
from tui import format as fmt
from tui.flow_format import Names, address, ms, named
from tui.panels.panel import Panel, Sort, Status, joined, none_read, read_from
from tui.widgets.columns import Cell, Column
from tui.widgets.row_list import ListState

NXDOMAIN = 3
LAST = 1 << 60  # sorts below every latency


def _outcome(lookup: DnsTransaction) -> Cell:
    weight, _ = lookup_problem(lookup)
    if weight >= 80:
        return lookup.outcome, "bad"
    return lookup.outcome, "dim" if lookup.outcome == "NOERROR" else "warn"


def _problem(lookup: DnsTransaction) -> Cell:
    """What the result beside it does not say."""
    weight, reason = lookup_problem(lookup)
    return "" if reason == lookup.outcome else reason, "bad" if weight >= 60 else "warn"


def columns(names: Names, now: Callable[[], float]) -> tuple[Column, ...]:
    """`now` is the present of what is shown: times of other days have their date."""
    return (
        Column("TIME", 23, lambda t: (fmt.clock(t.at / 1e9, 3, now()), "dim"), rank=3),
        Column("CLIENT", 26, lambda t: named(t.client, names), rank=2, tight=14, tail=6),
        Column("NAME", 0, lambda t: t.name),
        Column("TYPE", 5, lambda t: (t.type, "dim")),
        Column("RESULT", 9, _outcome),
        Column("PROBLEM", 26, _problem, rank=1, tight=14),
        Column("ms", 8, lambda t: ms(t.latency), right=True),
        Column("SERVER", 24, lambda t: (named(t.server, names), "dim"), rank=5, tight=14, tail=6),
    )


def searched(lookup: DnsTransaction, names: Names) -> str:
    """What the filter's words are looked for in."""
    parts = (
        lookup.name,
        lookup.type,
        lookup.outcome,
        address(lookup.client),
        named(lookup.client, names),
        address(lookup.server),
        named(lookup.server, names),
        lookup_problem(lookup)[1],
    )
    return " ".join(parts).lower()


class DnsPanel(Panel):
    name = "dns"
    sorts: tuple[Sort, ...] = (
        ("newest", lambda t: (-t.at,)),
        ("problem", lambda t: (-lookup_problem(t)[0], -t.at)),
        ("latency", lambda t: (-(t.latency or LAST), -t.at)),
        ("name", lambda t: (t.name, t.type, -t.at)),
    )
    nothing = "no DNS yet: lookups are read from the capture, which {target.capture} starts"

    def __init__(self, store: Store, key: str) -> None:
        super().__init__(
            store, key, ListState(columns(store.book.short, lambda: store.latest), identity=id)
        )

    def empty(self) -> str:
        capture = self.data.capture
        if not self.words and not self.live:
            return none_read("DNS lookup", self.data)
        if not self.words and capture is not None and capture.phase == "running":
            return "no DNS yet: the running capture has seen no lookup"
        return super().empty()

    def version(self) -> tuple[Any, ...]:
        return (self.data.flows.lookups.revision, self.sort, self.words)

    def rows(self) -> list[Any]:
        lookups, names = self.data.flows.lookups, self.store.book.names
        every = [*lookups.done, *lookups.pending]
        return self._found(every, lambda lookup: searched(lookup, names))

    def note(self) -> str:
        return fmt.count(self.data.flows.lookups.totals.asked)

    def status(self, shown: int) -> Status:
        totals = self.data.flows.lookups.totals
        missing = totals.codes.get(NXDOMAIN, 0)
        failed = sum(n for code, n in totals.codes.items() if code not in (0, NXDOMAIN))
        share = fmt.percent(100 * missing / totals.answered) if totals.answered else ""
        parts = [
            *self._shown(shown),
            f"no answer {fmt.count(totals.asked - totals.answered - totals.left_out)}",
            f"failed {fmt.count(failed)}",
            f"of {fmt.many(totals.asked, 'query', 'queries')}",
            f"retries {fmt.count(totals.retries)}",
            f"NXDOMAIN {fmt.count(missing)}{f' ({share} of responses)' if share else ''}",
            *([f"left out {fmt.count(totals.left_out)}"] if totals.left_out else []),
            read_from(self.data),
        ]
        return joined(parts), bool(failed or totals.unanswered)
