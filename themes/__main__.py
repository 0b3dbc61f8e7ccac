"""`python -m themes > docs/themes.md`: the themes and their contrast, from their files."""

from __future__ import annotations

import sys

import themes
from themes.contrast_figures import LEAST, PAIRS, contrasts

HEAD = """# Themes

Made from `themes/*.toml` by `python -m themes > docs/themes.md`; edit those files, not this page.

`theme` in the configuration, `--theme`, or `T` in the console (the next one). Without one it is
`night`; on a terminal of 16 colours (`TERM` is `linux`, or ends in `-16color`) `sixteen`; and
where `NO_COLOR` is set, and not empty, `plain`. What is asked for wins over `NO_COLOR`, as
<https://no-color.org> says.

| theme | for | the terminal gets |
| --- | --- | --- |
"""
ABOUT = {
    "night": "dark rooms: the default",
    "day": "bright rooms",
    "contrast": "high contrast: poor displays, screen sharing",
    "distinct": "people who see red and green alike, or blue and yellow",
    "sixteen": "terminals of 16 colours, such as the Linux console",
    "plain": "no colour: `NO_COLOR`, paper, screen readers",
}
GETS = {
    "full": "the colours, or the nearest that it has",
    "16": "its own 16 colours",
    "none": "bold and reverse alone",
}
OWN = f"""
## Your own

A file `themes/NAME.toml` beside the configuration (`~/.config/podwire/themes/`) is a theme of
that name:

    dark = true                       # false: what is left out is as in `day`, else as in `night`
    palette = "full"                  # or "16", "none"
    [colours]
    primary = "#7aa2c8"
    [variables]
    footer-key-foreground = "#9ccfc0"

Single colours of any theme are set by `[colours]` in the configuration. A theme whose text cannot
be read well, below {LEAST} (WCAG 2.2, level AA), is used, and is reported when the console opens,
by `podwire config` as well, each time with the pair and its figure. A file that is not a theme is a
sentence, and the theme is the default one.

| colour | where |
| --- | --- |
"""
FIGURES = f"""
## Contrast

From 1 (the same colour) to 21 (black on white); at least {LEAST} everywhere. `sixteen` is
computed for xterm's colours: a terminal may show others. `plain` has those of the terminal. `dim`
is text that Textual draws dim. A test draws the screens in each theme and finds no other pair.

"""
# What `python -m tools.screenshots --all --into DIRECTORY` says at its end: its pictures by looks
DRAWN = {"night": 5.0, "contrast": 4.9, "day": 4.6, "distinct": 4.6, "sixteen": 5.2, "ascii": 5.0}
OF_PICTURES = f"""
The text that is read worst, of 62 screens of the console, dialogs and the menu among them, as
`python -m tools.screenshots --all --into DIRECTORY` draws and measures them ({LEAST} is the least
for level AA):

"""


def page() -> str:
    files = [themes.bundled(name) for name in ABOUT]
    rows = (f"| `{one.name}` | {ABOUT[one.name]} | {GETS[one.palette]} |\n" for one in files)
    colours = {**themes.COLOURS, **themes.VARIABLES}
    places = (f"| `{name}` | {where} |\n" for name, where in colours.items())
    return HEAD + "".join(rows) + OWN + "".join(places) + FIGURES + _figures(files) + _drawn()


def _drawn() -> str:
    names = (f"`--{name}`" if name == "ascii" else name for name in DRAWN)
    head = f"| least of | {' | '.join(names)} |\n| --- |{' --- |' * len(DRAWN)}\n"
    figures = " | ".join(f"{figure:.1f}" for figure in DRAWN.values())
    return f"{OF_PICTURES}{head}| contrast | {figures} |\n"


def _figures(files: list[themes.ThemeFile]) -> str:
    coloured = [one for one in files if one.palette != "none"]
    by_theme = [list(contrasts(one)) for one in coloured]
    lines = [f"| text on | {' | '.join(one.name for one in coloured)} |\n"]
    lines.append(f"| --- |{' --- |' * len(coloured)}\n")
    for number, (text, behind) in enumerate(PAIRS):
        figures = " | ".join(f"{found[number].figure:.1f}" for found in by_theme)
        lines.append(f"| {text} on {behind} | {figures} |\n")
    return "".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page())
