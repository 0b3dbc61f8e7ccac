"""How well text can be read: the contrast of each pair of colours that the screens draw, by WCAG
2.2 (1.4.3: 4.5 for text, level AA)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from themes import ThemeFile

LEAST = 4.5  # https://www.w3.org/TR/WCAG22/#contrast-minimum, text that is not large
DIMMED = 0.66  # of dim text: the share of its own colour, the rest is the background's (Textual)
PAIRS = (
    ("foreground", "background"),
    ("foreground", "surface"),
    ("foreground", "panel"),
    ("foreground", "block-cursor-background"),
    ("block-cursor-foreground", "block-cursor-background"),
    ("dim foreground", "background"),
    ("dim foreground", "surface"),
    ("primary", "background"),
    ("secondary", "background"),
    ("secondary", "surface"),
    ("secondary", "panel"),
    ("accent", "background"),
    ("accent", "surface"),
    ("success", "background"),
    ("success", "panel"),
    ("warning", "background"),
    ("warning", "panel"),
    ("error", "background"),
    ("error", "panel"),
    ("footer-key-foreground", "panel"),
)  # text, and what is behind it


class Contrast(NamedTuple):
    """From 1 (the same) to 21 (black on white)."""

    text: str
    behind: str
    figure: float


def contrasts(theme: ThemeFile) -> Iterator[Contrast]:
    """Of all pairs. A theme without colours has the terminal's own, which are not known."""
    if theme.palette == "none":
        return
    colours = theme.all_colours
    for text, behind in PAIRS:
        below, plain = colours[behind], text.removeprefix("dim ")
        colour = colours[plain] if plain == text else dimmed(colours[plain], below)
        yield Contrast(text, behind, contrast(colour, below))


def failing(theme: ThemeFile) -> list[str]:
    """The pairs below the least contrast, as `text on behind 3.1`."""
    return [
        f"{one.text} on {one.behind} {one.figure:.1f}"
        for one in contrasts(theme)
        if one.figure < LEAST
    ]


def contrast(one: str, other: str) -> float:
    """Of two colours, #rrggbb: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def dimmed(text: str, behind: str) -> str:
    """As Textual draws dim text."""
    parts = (
        int(below + (own - below) * DIMMED)
        for own, below in zip(rgb(text), rgb(behind), strict=True)
    )
    return "#" + "".join(f"{part:02x}" for part in parts)


def rgb(colour: str) -> tuple[int, int, int]:
    """Each from 0 to 255."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
