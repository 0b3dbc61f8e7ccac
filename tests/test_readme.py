"""The README: one screen and a picture, from which all of docs/ is reached."""

from __future__ import annotations

import re
from pathlib import Path

from tools.remote_assets import in_html

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
PAGES = ("console", "sessions", "check", "figures", "limits", "access", "security", "extending")


def test_it_is_one_screen() -> None:
    assert len(TEXT.splitlines()) <= 62


def test_its_picture_is_there_in_both_shades_and_comes_from_here() -> None:
    pictures = re.findall(r'(?:src|srcset)="([^"]+)"', TEXT)
    assert len(pictures) == 2 and all((ROOT / name).exists() for name in pictures)
    assert not in_html(TEXT)


def test_it_leads_to_the_pages_that_have_the_rest() -> None:
    assert not [page for page in PAGES if f"(docs/{page}.md" not in TEXT]


def test_its_two_commands_are_targets_of_the_makefile() -> None:
    named = re.findall(r"^    make (\w+) ", TEXT, re.MULTILINE)
    assert named == ["lab", "test"]
    assert all(f"\n{one}:" in (ROOT / "Makefile").read_text() for one in named)
