"""What code and documents name exists: pages of docs/, and nothing outside of the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_vocabulary import tracked

ROOT = Path(__file__).parent.parent
PAGE = re.compile(r"\bdocs/[\w./-]+\.md\b")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
OUTSIDE = re.compile(r"SIGNATURES(?:\.md)?\b|FIELD-NOTES|\bDESIGN\.md|\bDESIGN '|\.\./shared")
CONFLICT = re.compile(r"^(?:<{7} |>{7} )", re.MULTILINE)
SELF = "tests/test_docs.py"


def texts(suffixes: tuple[str, ...]) -> list[tuple[str, str]]:
    names = [name for name in tracked() if name.endswith(suffixes) and name != SELF]
    return [(name, (ROOT / name).read_text()) for name in names]


def test_no_file_has_both_sides_of_a_conflict() -> None:
    names = [name for name in tracked() if name != SELF]
    found = [name for name in names if CONFLICT.search((ROOT / name).read_text())]
    assert not found


def test_every_page_that_is_named_exists() -> None:
    missing = [
        f"{name}: {page}"
        for name, text in texts((".py", ".md", ".toml"))
        for page in PAGE.findall(text)
        if not (ROOT / page).exists()
    ]
    assert not missing


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{name}: {link}"
        for name, text in texts((".md",))
        for link in LINK.findall(text)
        if not (ROOT / name).parent.joinpath(link).exists()
    ]
    assert not broken


def test_no_page_outside_of_the_repository_is_named() -> None:
    found = [
        f"{name}:{number}"
        for name, text in texts((".py", ".md", ".toml"))
        for number, line in enumerate(text.splitlines(), 1)
        if OUTSIDE.search(line)
    ]
    assert not found


@pytest.mark.parametrize("page", sorted((ROOT / "docs/reference").glob("*.md")), ids=str)
def test_reference_pages_are_listed(page: Path) -> None:
    listed = (ROOT / "docs/reference/README.md").read_text()
    assert page.name == "README.md" or f"({page.name})" in listed


def test_numbers_of_failures_that_are_cited_exist() -> None:
    known = set(
        re.findall(r"^\| (\d+) \|", (ROOT / "docs/reference/failures.md").read_text(), re.M)
    )
    cited = re.compile(r"failures\.md ((?:#\d+(?:, )?)+)")
    missing = [
        f"{name}: #{number}"
        for name, text in texts((".py",))
        for group in cited.findall(text)
        for number in re.findall(r"\d+", group)
        if number not in known
    ]
    assert not missing
