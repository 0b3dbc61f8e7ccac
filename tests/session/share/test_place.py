"""Where shared sessions are found, and who may enter."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from collectors.errors import ConfigError
from session.share.place import found_session, new_socket, share_directory, shared_sessions

DIES = """
import os, signal
from session.share.place import new_socket
kept = new_socket("killed")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_only_its_user_can_reach_it() -> None:
    listening, path = new_socket("one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert shared_sessions() == [path] == [found_session()]
    listening.close()


def test_a_socket_whose_console_was_killed_is_removed(runtime: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DIES], env={**os.environ}, check=False)
    assert done.returncode == -9
    left = runtime / "podwire" / "shared" / "killed.sock"
    assert left.is_socket()
    with pytest.raises(ConfigError, match="No session is shared"):
        found_session()
    assert not left.exists()
    subprocess.run([sys.executable, "-c", DIES], env={**os.environ}, check=False)
    listening, path = new_socket("killed")
    assert shared_sessions() == [path] == [left]
    listening.close()


def test_of_several_one_must_be_named() -> None:
    kept = [new_socket(name) for name in ("mon-1", "mon-2", "tue")]
    with pytest.raises(ConfigError, match="mon-1, mon-2, tue"):
        found_session()
    with pytest.raises(ConfigError, match=r"Several.*mon-1, mon-2\. "):
        found_session("mon")
    with pytest.raises(ConfigError, match="No session wed"):
        found_session("wed")
    assert found_session("t").stem == "tue" and found_session("mon-1").stem == "mon-1"
    for listening, _ in kept:
        listening.close()


def test_a_directory_that_others_can_enter_is_refused(runtime: Path) -> None:
    share_directory().chmod(0o755)
    with pytest.raises(ConfigError, match="0700"):
        new_socket("one")


def test_a_directory_that_is_a_link_is_refused(runtime: Path) -> None:
    elsewhere = runtime / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (runtime / "podwire").mkdir(mode=0o700)
    (runtime / "podwire" / "shared").symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="0700"):
        new_socket("one")


def test_a_path_that_no_socket_can_have_is_said(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime / ("d" * 100)))
    with pytest.raises(ConfigError, match="too long"):
        new_socket("one")
