"""Contexts and namespaces that a user keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.errors import ConfigError
from session.favourites import NAME, ContextNamespace, Favourites

SHOP = ContextNamespace("prod", "shop")


def test_a_favourite_is_there_the_next_time_and_private(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    assert Favourites(directory).add(SHOP) and not Favourites(directory).add(SHOP)
    assert Favourites(directory).add(ContextNamespace("arn:aws:eks:eu-1:12:cluster/a"))
    assert Favourites(directory).places == [SHOP, ContextNamespace("arn:aws:eks:eu-1:12:cluster/a")]
    assert (directory / NAME).stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in directory.iterdir()] == [NAME]


def test_one_that_is_forgotten_is_gone(tmp_path: Path) -> None:
    Favourites(tmp_path).add(SHOP)
    assert Favourites(tmp_path).remove(SHOP) and not Favourites(tmp_path).remove(SHOP)
    assert Favourites(tmp_path).places == []


@pytest.mark.parametrize(
    "text", ["", "{", "3", '{"a": 1}', '[1, ["a"], ["a", 2], ["prod", "shop"]]', "\ufeff["]
)
def test_what_cannot_be_read_is_no_favourite(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    assert Favourites(tmp_path).places in ([], [SHOP])


def test_a_directory_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(ConfigError, match=r"Favourites cannot be kept in .*favourites.json: "):
        Favourites(tmp_path / "state").add(SHOP)
