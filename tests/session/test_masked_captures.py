"""Masked captures are written to a directory that podwire made, and to no other one."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.capture.pcap import PcapWriter
from collectors.errors import CaptureError
from collectors.packet import Packet
from collectors.privacy.address_mask import AddressMask
from collectors.privacy.frame_mask import FrameMask
from session.masked_captures import CaptureCopier, own_directory
from session.report_captures import CaptureFile


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_one_and_that_of_an_earlier_report_are_private(tmp_path: Path) -> None:
    path = own_directory(tmp_path / "r.captures")
    assert mode(path) == 0o700
    (path / "capture-1.pcap").write_bytes(b"earlier")
    (path / ".capture-1-1.77ab12cd.part").write_bytes(b"of one that was killed")
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
    with pytest.raises(CaptureError, match="is not a directory"):
        own_directory(tmp_path / "file")
    with pytest.raises(CaptureError, match="cannot be made: Not a directory"):
        own_directory(tmp_path / "file" / "r.captures")


def test_a_place_that_was_mistyped_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="cannot be made: No such file"):
        own_directory(tmp_path / "none" / "r.captures")
    assert not (tmp_path / "none").exists()


def captured(path: Path, packets: int = 3) -> CaptureFile:
    writer = PcapWriter(path, 1)
    writer.write([Packet(number, b"\0" * 60, 60) for number in range(packets)])
    writer.close()
    return CaptureFile(path.name, "pod", path)


def test_copies_have_their_names_when_all_are_written(tmp_path: Path) -> None:
    directory = tmp_path / "r.captures"
    frames = FrameMask(AddressMask(b"k" * 32), lambda name: name)
    files = [captured(tmp_path / "one.pcap"), captured(tmp_path / "two.pcap")]
    copier = CaptureCopier(frames, directory)
    found = [copy for file in files for copy in copier.copies(file, "pod")]
    assert [one.name for one in found] == ["capture-1.pcap", "capture-2.pcap"]
    assert all(one.sha256 and one.packets == 3 for one in found)
    assert all(one.name.startswith(".") for one in directory.iterdir())
    copier.keep()
    assert sorted(one.name for one in directory.iterdir()) == ["capture-1.pcap", "capture-2.pcap"]
    before = {one.name: one.read_bytes() for one in directory.iterdir()}
    again = CaptureCopier(frames, directory)
    assert list(again.copies(files[0], "pod"))
    again.discard()
    assert {one.name: one.read_bytes() for one in directory.iterdir()} == before


def test_what_ends_a_copy_in_the_middle_leaves_none(tmp_path: Path) -> None:
    class Interrupted(FrameMask):
        def packet(self, linktype: int, packet: Packet) -> Packet:
            raise KeyboardInterrupt

    directory = tmp_path / "r.captures"
    copier = CaptureCopier(Interrupted(AddressMask(b"k" * 32), lambda name: name), directory)
    with pytest.raises(KeyboardInterrupt):
        list(copier.copies(captured(tmp_path / "one.pcap"), "pod"))
    assert len(list(directory.iterdir())) == 1
    copier.discard()
    assert list(directory.iterdir()) == []
