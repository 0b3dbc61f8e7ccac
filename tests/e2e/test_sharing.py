"""Colleagues in terminals of their own join a console of this machine."""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from session.engine import login_name
from tests.support.ssh_server import HOST, MISSING, SSHD, ssh_server
from tests.support.terminal import PROGRAM, Tmux

pytestmark = pytest.mark.slow

MARKS = 5  # in each direction
SEEN_S = 0.3  # by 90 % of them: the machine is shared


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


@pytest.mark.skipif(SSHD is None, reason=MISSING)
def test_over_ssh_a_hand_over_and_marks_within_300_ms(
    terminals: list[Tmux],
    runtime: Path,
    tmp_path: Path,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    owner, _, viewer = terminals  # on a small one its own message covers the newest marks
    there = {"XDG_RUNTIME_DIR": str(runtime), "XDG_STATE_HOME": str(tmp_path / "there")}
    (keys := tmp_path / "ssh").mkdir(mode=0o700)
    with ssh_server(keys, there) as programs:
        viewer.line(f"unset XDG_RUNTIME_DIR; PATH={programs}:$PATH")
        viewer.line(f"clear; {PROGRAM} join --ssh {HOST}; echo code $?")
        viewer.until("No session is shared here")
        viewer.until("code 2")
        owner.line(f"{PROGRAM} local --share")
        owner.until("shared, 0 joined")
        viewer.line(f"clear; {PROGRAM} join --ssh {HOST}; echo left $?")
        viewer.until(f"joined {login_name()}", 30)
        owner.until("shared, 1 joined")
        viewer.keys("H")
        owner.until("asks to drive")
        owner.keys("H")
        viewer.until("you drive")
        owner.until(r"\(\d+\) drives")
        for terminal in (owner, viewer):
            terminal.keys("t")
            terminal.until("timeline")
        waits = [_mark_seconds(*ends) for ends in ((owner, viewer), (viewer, owner)) * MARKS]
        record_testsuite_property("seconds to the other console", [round(s, 3) for s in waits])
        assert statistics.quantiles(waits, n=10)[-1] < SEEN_S, waits
        viewer.keys("q")
        viewer.until("left 0")
        owner.until("shared, 0 joined")


_marks = iter(range(100, 200))


def _mark_seconds(one: Tmux, other: Tmux) -> float:
    """From the key that sets a mark to the screen of the other console."""
    text = f"mark{next(_marks)}"
    one.keys("*")
    one.until("Mark this moment")
    one.type(text)
    one.until(text)
    began = time.monotonic()
    one.keys("Enter")
    while text not in other.screen():
        assert time.monotonic() - began < 10, other.screen()
    return time.monotonic() - began
