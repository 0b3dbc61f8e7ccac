"""A file has its name once all of it is written; what ends that earlier leaves nothing."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from collectors.new_file import whole_file


def test_it_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    with whole_file(path) as file:
        file.write(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it" and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("what", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full"), ValueError()])
@pytest.mark.parametrize("replace", [False, True])
def test_what_ends_it_earlier_leaves_nothing(
    what: BaseException, replace: bool, tmp_path: Path
) -> None:
    path = tmp_path / "report"
    if replace:
        path.write_bytes(b"earlier")
    with pytest.raises(type(what)), whole_file(path, replace=replace) as file:
        file.write(b"a part")
        raise what
    assert list(tmp_path.iterdir()) == ([path] if replace else [])
    assert not replace or path.read_bytes() == b"earlier"


@pytest.mark.parametrize("link", [os.link, None], ids=["with links", "without"])
def test_one_that_is_there_stays(
    link: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that comes while it is written."""

    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    if link is None:
        monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "export"
    with pytest.raises(FileExistsError), whole_file(path) as file:
        file.write(b"mine")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileExistsError), whole_file(path):
        raise AssertionError("nothing is begun")
    (tmp_path / "other").mkdir()
    with whole_file(tmp_path / "other" / "new") as file:
        file.write(b"x")
    assert [one.name for one in (tmp_path / "other").iterdir()] == ["new"]


@pytest.mark.parametrize("name", [".", "/"])
def test_a_directory_is_no_file(name: str) -> None:
    with pytest.raises(IsADirectoryError), whole_file(Path(name), replace=True):
        raise AssertionError("nothing is begun")
