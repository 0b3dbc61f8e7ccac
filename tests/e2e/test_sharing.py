"""Colleagues in terminals of their own join a console of this machine."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from session.engine import login_name
from tests.support.terminal import PROGRAM, Tmux


@pytest.fixture
def runtime() -> Iterator[Path]:
    """Not below tmp_path: a socket's path is short."""
    with tempfile.TemporaryDirectory(prefix="podwire-") as directory:
        yield Path(directory)


@pytest.fixture
def terminals(tmp_path: Path, runtime: Path) -> Iterator[list[Tmux]]:
    """The driver's and two viewers', of different sizes."""
    opened = [Tmux(120, 40), Tmux(80, 24), Tmux(100, 30)]
    for terminal in opened:
        terminal.line(f"export XDG_RUNTIME_DIR={runtime} XDG_STATE_HOME={tmp_path}")
    yield opened
    for terminal in opened:
        terminal.close()


def test_a_session_is_joined_marked_and_ends_with_a_kill(
    terminals: list[Tmux], runtime: Path
) -> None:
    driver, one, other = terminals
    one.line(f"{PROGRAM} join; echo code $?")
    one.until("No session is shared here")
    one.until("code 2")
    driver.line(f"{PROGRAM} local --share")
    driver.until("shared, 0 joined")
    for viewer in (one, other):
        viewer.line(f"clear; {PROGRAM} join; echo left $?")
        viewer.until(f"joined {login_name()}")
    driver.until("shared, 2 joined")
    one.keys("*")
    one.until("Mark this moment")
    one.line("it began here")
    for terminal in (driver, other):
        terminal.keys("t")
        terminal.until("it began here")
    one.keys("c")
    one.until(f"joined: {login_name()} does it")
    other.keys("q")
    other.until("left 0")
    driver.until("shared, 1 joined")
    killed = driver.program()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    one.until("not live")
    one.until("broke off")
    (left,) = (runtime / "podwire" / "shared").iterdir()
    assert left.is_socket()
    other.line(f"clear; {PROGRAM} local --share")
    other.until("shared, 0 joined")
    assert not left.exists()
    other.keys("S")
    other.gone("shared, 0 joined")
    assert list(left.parent.iterdir()) == []
