"""A list of any length that draws only the visible lines: pods, packets, sockets, counters,
events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from collectors.cluster.inventory.short_names import shortened
from collectors.frozen import slotted
from tui.actions import bindings
from tui.widgets.columns import Column, common_beginning, fit, laid_out

MEASURED = 60  # rows looked at for the widths of columns


@slotted
class ListState:
    """What a RowList shows, its cursor and scroll, so that one widget can show several lists."""

    columns: Sequence[Column]
    empty: str = "nothing here yet"
    identity: Callable[[Any], Any] | None = None
    follow: bool = False
    cursor: int = 0
    top: int = 0
    widths: dict[str, int] = field(default_factory=dict)


def _text_of(column: Column, row: Any) -> str:
    cell = column.cell(row)
    return cell[0] if isinstance(cell, tuple) else cell


class RowList(ScrollView, can_focus=True):
    """Rows below a header. `follow` keeps the last row in view."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--header",
        "rows--cursor",
        "rows--good",
        "rows--warn",
        "rows--bad",
        "rows--dim",
        "rows--name",
    }
    BINDINGS = bindings("list")
    cursor = reactive(0, repaint=False)  # watch_cursor does
    follow = reactive(False)

    class RowChosen(Message):
        """Enter was pressed on a row."""

        def __init__(self, rows: RowList, row: Any) -> None:
            super().__init__()
            self.rows = rows
            self.row = row

    def __init__(
        self,
        columns: Sequence[Column],
        empty: str = "nothing here yet",
        identity: Callable[[Any], Any] | None = None,
        follow: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.set_reactive(RowList.follow, follow)
        self.columns = list(columns)
        self.rows: Sequence[Any] = ()
        self.has_shown = False  # before it has, that there is nothing is not known
        self.empty = empty
        self.identity = identity
        self._shown: list[tuple[Column, int]] = []
        self._widths: dict[str, int] = {}
        self._common: dict[str, str] = {}  # by column what all its long texts begin with
        self._laid_out_for = 0
        self._base = Style()
        self.always_cursor = False  # the cursor shows also while another widget has the keys

    def show(self, rows: Sequence[Any], keep: bool = True) -> None:
        """Replace the rows. With `identity` set, the cursor stays on the row that it was on."""
        current = self.current
        self.rows, self.has_shown = rows, True
        self._measure()
        self._resize(len(rows) + 1)
        if keep and self.identity is not None and current is not None:
            wanted = self.identity(current)
            self.cursor = next(
                (i for i, row in enumerate(rows) if self.identity(row) == wanted), self.cursor
            )
        self.cursor = max(0, min(self.cursor, len(rows) - 1))
        if self.follow:
            self.cursor = max(0, len(rows) - 1)
            self._to_last()
        self.refresh()

    def on_resize(self) -> None:
        """A list that follows does so at any height, also where no row comes any more."""
        self.call_after_refresh(self._to_last)

    def _to_last(self) -> None:
        if self.follow:
            self.scroll_to(y=self._last_top, animate=False, immediate=True, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Textual moves a scrollbar only while it is shown; the layout may show it later."""
        super().watch_scroll_y(old_value, new_value)
        self.vertical_scrollbar.position = new_value

    def _resize(self, lines: int) -> None:
        """Set the scrollbar. A new layout, which repaints the whole screen, only where it comes
        or goes."""
        height = self.size.height
        if (self.virtual_size.height > height) != (lines > height) or not height:
            self.virtual_size = Size(0, lines)
        elif lines != self.virtual_size.height:
            self.set_reactive(RowList.virtual_size, Size(0, lines))
            self.vertical_scrollbar.window_virtual_size = lines

    def switch(self, old: ListState, new: ListState, rows: Sequence[Any]) -> None:
        """Show another list; `old` keeps where this one stands."""
        old.cursor, old.follow, old.top = self.cursor, self.follow, self.scroll_offset.y
        self.columns, self.empty, self.identity = list(new.columns), new.empty, new.identity
        self.set_reactive(RowList.follow, new.follow)
        self._widths, self._laid_out_for = new.widths, 0
        self._shown, self._common = [], {}  # the other's columns know nothing of these rows
        self.rows = ()
        self.set_reactive(RowList.cursor, new.cursor)
        self.show(rows, keep=False)
        if not new.follow:
            self.scroll_to(y=new.top, animate=False, immediate=True, force=True)

    @property
    def current(self) -> Any | None:
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    def text_of_row(self) -> str:
        """The row under the cursor, all its columns, with tabs between them."""
        if self.current is None:
            return ""
        cells = (column.cell(self.current) for column in self.columns)
        return "\t".join(cell[0] if isinstance(cell, tuple) else cell for cell in cells)

    @property
    def _last_top(self) -> int:
        return max(0, len(self.rows) + 1 - self.size.height)

    def set_columns(self, columns: Sequence[Column]) -> None:
        self.columns = list(columns)
        self._widths.clear()
        self._layout_columns()
        self.refresh()

    def _measure(self) -> None:
        """How wide each column must be for the rows in sight; of numbers, which stand right,
        nothing is cut. Widths only grow while a list is open: columns that jump with every refresh
        cannot be read."""
        changed = False
        top = max(0, min(self.scroll_offset.y, len(self.rows)) - MEASURED // 2)
        measured = [column for column in self._bounded() if self._may_grow(column)]
        in_sight = self.rows[top : top + MEASURED]
        for row in in_sight:
            for column in measured:
                needed = len(_text_of(column, row))
                if needed > self._widths.get(column.title, len(column.title)):
                    most = needed if column.right else column.width or needed
                    self._widths[column.title] = min(needed, most)
                    changed = True
        if changed or not self._shown:
            self._layout_columns()
        for column, size in self._shown:
            if column.tail:
                texts = (shortened(_text_of(column, row)) for row in in_sight)
                self._common[column.title] = common_beginning(t for t in texts if len(t) > size)

    def _bounded(self) -> Sequence[Column]:
        """Without the last one, where it has what the others leave."""
        return self.columns if self.columns[-1].width else self.columns[:-1]

    def _may_grow(self, column: Column) -> bool:
        """Whether it is not as wide as it can be yet: of the others no row needs to be read."""
        known = self._widths.get(column.title, len(column.title))
        return column.right or not 0 < column.width <= known

    def _layout_columns(self) -> None:
        self._laid_out_for = self.size.width
        self._shown = laid_out(self.columns, self._widths, self.size.width)

    def render_lines(self, crop: Region) -> list[Strip]:
        self._base = self.rich_style  # slow, and of all lines the same
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self._laid_out_for != width:
            self._layout_columns()
        base = self._base
        if y == 0:
            text = " ".join(fit(c.title, w, c.right) for c, w in self._shown)
            return Strip([Segment(fit(text, width), self.get_component_rich_style("rows--header"))])
        index = self.scroll_offset.y + y - 1
        if index >= len(self.rows):
            says_why = self.has_shown and not self.rows and y == 2
            text = f"  {self.empty}" if says_why else ""
            return Strip(
                [
                    Segment(
                        fit(text, width),
                        self.get_component_rich_style("rows--dim") if text else base,
                    )
                ]
            )
        return self._line(index, width, base)

    def _line(self, index: int, width: int, base: Style) -> Strip:
        row = self.rows[index]
        chosen = index == self.cursor and (self.has_focus or self.always_cursor) and not self.follow
        over = self.get_component_rich_style("rows--cursor") if chosen else base
        segments: list[Segment] = []
        for column, size in self._shown:
            cell = column.cell(row)
            text, name = cell if isinstance(cell, tuple) else (cell, "")
            style = over
            if name and not chosen:
                style = self.get_component_rich_style(f"rows--{name}")
            segments.append(Segment(self._fitted(text, column, size), style))
            segments.append(Segment(" ", over))
        return Strip(segments).adjust_cell_length(width, over)

    def _fitted(self, text: str, column: Column, size: int) -> str:
        common = self._common.get(column.title, "")
        return fit(text, size, column.right, column.tail, common)

    def action_cursor(self, where: str) -> None:
        page = max(1, self.size.height - 2)
        last = max(0, len(self.rows) - 1)
        start = last if self.follow else self.cursor
        wanted = {
            "up": start - 1,
            "down": start + 1,
            "top": 0,
            "bottom": last,
            "page_up": start - page,
            "page_down": start + page,
        }[where]
        self.follow = self.follow and where in ("down", "bottom", "page_down")
        self.cursor = max(0, min(last, wanted))
        self._bring_into_view()

    def put_cursor(self, is_wanted: Callable[[Any], bool]) -> None:
        """On the first such row, where there is one."""
        self.cursor = next((i for i, row in enumerate(self.rows) if is_wanted(row)), self.cursor)
        self._bring_into_view()

    def _bring_into_view(self) -> None:
        top, height = self.scroll_offset.y, max(1, self.size.height - 1)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, immediate=True)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        index = self.scroll_offset.y + event.y - 1
        if 0 <= index < len(self.rows) and event.y > 0:
            self.follow = False
            self.cursor = index
            self.refresh()
            if event.chain == 2:
                self.post_message(self.RowChosen(self, self.rows[index]))

    def action_choose(self) -> None:
        if self.current is not None:
            self.post_message(self.RowChosen(self, self.current))

    def watch_cursor(self) -> None:
        """A list that follows draws no cursor."""
        if not self.follow:
            self.refresh()
