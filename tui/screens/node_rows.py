"""The node at a glance: each CPU with steal and softirq, interfaces, neighbours, pressure. Pure functions of a target's
data to rows; sections have header rows of their own."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.frozen import frozen
from collectors.kernel.deltas import SampleDelta
from diagnosis.thresholds import SOFTIRQ, STEAL
from session.store import Store, TargetData
from tui import format as fmt
from tui.screens.target_lists import Status, View, scope_of
from tui.widgets.row_list import Cell, Column, ListState

BAR = 12
FIGURES = 6
LINKS_SHOWN = 60
UNANSWERED_SHOWN = 10
BUSY = 90.0  # per cent: a convention


@frozen
class NodeLine:
    name: Cell
    bar: Cell
    figures: tuple[Cell, ...]
    identity: str

    def figure(self, number: int) -> Cell:
        return self.figures[number] if number < len(self.figures) else ""


def _header(title: str, bar: str, *figures: str) -> NodeLine:
    return NodeLine(
        (title, "name"), (bar, "dim"), tuple((text, "dim") for text in figures), f"# {title}"
    )


def bar(share: float | None, style: str = "") -> Cell:
    """A fill from 0 to 100 %."""
    if share is None:
        return fmt.NONE, "dim"
    filled = min(BAR, round(share / 100 * BAR))
    return "█" * filled + "·" * (BAR - filled), style


def _share(change: SampleDelta | None, prefix: str, kind: str) -> float | None:
    return change.share(f"{prefix}{kind}", f"{prefix}total") if change else None


def _percent(value: float | None, bad: float) -> Cell:
    return fmt.percent(value), "bad" if (value or 0) >= bad else "" if value else "dim"


def _rate(change: SampleDelta | None, name: str, trouble: bool = False) -> Cell:
    value = change.rate(name) if change else None
    return fmt.rate(value), ("bad" if trouble else "") if value else "dim"


def cpus(data: TargetData) -> Iterator[NodeLine]:
    change, sample = data.step, data.sample
    if sample is None:
        return
    yield _header("CPU", "BUSY", "", "SOFTIRQ", "STEAL", "PACKETS/s", "SQUEEZED/s", "DROPPED/s")
    numbers = sorted(
        int(n.split("/")[1]) for n in sample.values if n.startswith("cpu/") and n.endswith("/total")
    )
    for label, prefix, softnet in [
        ("all CPUs", "cpu_", "softnet_"),
        *((f"CPU {n}", f"cpu/{n}/", f"softnet/{n}/") for n in numbers),
    ]:
        idle = _share(change, prefix, "idle")
        busy = None if idle is None else max(0.0, 100 - idle)
        style = "bad" if (busy or 0) >= BUSY else ""
        yield NodeLine(
            label,
            bar(busy, style),
            (
                _percent(busy, BUSY),
                _percent(_share(change, prefix, "softirq"), SOFTIRQ),
                _percent(_share(change, prefix, "steal"), STEAL),
                _rate(change, f"{softnet}processed"),
                _rate(change, f"{softnet}time_squeeze", True),
                _rate(change, f"{softnet}dropped", True),
            ),
            label,
        )


def links(data: TargetData) -> Iterator[NodeLine]:
    change, sample = data.step, data.sample
    if sample is None:
        return
    known = {link.name: link for link in data.network.links} if data.network else {}
    names = {n.split("/")[1] for n in sample.values if n.startswith("dev/")}
    by_traffic = sorted(
        names,
        key=lambda n: (
            -((change.rate(f"dev/{n}/rx_bytes", f"dev/{n}/tx_bytes") if change else 0) or 0),
            n,
        ),
    )
    yield _header(
        "INTERFACE",
        "KIND, MTU",
        "IN b/s",
        "OUT b/s",
        "IN pkt/s",
        "OUT pkt/s",
        "ERRORS/s",
        "DROPS/s",
    )
    for name in by_traffic[:LINKS_SHOWN]:
        link = known.get(name)
        what = f"{link.kind or 'device'} {link.mtu}" if link else ""
        down = link is not None and link.state == "DOWN"
        yield NodeLine(
            name,
            (f"{what} down" if down else what, "warn" if down else "dim"),
            (
                _bits(change, f"dev/{name}/rx_bytes"),
                _bits(change, f"dev/{name}/tx_bytes"),
                _rate(change, f"dev/{name}/rx_packets"),
                _rate(change, f"dev/{name}/tx_packets"),
                _sum(change, f"dev/{name}/rx_errs", f"dev/{name}/tx_errs"),
                _sum(change, f"dev/{name}/rx_drop", f"dev/{name}/tx_drop"),
            ),
            f"link {name}",
        )
    if len(by_traffic) > LINKS_SHOWN:
        yield NodeLine((f"and {len(by_traffic) - LINKS_SHOWN} more", "dim"), "", (), "more links")


def _bits(change: SampleDelta | None, name: str) -> Cell:
    value = change.rate(name) if change else None
    return fmt.bits(None if value is None else 8 * value).removesuffix(
        "b/s"
    ).strip(), "" if value else "dim"


def _sum(change: SampleDelta | None, *names: str) -> Cell:
    value = change.rate(*names) if change else None
    return fmt.rate(value), "bad" if value else "dim"


def neighbours(data: TargetData) -> Iterator[NodeLine]:
    values = data.sample.values if data.sample else {}
    entries, limit = (
        values.get("arp_entries"),
        values.get("sysctl net.ipv4.neigh.default.gc_thresh3"),
    )
    if entries is None and data.network is None:
        return
    if entries is None and data.network is not None:  # only the first namespace has the file
        entries = len(data.network.neighbours)
    share = 100 * entries / limit if entries is not None and limit else None
    yield _header("NEIGHBOURS", "OF LIMIT", "ENTRIES", "LIMIT", "FAILED/s", "FULL/s")
    style = "bad" if (share or 0) >= 90 else ""
    yield NodeLine(
        "ARP table",
        bar(share, style),
        (
            (fmt.count(entries), style),
            (fmt.count(limit), "dim"),
            _rate(data.step, "arp_res_failed", True),
            _rate(data.step, "arp_table_fulls", True),
        ),
        "arp",
    )
    silent = [n for n in data.network.neighbours if not n.lladdr] if data.network else []
    for row in silent[:UNANSWERED_SHOWN]:
        yield NodeLine(
            (row.address, "warn"),
            ("no answer", "warn"),
            ((row.device, "dim"),),
            f"arp {row.address}",
        )


def pressure(data: TargetData) -> Iterator[NodeLine]:
    """PSI: the share of time in which some, or all, tasks waited."""
    change = data.step
    kinds = [
        kind
        for kind in ("cpu", "memory", "io")
        if data.sample and f"psi_{kind}_some" in data.sample.values
    ]
    if kinds:
        yield _header("PRESSURE", "SOME WAIT", "SOME", "ALL")
    for kind in kinds:
        some, full = (_stalled(change, f"psi_{kind}_{who}") for who in ("some", "full"))
        yield NodeLine(
            kind, bar(some), ((fmt.percent(some), ""), (fmt.percent(full), "dim")), f"psi {kind}"
        )


def _stalled(change: SampleDelta | None, name: str) -> float | None:
    micros = change.rate(name) if change else None
    return None if micros is None else micros / 10_000


def rows(data: TargetData) -> list[NodeLine]:
    found: list[NodeLine] = []
    for section in (cpus, links, neighbours, pressure):
        lines = list(section(data))
        if found and lines:
            found.append(NodeLine("", "", (), f"before {section.__name__}"))
        found += lines
    return found


def columns() -> tuple[Column, ...]:
    def figure(number: int) -> Column:
        return Column(
            " " * (number + 1),
            10,
            lambda r: r.figure(number),
            right=True,
            rank=(0, 2, 3, 4, 5, 1)[number],
        )

    return (
        Column("", 22, lambda r: r.name),
        Column("       ", 16, lambda r: r.bar),
        *(figure(number) for number in range(FIGURES)),
    )


class NodeView(View):
    """CPUs, interfaces and neighbours of the machine under a target."""

    name = "node"
    has_words = False

    def __init__(self, store: Store, key: str) -> None:
        super().__init__(
            store,
            key,
            ListState(columns(), "waiting for the first sample", identity=lambda r: r.identity),
        )

    def version(self) -> tuple[object, ...]:
        return (self.key, self.data.sample_at)

    def rows(self) -> list[NodeLine]:
        return rows(self.data)

    def note(self) -> str:
        idle = _share(self.data.step, "cpu_", "idle")
        return "" if idle is None else f"{max(0.0, 100 - idle):.0f} %"

    def status(self, shown: int) -> Status:
        kernel = (
            f" · Linux {self.data.network.kernel}"
            if self.data.network and self.data.network.kernel
            else ""
        )
        here = scope_of(self.key)
        return (
            f" CPUs, softnet, pressure: whole node · interfaces, neighbours: {here}{kernel}",
            False,
        )
