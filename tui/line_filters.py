"""What is drawn, line by line, as a terminal needs it that has 16 colours, none, or ASCII alone."""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from themes import ThemeFile
from tui.ascii_text import ascii_of

# The 16 colours as xterm has them (XTerm-col.ad); their numbers are sent, whatever they look like.
XTERM = (
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
)


class StyleFilter(LineFilter):
    """Changes how text is drawn, not the text."""

    def changed(self, style: Style) -> Style:
        raise NotImplementedError

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text, None if style is None else self.changed(style), control)
            for text, style, control in segments
        ]


class NearestOf16(StyleFilter):
    def changed(self, style: Style) -> Style:
        return _in_16(style)


class WithoutColour(StyleFilter):
    """`chosen` are the colours behind the chosen row and the cursor of a text box, which are in
    reverse instead."""

    def __init__(self, *chosen: str) -> None:
        super().__init__()
        self._chosen = [Color.parse(one).rich_color.triplet for one in chosen]

    def changed(self, style: Style) -> Style:
        return _without_colour(style, self._is_chosen(style))

    def _is_chosen(self, style: Style) -> bool:
        return style.bgcolor is not None and style.bgcolor.triplet in self._chosen


class AsciiOnly(LineFilter):
    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(ascii_of(text), style, control) for text, style, control in segments]


def colour_filters(theme: ThemeFile) -> list[LineFilter]:
    """What the palette of a theme needs."""
    if theme.palette == "none":
        chosen = theme.variables["block-cursor-background"], theme.colours["foreground"]
        return [WithoutColour(*chosen)]
    return [NearestOf16()] if theme.palette == "16" else []


@lru_cache(maxsize=1024)
def _in_16(style: Style) -> Style:
    return style + Style.from_color(_nearest(style.color), _nearest(style.bgcolor))


@lru_cache(maxsize=1024)
def _nearest(colour: RichColor | None) -> RichColor | None:
    if colour is None or colour.triplet is None:
        return colour
    red, green, blue = colour.triplet

    def distance(number: int) -> int:
        there = XTERM[number]
        return (red - there[0]) ** 2 + (green - there[1]) ** 2 + (blue - there[2]) ** 2

    return RichColor.from_ansi(min(range(len(XTERM)), key=distance))


@lru_cache(maxsize=1024)
def _without_colour(style: Style, is_chosen: bool) -> Style:
    return Style(
        bold=style.bold,
        dim=style.dim,
        italic=style.italic,
        underline=style.underline,
        strike=style.strike,
        reverse=bool(style.reverse) or is_chosen,
        meta=style.meta or None,
    )
