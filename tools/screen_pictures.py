"""Pictures of every screen in every theme at three sizes, as SVG and text, with how well each can
be read; and sheets of them as PNG, to look at many at once (where rsvg-convert is there)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

from rich.terminal_theme import SVG_EXPORT_THEME
from textual.pilot import Pilot
from textual.screen import SystemModalScreen

import themes
from themes.contrast_figures import LEAST
from tools.console_screens import GROUPS, Size, every_screen
from tools.drawn_screen import DrawnText, text_of, texts_of
from tools.remote_fonts import without_remote_fonts
from tui.app import PodwireApp
from tui.line_filters import XTERM
from tui.look import TerminalLook

SIZES: tuple[Size, ...] = ((80, 24), (120, 40), (200, 50))
ASCII = "ascii"  # beside the themes: the default one, drawn with ASCII alone
ON_SHEET = {80: (2, 3), 120: (2, 2), 200: (1, 2)}  # across and down, by a terminal's columns
SHOWN = (980, 660)  # pixels of a picture on a sheet
FIGURES = "contrast.tsv"
CELL = 12.2  # of a picture by Rich
_INDENTED = re.compile(
    r'x="(?P<x>[\d.]+)" (?P<y>y="[^"]*") textLength="(?P<length>[\d.]+)"(?P<rest>[^>]*)>'
    r"(?P<spaces>(?:&#160;)+)(?=[^&<])"
)


class Picture(NamedTuple):
    """Of one screen; `least` is the text in it that is read worst, None where the terminal's own
    colours are used."""

    screen: str
    theme: str
    size: Size
    least: DrawnText | None

    @property
    def name(self) -> str:
        return f"{self.theme}-{self.size[0]}x{self.size[1]}-{self.screen}"

    @property
    def row(self) -> str:
        least = self.least
        cells = (f"{least.contrast:.1f}", least.colour, least.behind, least.text) if least else ()
        return "\t".join((self.name, *cells))


async def pictures(
    place: Path, groups: Sequence[str], sizes: Sequence[Size]
) -> AsyncIterator[Picture]:
    """Writes NAME.svg and NAME.txt of each screen into a directory."""
    for size in sizes:
        for is_ascii in (False, True):
            look = replace(TerminalLook(), is_ascii=is_ascii)
            for group in groups:
                async for screen, pilot in every_screen(group, look, size):
                    app = cast(PodwireApp, pilot.app)
                    for theme in [themes.DEFAULT] if is_ascii else themes.names():
                        await _change_theme(pilot, app, theme)
                        least = min(texts_of(app), key=lambda one: one.contrast, default=None)
                        made = Picture(screen, ASCII if is_ascii else theme, size, least)
                        _write(place / made.name, app)
                        yield made
                    app.change_theme(themes.DEFAULT)


async def _change_theme(pilot: Pilot[int], app: PodwireApp, theme: str) -> None:
    """Textual's menu keeps the colours with which it was opened."""
    is_menu = isinstance(app.screen, SystemModalScreen)
    if is_menu:
        await pilot.press("escape")
    app.change_theme(theme)
    await pilot.pause(0.05)
    if is_menu:
        app.action_command_palette()
        await pilot.pause(1.0)


def _as_xterm(svg: str) -> str:
    """Of 16 colours Rich draws others than a terminal has."""
    drawn = {f"#{bytes(SVG_EXPORT_THEME.ansi_colors[n]).hex()}": n for n in range(len(XTERM))}
    return re.sub("|".join(drawn), lambda found: f"#{bytes(XTERM[drawn[found[0]]]).hex()}", svg)


def _write(path: Path, app: PodwireApp) -> None:
    svg = without_remote_fonts(app.export_screenshot(title=path.name))
    if app.look.theme_file(app.theme).palette == "16":
        svg = _as_xterm(svg)
    path.with_name(f"{path.name}.svg").write_text(svg)
    path.with_name(f"{path.name}.txt").write_text(text_of(app))


# --- sheets


def sheets(place: Path, made: Sequence[Picture]) -> Iterator[Path]:
    """Those of one theme and size, in the order in which they were made, some to a sheet."""
    groups: dict[tuple[str, Size], list[Picture]] = {}
    for picture in made:
        groups.setdefault((picture.theme, picture.size), []).append(picture)
    for (theme, size), of_group in groups.items():
        across, down = ON_SHEET[size[0]]
        many = across * down
        for number, start in enumerate(range(0, len(of_group), many), 1):
            path = place / f"sheet-{theme}-{size[0]}x{size[1]}-{number:02}.png"
            _sheet(path, of_group[start : start + many], across)
            yield path


def _sheet(path: Path, some: Sequence[Picture], across: int) -> None:
    """Through an SVG that shows the pictures, and is in their directory: they are read from
    nowhere else."""
    width, height = SHOWN
    scale = width * min(across, len(some))
    images = []
    for number, picture in enumerate(some):
        png = path.with_name(f"{picture.name}.png")
        _to_png(png.with_suffix(".svg"), png, width)
        x, y = number % across * width, number // across * height
        images.append(
            f'<image href="{png.name}" x="{x}" y="{y}" width="{width}" height="{height}"/>'
        )
    lines = -(-len(some) // across) * height
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{scale}" height="{lines}">'
    svg = path.with_suffix(".svg")
    svg.write_text(f"{head}{''.join(images)}</svg>")
    _convert(svg, path, scale)
    svg.unlink()


def _to_png(svg: Path, png: Path, width: int) -> None:
    moved = svg.with_suffix(".moved.svg")
    moved.write_text(_INDENTED.sub(_moved, svg.read_text()))
    _convert(moved, png, width)
    moved.unlink()


def _convert(svg: Path, png: Path, width: int) -> None:
    command = ["rsvg-convert", "--width", str(width), "--output", str(png), str(svg)]
    subprocess.run(command, check=True)


def _moved(found: re.Match[str]) -> str:
    """Text without the spaces before it, where they end: rsvg-convert leaves them out."""
    count = found["spaces"].count("&#160;")
    x, length = float(found["x"]) + count * CELL, float(found["length"]) - count * CELL
    return f'x="{x:g}" {found["y"]} textLength="{length:g}"{found["rest"]}>'


# --- the command


async def write_all(place: Path, groups: Sequence[str], sizes: Sequence[Size]) -> int:
    """The exit code: 1 where text cannot be read."""
    place.mkdir(parents=True, exist_ok=True)
    made = []
    async for picture in pictures(place, groups or list(GROUPS), sizes or SIZES):
        made.append(picture)
        sys.stderr.write(f"\r{len(made)} pictures, {picture.name:<60}")
    (place / FIGURES).write_text("".join(f"{picture.row}\n" for picture in made))
    for line in figures(made):
        sys.stdout.write(f"{line}\n")
    if shutil.which("rsvg-convert"):
        sys.stdout.write(f"{len(list(sheets(place, made)))} sheets in {place}\n")
    return any(one.least and one.least.contrast < LEAST for one in made)


def figures(made: Sequence[Picture]) -> Iterator[str]:
    """By theme, how many pictures there are and the text that is read worst in them."""
    for theme in dict.fromkeys(picture.theme for picture in made):
        of_theme = [picture for picture in made if picture.theme == theme]
        read = [(one.least, one.name) for one in of_theme if one.least]
        if not read:
            yield f"{theme}: {len(of_theme)} pictures, in the terminal's own colours"
            continue
        least, name = min(read, key=lambda one: one[0].contrast)
        where = f"{least.text[:30]!r} {least.colour} on {least.behind} in {name}"
        yield f"{theme}: {len(of_theme)} pictures, least contrast {least.contrast:.1f}: {where}"
