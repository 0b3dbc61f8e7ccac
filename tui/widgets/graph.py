"""A live graph: a heading of title, figures and scope, and under it the plot (see graph_plot)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual.widget import Widget

from tui.widgets.graph_plot import AXIS, GraphData, Piece, Plot, gauge_row

LEAST_TITLE = 8  # cells


class Graph(Widget):
    """Draws a GraphData. `show` with an equal one draws nothing new."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "graph--title",
        "graph--axis",
        "graph--first",
        "graph--second",
        "graph--good",
        "graph--warn",
        "graph--bad",
        "graph--limit",
        "graph--gap",
    }

    def __init__(self, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.data = GraphData("", "", "")

    def show(self, data: GraphData) -> None:
        if data != self.data:
            self.data = data
            self.refresh()

    def render(self) -> Text:
        width, height = self.size.width, self.size.height
        text = self._heading(width)
        if height > 2:
            text.append("\n")
            text.append(self._plot(width, height - 1))
        return text

    def _style(self, name: str) -> str:
        return str(self.get_component_rich_style(f"graph--{name}", partial=True)) if name else ""

    def _heading(self, width: int) -> Text:
        """Title, as many figures as fit, and always the scope."""
        data = self.data
        room = width - len(data.scope) - 1
        title, figures = _fitting(data, room)
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(title, self._style("title"))
        text.append(f" {figures}", self._style(data.alarm))
        text.truncate(max(room, 1), overflow="ellipsis")
        text.append(" " * max(1, width - text.cell_len - len(data.scope)))
        return text.append(data.scope, self._style("axis"))

    def _plot(self, width: int, height: int) -> Text:
        data = self.data
        plot = Plot(data, max(4, width - AXIS - 1))
        if plot.highest is None:
            empty = "\n" * (height // 2) + data.empty.center(width)[:width]
            return Text(empty, self._style("axis"))
        if height < 5 and data.gauge is None:
            return self._text(plot.rows(height))
        below = plot.times() if data.gauge is None else gauge_row(data, width)
        return self._text([*plot.rows(height - 1), below])

    def _text(self, rows: Iterable[list[Piece]]) -> Text:
        text = Text(no_wrap=True)
        for number, row in enumerate(rows):
            if number:
                text.append("\n")
            for piece, name in row:
                text.append(piece, self._style(name))
        return text


def _fitting(data: GraphData, room: int) -> tuple[str, str]:
    """Title and figures that fit, the short ones where the long do not, less of them where need
    be."""
    title, figures = data.title, list(data.figures)
    if len(title) + 1 + len(" · ".join(figures)) > room and data.compact:
        title, figures = data.short or title, list(data.compact)
    while len(figures) > 1 and len(title) + 1 + len(" · ".join(figures)) > room:
        figures.pop()
    shown = " · ".join(figures)
    left = room - 1 - len(shown)  # a figure that is cut is another one
    if len(title) > left >= LEAST_TITLE:
        title = f"{title[: left - 1]}…"
    return title, shown
