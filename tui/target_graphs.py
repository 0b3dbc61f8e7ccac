"""What the four graphs of the target screen show: pure functions of a target's data."""

from __future__ import annotations

from dataclasses import replace

from collectors.frozen import frozen
from collectors.plural import plural
from diagnosis.rule import Threshold, level
from diagnosis.rules import conntrack_full, retransmits as retransmits_rule
from session.series import SeriesInfo
from session.target_data import Series, TargetData
from tui import format as fmt
from tui.keymap import KEYS
from tui.panels.conntrack import full_in
from tui.time_view import TimeView
from tui.widgets.graph_plot import GraphData, GraphLine

NOT_THERE = "no data at this time: {time.move(1)} goes forward"


@frozen
class GraphSpec:
    """A target's data, the scope of its figures, and which time its graphs show."""

    data: TargetData
    scope: str
    view: TimeView

    def line(self, name: str, first: bool = True) -> GraphLine:
        return self.view.line(self.data.series(name), "first" if first else "second")

    def why_empty(self, otherwise: str = "a rate needs two samples") -> str:
        if self.data.phase in ("failed", "gone"):
            return KEYS.fill("no data: {target.tab(8)} shows why")
        return otherwise if self.data.sample is not None else "waiting for the first sample"


def alarm(value: float | None, warning: Threshold, critical: Threshold) -> str:
    return {"critical": "bad", "warning": "warn"}.get(
        level(value or 0, warning, critical) or "", ""
    )


def peak(series: Series) -> str:
    return f"max {fmt.rate(series.maximum)}"


def conntrack(node: GraphSpec) -> GraphData:
    """The fill of the table, with the thresholds of the rule about it."""
    series, limit = node.data.series("conntrack"), node.data.conntrack_max()
    count = series.current
    fill = node.data.series("conntrack_fill").current
    return GraphData(
        title="conntrack",
        unit="entries",
        scope=node.scope,
        lines=(node.line("conntrack"),),
        figures=(
            f"{fmt.count(count)} {plural(count or 0, 'entry', 'entries')}",
            fmt.percent(fill),
            *full_in(node.data),
            f"of {fmt.count(limit)} (global)",
        ),
        limits=_limits(limit) if limit else (),
        gauge=fill,
        gauge_ticks=tuple(one.value for one in conntrack_full.RULE.thresholds),
        gauge_note=f"peak {fmt.count(series.maximum)}",
        **node.view.edge,
        empty=node.why_empty("connection tracking is not in use here"),
        alarm=alarm(fill, conntrack_full.WARNING, conntrack_full.CRITICAL),
    )


def _limits(entries: float) -> tuple[tuple[float, str], ...]:
    thresholds = conntrack_full.RULE.thresholds
    return tuple((entries * one.value / 100, f"{one.value:g} %") for one in thresholds)


def _of_data(share: float | None) -> tuple[str, ...]:
    """SYNs, which are in the rate beside it, are in no share of data."""
    if share is None:
        return ()
    return (f"{fmt.percent(share)} of data" if share < 100 else "more than new data",)


def retransmits(pod: GraphSpec) -> GraphData:
    rate, share = pod.data.series("retransmits"), pod.data.series("retransmit_share").current
    return GraphData(
        title="retransmits",
        unit="seg/s",
        scope=pod.scope,
        lines=(pod.line("retransmits"),),
        figures=(f"{fmt.rate(rate.current)} seg/s", *_of_data(share), peak(rate)),
        short="retrans",
        compact=(f"{fmt.rate(rate.current)}/s", *_of_data(share), peak(rate)),
        rule=f"warning from {retransmits_rule.WARNING.value:g} % of data",
        **pod.view.edge,
        empty=pod.why_empty(),
        alarm=alarm(share, retransmits_rule.WARNING, retransmits_rule.CRITICAL),
    )


def connections(pod: GraphSpec) -> GraphData:
    opened, failed = pod.data.series("opened"), pod.data.series("failed")
    return GraphData(
        title="connections",
        unit="conn/s",
        scope=pod.scope,
        lines=(pod.line("opened"), pod.line("failed", first=False)),
        figures=(
            f"{fmt.rate(opened.current)} opened/s",
            f"{fmt.rate(failed.current)} failed/s",
            peak(opened),
        ),
        short="conn",
        compact=(
            f"{fmt.rate(opened.current)}/s",
            f"{fmt.rate(failed.current)} failed",
            peak(opened),
        ),
        **pod.view.edge,
        empty=pod.why_empty(),
        alarm="warn" if failed.current else "",
    )


def drops(node: GraphSpec, pod: GraphSpec) -> GraphData:
    """Packets dropped in the node's namespace, and beside them the pod's own; without a node,
    the pod's alone."""
    series, own = node.data.series("drops"), pod.data.series("drops")
    queues = node.data.series("node_drops").current
    apart = node.data is not pod.data
    beside = (f"this pod {fmt.rate(own.current)}",) if apart else ()
    total = (series.current or 0) + (own.current or 0) + (queues or 0)
    return GraphData(
        title="drops",
        unit="pkt/s",
        scope=node.scope,
        lines=(
            node.line("drops"),
            pod.line("drops", first=False) if apart else node.line("node_drops", first=False),
        ),
        figures=(
            f"{fmt.rate(series.current)} pkt/s",
            peak(series),
            *beside,
            f"CPU queues {fmt.rate(queues)}",
        ),
        **node.view.edge,
        empty=node.why_empty(),
        alarm="bad" if total else "",
    )


def figure(shown: SeriesInfo, place: GraphSpec) -> GraphData:
    """Any figure of a target on a graph of its own."""
    history = place.data.peer_history if shown.of_peers else place.data.history
    series = Series(shown.name, history)
    now = series.current
    return GraphData(
        title=shown.title,
        unit=shown.unit,
        scope=place.scope,
        lines=(_known_alone(shown, place.view.line(series, "first")),),
        figures=(f"{fmt.rate(now)} {shown.unit}", peak(series)),
        **place.view.edge,
        empty=_why_nothing(now, place.view.until is None),
    )


def _why_nothing(now: float | None, latest: bool) -> str:
    if not latest:
        return KEYS.fill(NOT_THERE)
    return "no data so far" if now is None else "begins with the next sample"


def _known_alone(shown: SeriesInfo, line: GraphLine) -> GraphLine:
    """Where there is no connection its RTT is kept as 0, as all that is not there."""
    if shown.unit != "ms":
        return line
    return replace(line, points=[(at, value or None) for at, value in line.points])
