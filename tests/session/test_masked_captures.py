"""Masked captures are written to a directory that podwire made, and to no other one."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.errors import CaptureError
from session.masked_captures import own_directory


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_one_and_that_of_an_earlier_report_are_private(tmp_path: Path) -> None:
    path = own_directory(tmp_path / "r.captures")
    assert mode(path) == 0o700
    (path / "capture-1.pcap").write_bytes(b"earlier")
    (path / ".capture-1-1.77.part").write_bytes(b"of one that was killed")
    assert own_directory(path) == path and mode(path) == 0o700


def test_an_empty_one_becomes_private(tmp_path: Path) -> None:
    (path := tmp_path / "r.captures").mkdir()
    path.chmod(0o755)
    assert mode(own_directory(path)) == 0o700


@pytest.mark.parametrize("name", ["capture-1.pcap", "notes.txt", "capture-1.pcap.zst"])
def test_one_of_somebody_is_refused(tmp_path: Path, name: str) -> None:
    (path := tmp_path / "r.captures").mkdir()
    path.chmod(0o755)
    (path / name).write_bytes(b"theirs")
    with pytest.raises(CaptureError, match=r"podwire did not .* another --output"):
        own_directory(path)
    assert (path / name).read_bytes() == b"theirs" and mode(path) == 0o755


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (real := tmp_path / "real").mkdir(mode=0o700)
    (path := tmp_path / "r.captures").symlink_to(real)
    with pytest.raises(CaptureError, match="symbolic link"):
        own_directory(path)
    own_directory(real)
    (real / "capture-1.pcap").symlink_to(tmp_path / "other")
    with pytest.raises(CaptureError, match="did not write"):
        own_directory(real)


def test_what_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CaptureError, match="is no directory"):
        own_directory(tmp_path / "file")
    with pytest.raises(CaptureError, match="cannot be made: Not a directory"):
        own_directory(tmp_path / "file" / "r.captures")
