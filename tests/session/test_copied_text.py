"""The file of what was copied last."""

from __future__ import annotations

from pathlib import Path

import pytest

from session import copied_text


def test_it_is_private_and_replaces_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    copied_text.keep("first, which is longer")
    path = copied_text.keep("é\udc80")
    assert path == tmp_path / "podwire" / "copied.txt"
    assert path.read_bytes() == "é?".encode()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["copied.txt"]


def test_a_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    other = tmp_path / "other"
    other.write_text("mine")
    (tmp_path / "podwire").mkdir()
    (tmp_path / "podwire" / "copied.txt").symlink_to(other)
    path = copied_text.keep("new")
    assert other.read_text() == "mine" and path.read_text() == "new" and not path.is_symlink()


def test_what_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "podwire" / "copied.txt").mkdir(parents=True)
    with pytest.raises(OSError):
        copied_text.keep("new")
    assert [one.name for one in (tmp_path / "podwire").iterdir()] == ["copied.txt"]
