"""Terminals of 16 colours, and of none."""

from __future__ import annotations

from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

import themes
from tui.line_filters import XTERM, colour_filters

BLACK = Color(0, 0, 0)


def filtered(theme: str, style: Style) -> Style:
    (one,) = colour_filters(themes.bundled(theme))
    ((text, changed, _),) = one.apply([Segment("x", style)], BLACK)
    assert text == "x" and changed is not None
    return changed


def test_a_theme_with_all_colours_needs_none() -> None:
    assert [name for name in themes.names() if colour_filters(themes.bundled(name))] == [
        "plain",
        "sixteen",
    ]


def test_the_nearest_of_16_is_sent_as_its_number() -> None:
    changed = filtered("sixteen", Style(color="#fe0102", bgcolor="#0000ee", bold=True))
    assert changed.color is not None and changed.bgcolor is not None
    assert (changed.color.type, changed.color.number) == (ColorType.STANDARD, 9)
    assert (changed.bgcolor.number, changed.bold) == (4, True)


def test_each_colour_of_the_theme_is_exactly_one_of_them() -> None:
    for colour in themes.bundled("sixteen").all_colours.values():
        assert tuple(bytes.fromhex(colour[1:])) in XTERM


def test_without_colour_the_chosen_row_is_in_reverse_and_bold_stays() -> None:
    chosen = themes.bundled("plain").variables["block-cursor-background"]
    row = filtered("plain", Style(color="#ffffff", bgcolor=chosen, bold=True))
    assert (row.color, row.bgcolor, row.reverse, row.bold) == (None, None, True, True)
    other = filtered("plain", Style(color="#ff0000", bgcolor="#000000"))
    assert (other.color, other.bgcolor, other.reverse) == (None, None, False)


def test_without_colour_the_cursor_of_a_text_box_is_in_reverse() -> None:
    known = themes.bundled("plain").colours
    cursor = Style(color=known["background"], bgcolor=known["foreground"])
    assert filtered("plain", cursor).reverse


def test_what_the_mouse_needs_of_a_style_stays() -> None:
    meta = {"@click": "app.help"}
    assert filtered("plain", Style(meta=meta, color="#ff0000")).meta == meta
