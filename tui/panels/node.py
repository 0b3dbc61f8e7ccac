"""The node: each CPU with softirq and steal, interfaces, neighbours, pressure (PSI)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from collectors.frozen import frozen
from collectors.kernel.deltas import SampleDelta, Share
from session.store import Store
from session.target_data import TargetData
from tui import format as fmt
from tui.panels.panel import Panel, Status, joined, scope_of
from tui.widgets.columns import Cell, Column
from tui.widgets.row_list import ListState

BAR = 12
LINKS_SHOWN = 60
UNANSWERED_SHOWN = 10
BUSY = 90.0  # %: a convention
RANKS = (0, 2, 3, 4, 5, 1)  # which of the figures go first where the screen is narrow
CPU_HEADER = ("", "SOFTIRQ", "STEAL", "PACKETS/s", "SQUEEZED/s", "DROPPED/s")
LINK_HEADER = ("RX b/s", "TX b/s", "RX pkt/s", "TX pkt/s", "ERRORS/s", "DROPS/s")
NEIGHBOUR_HEADER = ("ENTRIES", "LIMIT", "FAILED/s", "FULL/s")


@frozen
class NodeLine:
    """`identity` is the line's, whatever its figures are."""

    name: Cell
    bar: Cell
    figures: tuple[Cell, ...]
    identity: str

    def figure(self, number: int) -> Cell:
        return self.figures[number] if number < len(self.figures) else ""


def _header(title: str, bar: str, figures: tuple[str, ...]) -> NodeLine:
    dim = tuple((text, "dim") for text in figures)
    return NodeLine((title, "name"), (bar, "dim"), dim, f"# {title}")


def fill(share: float | None, style: str = "") -> Cell:
    """A bar from 0 to 100 %."""
    if share is None:
        return fmt.NONE, "dim"
    filled = min(BAR, round(share / 100 * BAR))
    return "█" * filled + "·" * (BAR - filled), style


def _share(change: SampleDelta | None, prefix: str, kind: str) -> float | None:
    return change.share(f"{prefix}{kind}", f"{prefix}total") if change else None


def _busy(change: SampleDelta | None, prefix: str) -> float | None:
    idle = _share(change, prefix, "idle")
    return None if idle is None else max(0.0, 100 - idle)


def _percent(value: float | None, bad: float) -> Cell:
    if not value:
        return fmt.percent(value), "dim"
    return fmt.percent(value), "bad" if value >= bad else ""


def _rate(change: SampleDelta | None, *names: str, bad: bool = False) -> Cell:
    value = change.rate(*names) if change else None
    if not value:
        return fmt.rate(value), "dim"
    return fmt.rate(value), "bad" if bad else ""


def _bits(change: SampleDelta | None, name: str) -> Cell:
    value = change.rate(name) if change else None
    text = fmt.bits(None if value is None else 8 * value)
    return text.removesuffix("b/s").strip(), "" if value else "dim"


# --- sections, each with a header row


def cpus(data: TargetData) -> Iterator[NodeLine]:
    if data.sample is None:
        return
    yield _header("CPU", "BUSY", CPU_HEADER)
    yield _cpu(data.step, "all CPUs", "cpu_", "softnet_")
    names = [n for n in data.sample.values if n.startswith("cpu/") and n.endswith("/total")]
    for number in sorted(int(name.split("/")[1]) for name in names):
        yield _cpu(data.step, f"CPU {number}", f"cpu/{number}/", f"softnet/{number}/")


def _cpu(change: SampleDelta | None, label: str, prefix: str, softnet: str) -> NodeLine:
    from diagnosis.rules.cpu_steal import WARNING as STEAL  # the first list waits for no rules
    from diagnosis.rules.softirq import SOFTIRQ

    busy = _busy(change, prefix)
    figures = (
        _percent(busy, BUSY),
        _percent(_share(change, prefix, "softirq"), SOFTIRQ.value),
        _percent(_share(change, prefix, "steal"), STEAL.value),
        _rate(change, f"{softnet}processed"),
        _rate(change, f"{softnet}time_squeeze", bad=True),
        _rate(change, f"{softnet}dropped", bad=True),
    )
    return NodeLine(label, fill(busy, "bad" if (busy or 0) >= BUSY else ""), figures, label)


def links(data: TargetData) -> Iterator[NodeLine]:
    if data.sample is None:
        return
    yield _header("INTERFACE", "KIND, MTU", LINK_HEADER)
    busiest = _busiest_links(data)
    about = _about_links(data)
    for name in busiest[:LINKS_SHOWN]:
        yield NodeLine(name, about.get(name, ""), _link_figures(data.step, name), f"link {name}")
    if len(busiest) > LINKS_SHOWN:
        yield NodeLine((f"and {len(busiest) - LINKS_SHOWN} more", "dim"), "", (), "more links")


def _busiest_links(data: TargetData) -> list[str]:
    names = {name.split("/")[1] for name in data.values if name.startswith("dev/")}
    return sorted(names, key=lambda name: (-_traffic(data.step, name), name))


def _traffic(change: SampleDelta | None, name: str) -> float:
    """Bytes a second of an interface, both directions; 0 where it is not known."""
    rate = change.rate(f"dev/{name}/rx_bytes", f"dev/{name}/tx_bytes") if change else 0
    return rate or 0.0


def _about_links(data: TargetData) -> dict[str, Cell]:
    """Kind and MTU of each interface, and whether it is down."""
    found: dict[str, Cell] = {}
    for link in data.links:
        what = f"{link.kind or 'device'} {link.mtu}"
        found[link.name] = (f"{what} down", "warn") if link.state == "DOWN" else (what, "dim")
    return found


def _link_figures(change: SampleDelta | None, name: str) -> tuple[Cell, ...]:
    counters = f"dev/{name}"
    return (
        _bits(change, f"{counters}/rx_bytes"),
        _bits(change, f"{counters}/tx_bytes"),
        _rate(change, f"{counters}/rx_packets"),
        _rate(change, f"{counters}/tx_packets"),
        _rate(change, f"{counters}/rx_errs", f"{counters}/tx_errs", bad=True),
        _rate(change, f"{counters}/rx_drop", f"{counters}/tx_drop", bad=True),
    )


def neighbours(data: TargetData) -> Iterator[NodeLine]:
    from diagnosis.rules.neighbour_table import LIMIT, WARNING, counted

    values = data.values
    entries = values.get("arp_entries")
    rows, kernel = (data.network.neighbours, data.network.kernel) if data.network else ((), "")
    if entries is None and data.network is None:
        return
    if entries is None:  # only the first namespace has the file
        entries = len(rows)
    entries = counted(entries, rows, kernel)
    limit = values.get(f"sysctl {LIMIT}")
    share = Share(entries, limit).percent if limit else None
    style = "bad" if (share or 0) >= WARNING.value else ""
    figures = (
        (fmt.count(entries), style),
        (fmt.count(limit), "dim"),
        _rate(data.step, "arp_res_failed", bad=True),
        _rate(data.step, "arp_table_fulls", bad=True),
    )
    yield _header("NEIGHBOURS", "OF LIMIT", NEIGHBOUR_HEADER)
    yield NodeLine("ARP table", fill(share, style), figures, "arp")
    yield from _unanswered(data)


def _unanswered(data: TargetData) -> Iterator[NodeLine]:
    silent = [n for n in data.network.neighbours if not n.lladdr] if data.network else []
    for row in silent[:UNANSWERED_SHOWN]:
        name, device = (row.address, "warn"), (row.device, "dim")
        yield NodeLine(name, ("no answer", "warn"), (device,), f"arp {row.address}")


def pressure(data: TargetData) -> Iterator[NodeLine]:
    """PSI: the share of time in which some, or all (full), tasks were stalled."""
    kinds = [kind for kind in ("cpu", "memory", "io") if f"psi_{kind}_some" in data.values]
    if kinds:
        yield _header("PRESSURE", "STALLED", ("SOME", "FULL"))
    for kind in kinds:
        some = _stalled(data.step, f"psi_{kind}_some")
        full = _stalled(data.step, f"psi_{kind}_full")
        figures = ((fmt.percent(some), ""), (fmt.percent(full), "dim"))
        yield NodeLine(kind, fill(some), figures, f"psi {kind}")


def _stalled(change: SampleDelta | None, name: str) -> float | None:
    micros = change.rate(name) if change else None
    return None if micros is None else micros / 10_000


SECTIONS = (cpus, links, neighbours, pressure)


def rows(data: TargetData) -> list[NodeLine]:
    found: list[NodeLine] = []
    for section in SECTIONS:
        lines = list(section(data))
        if found and lines:
            found.append(NodeLine("", "", (), f"before {section.__name__}"))
        found += lines
    return found


def _figure(number: int) -> Callable[[NodeLine], Cell]:
    return lambda line: line.figure(number)


def columns() -> tuple[Column, ...]:
    """Titles are blank, each of another length: sections have header rows of their own."""
    figures = (
        Column(" " * (number + 1), 10, _figure(number), right=True, rank=rank)
        for number, rank in enumerate(RANKS)
    )
    return (
        Column("", 22, lambda r: r.name),
        Column("       ", 16, lambda r: r.bar),
        *figures,
    )


class NodePanel(Panel):
    """CPUs, interfaces and neighbours of the machine under a target."""

    name = "node"
    has_words = False
    nothing = "waiting for the first sample: {target.tab(8)} shows what happens"
    nothing_recorded = "no sample was recorded"

    def __init__(self, store: Store, key: str) -> None:
        super().__init__(store, key, ListState(columns(), identity=lambda r: r.identity))

    def version(self) -> tuple[object, ...]:
        return (self.key, self.data.sample_at)

    def rows(self) -> list[NodeLine]:
        return rows(self.data)

    def note(self) -> str:
        busy = _busy(self.data.step, "cpu_")
        return "" if busy is None else f"CPU {busy:.0f} %"

    def status(self, shown: int) -> Status:
        kernel = self.data.network.kernel if self.data.network else ""
        parts = [
            "CPUs, softnet, pressure: whole node",
            f"interfaces, neighbours: {scope_of(self.key)}",
            f"Linux {kernel}" if kernel else "",
        ]
        return joined(parts), False
