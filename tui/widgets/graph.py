"""A live graph: a heading of title, figures and scope, and under it the plot (see graph_plot)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.graph_plot import AXIS, GraphData, Piece, Plot, gauge_row

LEAST_TITLE = 8  # cells
Row = tuple[list[Piece], Strip]  # what is written, and as it is drawn


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
        self._rows: list[Row] | None = None
        self._made_for = Size(0, 0)

    def show(self, data: GraphData) -> None:
        if data == self.data:
            return
        self.data, before = data, self._rows
        if before is None or self._made_for != self.size:
            self._rows = None
            self.refresh()
            return
        self._rows = list(self._drawn(before))
        if changed := list(self._changed_from(before)):
            self.refresh(*changed)

    def _changed_from(self, before: Sequence[Row]) -> Iterator[Region]:
        """The lines that differ: of a steady graph few do."""
        for y, (old, new) in enumerate(zip_longest(before, self._rows or ())):
            if old is not new:
                yield Region(0, y, self.size.width, 1)

    def render_line(self, y: int) -> Strip:
        """Of the whole picture, which is made once for its data, size and style."""
        if self._rows is None or self._made_for != self.size:
            self._made_for, self._rows = self.size, list(self._drawn(()))
        return self._rows[y][1] if y < len(self._rows) else Strip.blank(self.size.width)

    def notify_style_update(self) -> None:
        self._rows = None
        super().notify_style_update()

    def _drawn(self, before: Sequence[Row]) -> Iterator[Row]:
        """The rows; of those that were drawn `before` and are the same the ones that are there."""
        width, height = self.size
        styles = {"": self.rich_style}
        for row, known in zip_longest(self._pieces(width, height), before):
            if row is None:
                return
            if known is not None and known[0] == list(row):
                yield known
                continue
            for _, name in row:
                if name not in styles:
                    styles[name] = self.get_component_rich_style(f"graph--{name}")
            drawn = [Segment(text, styles[name]) for text, name in row]
            yield list(row), Strip(drawn).adjust_cell_length(width, styles[""])

    def _pieces(self, width: int, height: int) -> Iterator[Sequence[Piece]]:
        """The rows from the top."""
        yield heading(self.data, width)
        if height > 2:
            yield from self._plot(width, height - 1)

    def _plot(self, width: int, height: int) -> Iterator[Sequence[Piece]]:
        data = self.data
        plot = Plot(data, max(4, width - AXIS - 1))
        if plot.highest is None:
            yield from [()] * (height // 2)
            yield [(data.empty.center(width), "axis")]
        elif height < 5 and data.gauge is None:
            yield from plot.rows(height)
        else:
            yield from plot.rows(height - 1)
            yield plot.times() if data.gauge is None else gauge_row(data, width)


def heading(data: GraphData, width: int) -> list[Piece]:
    """Title, as many figures as fit, and always the scope."""
    room = width - cell_len(data.scope) - 1
    title, figures = _fitting(data, room)
    left = max(1, room)
    figures = set_cell_size(f" {figures}", max(0, left - cell_len(title)))
    between = " " * (width - left - cell_len(data.scope))
    return [
        (set_cell_size(title, min(left, cell_len(title))), "title"),
        (figures, data.alarm),
        (between + data.scope, "axis"),
    ]


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
