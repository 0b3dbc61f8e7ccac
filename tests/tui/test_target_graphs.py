"""What graphs show of a target's data: a time that is not there is no 0."""

from __future__ import annotations

import pytest

from diagnosis.rules import conntrack_full
from session.series import SeriesInfo
from session.target_data import TargetData
from tui.target_graphs import GraphSpec, conntrack, figure
from tui.time_view import TimeView
from tui.widgets.graph_plot import gauge_row


@pytest.mark.parametrize(("unit", "first"), [("ms", None), ("sockets", 0.0)])
def test_an_rtt_before_there_was_a_connection_is_not_0(unit: str, first: float | None) -> None:
    data = TargetData("pod/shop/web-1")
    data.peer_history.add(1.0, {})
    data.peer_history.add(2.0, {"peer svc/shop/db rtt": 2.5})
    info = SeriesInfo("peer svc/shop/db rtt", "RTT", unit, of_peers=True)
    view = TimeView()
    view.now = 3.0
    (line,) = figure(info, GraphSpec(data, "this pod", view)).lines
    assert list(line.points) == [(1.0, first), (2.0, 2.5)]


def test_a_graph_without_data_says_what_can_be_done_about_it() -> None:
    data, view = TargetData("pod/shop/web-1"), TimeView()
    info = SeriesInfo("peer svc/shop/db ports", "ports", "ports", of_peers=True)
    place, view.now = GraphSpec(data, "this pod", view), 3.0
    assert figure(info, place).empty == "no data so far"
    data.peer_history.add(3.5, {"peer svc/shop/db ports": 2.0})
    assert figure(info, place).empty == "begins with the next sample"
    view.until = 2.0
    assert figure(info, place).empty == "no data at this time: → goes forward"


def test_the_gauge_has_the_thresholds_of_its_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where somebody has set them."""
    data, view = TargetData("node/n1"), TimeView()
    data.history.add(1.0, {"=conntrack": 80.0, "=conntrack_fill": 80.0})
    view.now = 2.0
    assert [one.value for one in conntrack_full.RULE.thresholds] == [75, 90, 95]
    graph = conntrack(GraphSpec(data, "whole node", view))
    assert "warn" in [style for _, style in gauge_row(graph, 130)]
    monkeypatch.setattr(conntrack_full.WARNING, "value", 85.0)
    graph = conntrack(GraphSpec(data, "whole node", view))
    assert graph.gauge_ticks == (85, 90, 95) and not graph.alarm
    assert "warn" not in [style for _, style in gauge_row(graph, 130)]
