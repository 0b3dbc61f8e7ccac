"""A graph draws again what differs, and is the same as one that is drawn at once."""

from __future__ import annotations

from dataclasses import replace

from textual.app import App, ComposeResult

from tui.widgets.graph import Graph
from tui.widgets.graph_plot import GraphData, GraphLine

STEADY = GraphData("drops", "pkt/s", "this pod", figures=("31 pkt/s",), now=100.0)


class TwoGraphs(App[None]):
    def compose(self) -> ComposeResult:
        yield Graph(id="going-on")
        yield Graph(id="at-once")


def with_points(values: dict[float, float], now: float) -> GraphData:
    line = GraphLine("drops", tuple(values.items()), "first")
    return replace(STEADY, lines=(line,), now=now)


def lines(graph: Graph) -> list[str]:
    return [graph.render_line(y).text for y in range(graph.size.height)]


async def test_lines_that_stay_are_not_drawn_again() -> None:
    app = TwoGraphs()
    async with app.run_test(size=(60, 24)) as pilot:
        await pilot.pause()
        graph, other = app.query_one("#going-on", Graph), app.query_one("#at-once", Graph)
        values, kept = {90.0 + n: 31.0 for n in range(11)}, list[int]()
        for now, new in ((100.0, 31.0), (101.0, 31.0), (102.0, 0.0), (103.0, 900.0)):
            before = [graph.render_line(y) for y in range(graph.size.height)]
            values[now] = new
            graph.show(with_points(values, now))
            await pilot.pause()
            after = [graph.render_line(y) for y in range(graph.size.height)]
            kept.append(sum(one is same for one, same in zip(before, after, strict=True)))
            other._rows = None
            other.show(graph.data)
            assert lines(graph) == lines(other)
        assert kept[1] >= 3 and kept[-1] < kept[1]
        graph.show(replace(STEADY, empty="nobody knows"))
        other._rows = None
        other.show(graph.data)
        assert lines(graph) == lines(other) and any("nobody knows" in line for line in lines(graph))


async def test_the_screen_has_what_was_drawn() -> None:
    """A line that differs is on the terminal as well, and a shorter picture leaves nothing."""
    app = TwoGraphs()
    async with app.run_test(size=(60, 24)) as pilot:
        await pilot.pause()
        graph = app.query_one("#going-on", Graph)
        for data in (with_points({99.0: 31.0, 100.0: 31.0}, 100.0), STEADY, STEADY):
            graph.show(data)
            await pilot.pause()
            shown = [
                "".join(part.text for part in line)
                for line in app.screen._compositor.render_strips()
            ]
            assert [line.rstrip() for line in shown[: graph.size.height]] == [
                line.rstrip() for line in lines(graph)
            ]
