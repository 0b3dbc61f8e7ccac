"""A session as one file, and back; files of others' making."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import os
import tarfile
import threading
from pathlib import Path

import pytest

from collectors.errors import ConfigError, NotWritten
from collectors.events import Mark
from collectors.recording.session_log import SessionWriter
from collectors.recording.session_reader import SessionReader
from session import session_files
from session.recorded_sessions import sessions
from session.running_session import new_session, sessions_directory
from session.session_files import NoLongerWanted, export, import_session, located, opened

MARKS = [Mark(1_800_000_000.0 + n, "", "alice", f"mark {n}") for n in range(5)]


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    running = new_session()
    writer = SessionWriter(running.directory)
    writer.write(MARKS)
    writer.close()
    running.close()
    return running.directory


def marks(directory: Path) -> list[Mark]:
    return [event for event in SessionReader(directory).events() if isinstance(event, Mark)]


def test_exported_and_imported_it_is_the_same(
    session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = export(session, tmp_path / "one.podwire")
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine's"))
    imported = import_session(file)
    assert imported != session and imported.stat().st_mode & 0o777 == 0o700
    assert marks(imported) == marks(session) == MARKS
    assert [one.summary.marks for one in sessions()] == [5]


def test_what_is_here_already_is_not_added_again(session: Path, tmp_path: Path) -> None:
    """By what is in it: one more mark makes it another one."""
    file = export(session, tmp_path / "one.podwire")
    assert import_session(file) == session == import_session(file)
    assert [one.directory for one in sessions()] == [session]
    data = (session / "timeline.zst").read_bytes()
    (session / "timeline.zst").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    imported = import_session(file)
    assert imported != session and marks(imported) == MARKS
    assert import_session(file) == imported


def test_a_member_twice_is_a_sentence(session: Path, tmp_path: Path) -> None:
    path, before = tmp_path / "twice.podwire", sorted(sessions_directory().iterdir())
    with tarfile.open(path, "w") as archive:
        for _ in range(2):
            archive.add(session / "timeline.zst", "timeline.zst")
    with pytest.raises(ConfigError, match=r"is not opened: timeline\.zst is in it twice"):
        import_session(path)
    assert sorted(sessions_directory().iterdir()) == before


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_directory_that_cannot_be_written_is_named_and_not_the_file_that_is_read(
    code: int, session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, before = export(session, tmp_path / "one.podwire"), sorted(session.parent.iterdir())

    def full(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(session_files, "_write", full)
        with pytest.raises(NotWritten, match=rf"^{tmp_path}/podwire cannot be .*XDG_STATE_HOME"):
            import_session(file)
        with contextlib.ExitStack() as places, pytest.raises(NotWritten, match="TMPDIR"):
            opened(file, places)
    monkeypatch.setattr(session_files, "new_session", full)
    with pytest.raises(NotWritten, match=os.strerror(code)) as said:
        import_session(file)
    assert file.name not in str(said.value) and said.value.exit_code == 1
    assert sorted(session.parent.iterdir()) == before


@pytest.mark.usefixtures("session")
def test_of_a_recording_in_one_file_it_is_said_what_reads_it(tmp_path: Path) -> None:
    for name, data in (("a.jsonl", b"{}\n"), ("a.jsonl.gz", gzip.compress(b"{}\n"))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ConfigError, match="podwire replay, report and check --from read it"):
            import_session(tmp_path / name)
    (tmp_path / "a.pcap").write_bytes(b"\xd4\xc3\xb2\xa1" + bytes(20))
    with pytest.raises(ConfigError, match="podwire pcap and check --from read it"):
        import_session(tmp_path / "a.pcap")


def test_last_of_none_says_how_one_comes_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "none"))
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"No session is recorded .* a console records one"):
            located(Path("last"))
        sessions_directory().mkdir(parents=True, exist_ok=True)


def test_nothing_is_written_over(session: Path, tmp_path: Path) -> None:
    path = tmp_path / "there"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="cannot be written: File exists"):
        export(session, path)
    assert path.read_text() == "mine"


def tar(path: Path, name: str, kind: bytes = tarfile.REGTYPE) -> Path:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, "/etc/passwd", 3 * (kind == tarfile.REGTYPE)
    with tarfile.open(path, "w") as archive:
        archive.addfile(info, io.BytesIO(b"abc"))
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../../timeline.zst", tarfile.REGTYPE),
        ("/tmp/timeline.zst", tarfile.REGTYPE),
        ("authorized_keys", tarfile.REGTYPE),
        ("timeline.zst", tarfile.SYMTYPE),
        ("timeline.zst", tarfile.LNKTYPE),
        ("evidence-1.zst", tarfile.REGTYPE),  # no timeline
    ],
)
@pytest.mark.usefixtures("session")
def test_a_hostile_file_leaves_nothing(tmp_path: Path, name: str, kind: bytes) -> None:
    before = sorted(sessions_directory().iterdir())
    with pytest.raises(ConfigError, match="is not opened"):
        import_session(tar(tmp_path / "hostile.podwire", name, kind))
    assert sorted(sessions_directory().iterdir()) == before


def test_opened_it_is_in_a_place_that_goes(session: Path, tmp_path: Path) -> None:
    file, known = export(session, tmp_path / "one.podwire"), sorted(sessions_directory().iterdir())
    with contextlib.ExitStack() as places:
        directory = opened(file, places)
        assert marks(directory) == MARKS and directory.stat().st_mode & 0o777 == 0o700
        assert sorted(sessions_directory().iterdir()) == known
    assert not directory.exists()
    with contextlib.ExitStack() as places:
        assert opened(session, places) == session
    assert session.exists()


def test_nobody_unpacks_what_nobody_waits_for(session: Path, tmp_path: Path) -> None:
    file, left = export(session, tmp_path / "one.podwire"), threading.Event()
    left.set()
    with contextlib.ExitStack() as places, pytest.raises(NoLongerWanted):
        opened(file, places, left)


@pytest.mark.parametrize("ends", [KeyboardInterrupt(), OSError(errno.ENOSPC, "the disk is full")])
def test_an_export_that_ends_early_leaves_nothing(
    ends: BaseException, session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object) -> None:
        raise ends

    monkeypatch.setattr(tarfile.TarFile, "addfile", ended)
    before = sorted(tmp_path.iterdir())
    with pytest.raises((KeyboardInterrupt, ConfigError)):
        export(session, tmp_path / "one.podwire")
    assert sorted(tmp_path.iterdir()) == before


def header(size: int, kind: bytes = b"0") -> bytes:
    """Of a file of a tar, that claims a size: below 0 as GNU tar writes large ones."""
    made = bytearray(tarfile.TarInfo("timeline.zst").tobuf(tarfile.GNU_FORMAT))
    made[124:136] = (size % (1 << 96)).to_bytes(12, "big") if size < 0 else b"%011o\0" % size
    made[156:157] = kind
    if kind == tarfile.GNUTYPE_SPARSE:
        made[386:410] = b"%011o\0%011o\0" % (0, size)
        made[483:495] = b"%011o\0" % (4_000 << 20)  # its real size
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made)


@pytest.mark.parametrize("kind", [b"0", b"x", b"L", tarfile.GNUTYPE_SPARSE])
@pytest.mark.parametrize("size", [-512, -1024, 512])
@pytest.mark.usefixtures("session")
def test_a_size_that_cannot_be_ends_it(kind: bytes, size: int, tmp_path: Path) -> None:
    """Neither a loop, nor 4 GiB of zeros out of 2 KiB."""
    path, before = tmp_path / "hostile.podwire", sorted(sessions_directory().iterdir())
    path.write_bytes(header(size, kind) + b"x" * 512 + b"\0" * 1024)
    if (kind, size) == (b"0", 512):
        assert import_session(path).is_dir()  # it holds nothing: that is said where it is opened
        return
    with pytest.raises(ConfigError, match=r"is not opened|cannot be opened"):
        import_session(path)
    assert sorted(sessions_directory().iterdir()) == before


def test_what_is_no_export_is_a_sentence(session: Path, tmp_path: Path) -> None:
    assert located(session) == session
    path = tmp_path / "noise"
    path.write_bytes(b"\0" * 257 + b"ustar" + b"\xff" * 900)
    with pytest.raises(ConfigError, match="it is not a session that podwire exported"):
        import_session(path)
