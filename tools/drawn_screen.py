"""What an app has drawn, after all filters: its text, and how well each piece of it can be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.screen import ModalScreen

from themes.contrast_figures import contrast
from tui.app import PodwireApp
from tui.line_filters import XTERM

# what is not text: graphs, frames, bars, scrollbars, the sign in Textual's menu
GRAPHICS = {chr(code) for code in range(0x2500, 0x2900)} - set("▲●◐○◉✓✗✕▪") | {"🔎"}
DRAWN_IN_ASCII = set("#_|+-'.:/~ ")  # the same, of a console without other characters
DIALOGS = ".dialog, #command, #--input, CommandList"  # ours, the command line, Textual's palette


class DrawnText(NamedTuple):
    """A piece of text in its colours, #rrggbb, and their contrast (1 to 21, WCAG 2.2)."""

    text: str
    colour: str
    behind: str
    contrast: float


def lines_of(app: PodwireApp) -> list[list[Segment]]:
    """All of the screen that is shown; of a dialog, what is behind it as well."""
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    strips = getattr(update, "strips")  # noqa: B009 (of one kind of update)
    return [[segment for strip in line for segment in strip] for line in strips]


def text_of(app: PodwireApp) -> str:
    lines = ("".join(text for text, _, _ in line).rstrip() for line in lines_of(app))
    return "\n".join(lines) + "\n"


def texts_of(app: PodwireApp) -> Iterator[DrawnText]:
    """Pieces of text whose colours are known. Behind a dialog nothing is there to be read."""
    segments = _of_dialog(app) if isinstance(app.screen, ModalScreen) else _of_screen(app)
    for text, style, _ in segments:
        pair = pair_of(style)
        if pair is not None and is_text(text, app.look.is_ascii):
            yield DrawnText(text.strip(), *pair, contrast(*pair))


def _of_screen(app: PodwireApp) -> Iterator[Segment]:
    return (segment for line in lines_of(app) for segment in line)


def _of_dialog(app: PodwireApp) -> Iterator[Segment]:
    lines = lines_of(app)
    for dialog in app.screen.query(DIALOGS):
        region = dialog.region
        for line in lines[region.y : region.bottom]:
            yield from _cut(line, region)


def _cut(line: list[Segment], region: Region) -> Iterator[Segment]:
    """The part of a line that lies in the columns of a region."""
    if line:
        _, inside, *_ = Segment.divide(line, (region.x, region.right, 10_000))
        yield from inside


def is_text(text: str, is_ascii: bool = False) -> bool:
    shown = set(text.strip())
    return bool(shown) and not shown <= (DRAWN_IN_ASCII if is_ascii else GRAPHICS)


def pair_of(style: Style | None) -> tuple[str, str] | None:
    """The colours of text and of what is behind it; those of the 16 as xterm has them. None where
    they are the terminal's own."""
    if style is None or style.color is None or style.bgcolor is None:
        return None
    text, behind = _hex(style.color), _hex(style.bgcolor)
    if not text or not behind:
        return None
    return (behind, text) if style.reverse else (text, behind)


def _hex(colour: Color) -> str:
    if colour.triplet is not None:
        return colour.triplet.hex
    if colour.number is None or colour.number >= len(XTERM):
        return ""
    return "#" + bytes(XTERM[colour.number]).hex()
