"""Theme files: each one loads, has colours that Textual knows, and what is wrong in one is a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

import themes
from tui.themes import all_themes


def test_the_default_is_first_and_each_file_is_a_theme() -> None:
    assert themes.names()[0] == themes.DEFAULT
    assert [theme.name for theme in all_themes()] == list(themes.names())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[colours", r"cannot be read"),
        ("[colours]\nprimary = 'red'", r"bad colour: primary = red"),
        ("[colours]\nbackgroud = '#000000'", r"bad colour: backgroud"),
        ("dark = true", r"no primary colour"),
    ],
)
def test_what_is_wrong_is_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(themes.BadTheme, match=says):
        themes.load(path)
