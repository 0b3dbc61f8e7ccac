"""A session that is joined through a command, as ssh is one."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import socket
import sys
from pathlib import Path

import pytest

from collectors.errors import ConfigError
from collectors.stream import Stream
from session.controller import Controller
from session.share.joining import joined
from session.share.links import (
    GREETING,
    MOST_BEFORE,
    CommandLink,
    SocketLink,
    given_command,
    ssh_command,
)
from session.store import Store
from tests.support.shared_session import driving, until

pytestmark = pytest.mark.slow

RELAY = [sys.executable, "-m", "cli.main", "join", "--stdio"]


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def shell(text: str) -> list[str]:
    """A login shell that says something before the command."""
    return ["sh", "-c", f"echo 'Welcome to bastion'; echo 'last login' >&2; exec {text}"]


async def test_a_session_is_joined_through_a_command_and_its_end_is_said() -> None:
    said: list[str] = []
    async with driving() as driver:
        viewer = Controller(Store(), Stream())
        source = await joined(viewer, CommandLink(shell(shlex.join(RELAY)), said.append))
        assert said == ["last login"] and source.owner and driver.sharing.share is not None
        assert source.session == driver.sharing.share.path.stem
        viewer.mark("from afar")
        await until(lambda: [e.text for e in driver.store.timeline.entries] == ["from afar"])
        await until(lambda: [e.text for e in viewer.store.timeline.entries] == ["from afar"])
        viewer.sharing.hand_over()
        await until(lambda: driver.sharing.asking)
        driver.sharing.hand_over()
        await until(lambda: viewer.sharing.drives)
        await driver.sharing.end()
        await until(lambda: source.state == "failed")
        assert "no longer shares this session" in source.message
        await viewer.close()


async def test_the_driver_sees_it_go_when_the_console_ends() -> None:
    async with driving() as driver:
        viewer = Controller(Store(), Stream())
        link = CommandLink(RELAY, lambda line: None)
        await joined(viewer, link)
        assert len(driver.sharing.people) == 2
        await viewer.close()
        await until(lambda: len(driver.sharing.people) == 1)
        assert link._process is not None and link._process.returncode == 0


async def test_a_command_that_dies_is_said_with_its_last_words() -> None:
    async with driving():
        viewer = Controller(Store(), Stream())
        code = (
            "import subprocess, sys, time;"
            f"child = subprocess.Popen({RELAY!r}); time.sleep(3); child.kill();"
            "print('client_loop: send disconnect: \\x1b[2JBroken pipe', file=sys.stderr)"
        )
        source = await joined(viewer, CommandLink(python(code), lambda line: None))
        await until(lambda: source.state == "failed")
        assert "broke off" in source.message
        await until(lambda: "Broken pipe" in source._link.why())
        assert "\x1b" not in source._link.why()
        await viewer.close()


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["/nonexistent/ssh"], "cannot be started: No such file"),
        (python("print('hello'); raise SystemExit(255)"), "ended with code 255.*It said: hello"),
        (python(f"print('x' * {4 * MOST_BEFORE})"), "it began with: xxxx"),
        (RELAY, "ended with code 2"),
    ],
)
async def test_a_command_that_gives_no_session_is_said(argv: list[str], why: str) -> None:
    said: list[str] = []
    link = CommandLink(argv, said.append)
    with pytest.raises(ConfigError, match=why):
        await link.begin()
    if argv is RELAY:
        assert any("No session is shared here" in line for line in said)
    if link._process is not None:
        assert link._process.returncode is not None


async def test_one_that_hangs_is_ended_with_what_waits_for_it() -> None:
    link = CommandLink(python("import time; time.sleep(60)"), lambda line: None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await link.begin()
    assert link._process is not None and link._process.returncode is not None


async def test_garbage_after_the_greeting_is_no_session() -> None:
    code = f"import sys; sys.stdout.buffer.write({GREETING!r} + b'GET / HTTP/1.1' * 9)"
    viewer = Controller(Store(), Stream())
    with pytest.raises(ConfigError, match="cannot be used: a message of"):
        await joined(viewer, CommandLink(python(code), lambda line: None))
    await viewer.close()


def test_what_is_given_to_ssh_is_no_option_and_no_other_command() -> None:
    *_, end, host, remote = ssh_command("-oProxyCommand=id", "a; id $(id)")
    assert (end, host) == ("--", "-oProxyCommand=id")
    assert remote == "podwire join --stdio 'a; id $(id)'"
    assert ssh_command("bastion", "")[-1] == "podwire join --stdio"


def test_a_command_is_split_into_words_and_no_shell_reads_it() -> None:
    assert given_command("ssh 'a b' $(id) podwire") == ["ssh", "a b", "$(id)", "podwire"]
    for text, why in (("", "needs a command"), ("ssh 'a", "not a command")):
        with pytest.raises(ConfigError, match=why):
            given_command(text)


async def test_one_waits_where_many_connections_wait_to_be_accepted(tmp_path: Path) -> None:
    path = tmp_path / "full.sock"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen(1)
    before = []
    with contextlib.suppress(BlockingIOError):
        for _ in range(20):
            before.append(socket.socket(socket.AF_UNIX))
            before[-1].setblocking(False)
            before[-1].connect(str(path))
    opening = asyncio.create_task(SocketLink(path).open(b"hello"))
    await asyncio.sleep(0.2)
    assert not opening.done()
    accepted = [listening.accept()[0] for _ in before[:-1]]
    await opening
    listening.settimeout(10)
    assert listening.accept()[0].recv(5) == b"hello"
    for one in (*before, *accepted, listening):
        one.close()
