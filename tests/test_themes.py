"""Theme files: each loads, its text can be read, and what is wrong in one is a sentence."""

from __future__ import annotations

from itertools import combinations
from math import dist
from pathlib import Path

import pytest

import themes
from themes.__main__ import ABOUT, page
from themes.contrast_figures import LEAST, PAIRS, contrast, contrasts, dimmed, failing, rgb
from tui.themes import as_textual

ROOT = Path(__file__).parent.parent
Matrix = tuple[tuple[float, float, float], ...]
# Machado, Oliveira, Fernandes 2009, severity 1.0:
# https://www.inf.ufrgs.br/~oliveira/pubs_files/CVD_Simulation/CVD_Simulation.html
SEEN_BY: dict[str, Matrix] = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def test_the_default_is_first_and_each_file_is_a_theme() -> None:
    assert themes.names()[0] == themes.DEFAULT
    assert set(themes.names()) == set(ABOUT)
    for name in themes.names():
        assert as_textual(themes.bundled(name)).name == name
        assert themes.bundled(name).colours.keys() == themes.COLOURS.keys()


def test_the_page_is_made_from_the_files() -> None:
    assert (ROOT / "docs/themes.md").read_text() == page(), "run: python -m themes > docs/themes.md"


@pytest.mark.parametrize("name", [name for name in themes.names() if name != themes.PLAIN])
def test_text_can_be_read(name: str) -> None:
    found = list(contrasts(themes.bundled(name)))
    assert len(found) == len(PAIRS)
    assert [one for one in found if one.figure < LEAST] == []


@pytest.mark.parametrize("name", ["night", "day", "contrast", "distinct"])
def test_the_chosen_row_of_the_menu_can_be_read(name: str) -> None:
    """Textual's own, where a text box has the keys; what a command does is drawn dim there."""
    shown = as_textual(themes.bundled(name)).variables
    text = shown["block-cursor-blurred-foreground"]
    behind = shown["block-cursor-blurred-background"]
    assert contrast(dimmed(text, behind), behind) >= LEAST
    assert behind == shown["block-cursor-background"]


def test_high_contrast_is_high() -> None:
    """WCAG's level AAA is 7."""
    figures = {
        (text, behind): figure for text, behind, figure in contrasts(themes.bundled("contrast"))
    }
    assert all(figure >= 7 for (text, behind), figure in figures.items() if behind == "background")


@pytest.mark.parametrize(
    ("one", "other", "figure"),
    [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#123456", "#123456", 1.0)],
)
def test_contrast_is_that_of_wcag(one: str, other: str, figure: float) -> None:
    """4.48 of #777777 on white: https://webaim.org/resources/contrastchecker/"""
    assert contrast(one, other) == pytest.approx(figure, abs=0.01)
    assert contrast(other, one) == contrast(one, other)


def test_dim_text_is_between_the_two() -> None:
    assert dimmed("#ffffff", "#000000") == "#a8a8a8"


def test_a_theme_that_cannot_be_read_is_named_by_pair_and_figure() -> None:
    bad = themes.bundled("night").with_colours({"footer-key-foreground": "#333333"})
    assert failing(bad) == ["footer-key-foreground on panel 1.2"]


def seen(colour: str, matrix: Matrix) -> tuple[float, ...]:
    """CIE L*a*b* of a colour as somebody sees it (D65)."""
    linear = [_linear(part / 255) for part in rgb(colour)]
    red, green, blue = (
        min(1.0, max(0.0, sum(m * part for m, part in zip(row, linear, strict=True))))
        for row in matrix
    )
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    fx, fy, fz = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def least_difference(name: str, matrix: Matrix) -> float:
    """CIE76 between any two of: well, warning, wrong."""
    colours = themes.bundled(name).colours
    moods = [seen(colours[mood], matrix) for mood in ("success", "warning", "error")]
    return min(dist(one, other) for one, other in combinations(moods, 2))


@pytest.mark.parametrize("who", SEEN_BY)
def test_the_moods_of_distinct_differ_for_everybody(who: str) -> None:
    """2.3 is just noticeable; 30 is plain at a glance."""
    assert least_difference("distinct", SEEN_BY[who]) > 30


def test_those_of_the_default_do_not() -> None:
    assert min(least_difference("night", matrix) for matrix in SEEN_BY.values()) < 30


def test_what_a_theme_leaves_out_is_as_in_the_bundled_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("dark = false\npalette = '16'\n[colours]\nprimary = '#000000'")
    mine, day = themes.load(path), themes.bundled("day")
    assert (mine.name, mine.dark, mine.palette) == ("mine", False, "16")
    assert mine.colours == {**day.colours, "primary": "#000000"}
    assert mine.variables == day.variables


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[colours", r"cannot be read"),
        (f"dark = {'[' * 5000}", r"cannot be read: maximum recursion depth"),
        ("[colours]\nprimary = 'red'", r"bad colour: primary = red: a colour is #rrggbb"),
        ("[colours]\nbackgroud = '#000000'", r"bad colour: backgroud"),
        ("[variables]\nprimary = '#000000'", r"bad colour: primary"),
        ("[variables]\nfooter-key-foreground = '} x {'", r"bad colour: footer-key-foreground"),
        ("colours = 3", r"needs colours and variables as tables"),
        ("palette = '256'", r"palette as one of full, 16, none"),
        ("dark = 'yes'", r"needs dark as true or false"),
    ],
)
def test_what_is_wrong_is_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(themes.BadTheme, match=says):
        themes.load(path)
