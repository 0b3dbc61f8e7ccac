"""What a console that is gone left running in a container is ended by the next; what is another's is left alone."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from collectors import remote_commands
from collectors.command_runner import LocalRunner, run

pytestmark = pytest.mark.slow


async def started(token: str, seconds: int = 60) -> int:
    process = await asyncio.create_subprocess_exec(
        "env", f"PODWIRE_RUN={token}", "sh", "-c", f"sleep {seconds}; true", start_new_session=True
    )
    await asyncio.sleep(0.2)
    return process.pid


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def mark(token: str, minutes_old: float) -> Path:
    path = Path(remote_commands.MARK + token)
    path.touch()
    touched = time.time() - 60 * minutes_old
    os.utime(path, (touched, touched))
    return path


async def test_only_the_commands_of_a_console_that_is_gone_are_ended() -> None:
    old, fresh, unmarked = "00aa11bb22cc", "11bb22cc33dd", "22cc33dd44ee"
    pids = {token: await started(token) for token in (old, fresh, unmarked)}
    marks = [mark(old, remote_commands.OLD_MIN + 2), mark(fresh, 0.5)]
    try:
        assert await remote_commands.sweep(LocalRunner()) >= 1
        await asyncio.sleep(0.2)
        assert not alive(pids[old]) and alive(pids[fresh]) and alive(pids[unmarked])
        assert not marks[0].exists() and marks[1].exists()
        assert await remote_commands.sweep(LocalRunner()) == 0
    finally:
        for pid in pids.values():
            if alive(pid):
                os.killpg(pid, 9)
        for path in marks:
            path.unlink(missing_ok=True)


async def test_a_number_that_is_anothers_by_now_is_not_signalled() -> None:
    mine, other = await started(remote_commands.TOKEN), await started("33dd44ee55ff")
    try:
        for pid in (mine, other, 2**22):
            await remote_commands.end(LocalRunner(), pid)
        await asyncio.sleep(0.2)
        assert not alive(mine) and alive(other)
    finally:
        for pid in (mine, other):
            if alive(pid):
                os.killpg(pid, 9)


async def test_a_container_without_the_tools_is_no_trouble() -> None:
    class Bare(LocalRunner):
        async def start(self, argv):  # type: ignore[no-untyped-def]
            return await super().start(["/nonexistent", *argv])

    assert await remote_commands.sweep(Bare()) == 0
    await remote_commands.end(Bare(), 1)


async def test_a_long_command_carries_the_token() -> None:
    result = await run(LocalRunner(), remote_commands.owned(["sh", "-c", 'echo "$PODWIRE_RUN"']))
    assert result.out.decode().strip() == remote_commands.TOKEN


@pytest.mark.parametrize("token", ["../../etc/passwd", "a b", "x'; touch /tmp/podwire-never; '"])
async def test_a_mark_of_any_name_runs_nothing(token: str) -> None:
    name = token.replace("/", "_")
    path = mark(name, remote_commands.OLD_MIN + 2)
    try:
        await remote_commands.sweep(LocalRunner())
        assert not Path("/tmp/podwire-never").exists()
    finally:
        path.unlink(missing_ok=True)
