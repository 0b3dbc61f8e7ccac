"""A session as one file, and back; files of others' making."""

from __future__ import annotations

import contextlib
import io
import tarfile
from pathlib import Path

import pytest

from collectors.errors import ConfigError
from collectors.events import Mark
from collectors.recording.session_log import SessionWriter
from collectors.recording.session_reader import SessionReader
from session.recorded_sessions import new_session, sessions, sessions_directory
from session.session_files import export, import_session, located, opened

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


def test_exported_and_imported_it_is_the_same(session: Path, tmp_path: Path) -> None:
    file = export(session, tmp_path / "one.podwire")
    assert file.stat().st_mode & 0o777 == 0o600
    imported = import_session(file)
    assert imported != session and imported.stat().st_mode & 0o777 == 0o700
    assert marks(imported) == marks(session) == MARKS
    assert {one.summary.marks for one in sessions()} == {5}


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


def test_what_is_no_export_is_a_sentence(session: Path, tmp_path: Path) -> None:
    assert located(session) == session
    path = tmp_path / "noise"
    path.write_bytes(b"\0" * 257 + b"ustar" + b"\xff" * 900)
    with pytest.raises(ConfigError, match="it is not a session that podwire exported"):
        import_session(path)
