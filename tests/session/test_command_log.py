"""Commands that are run in somebody's pod are events: what, for what, and how they ended."""

from __future__ import annotations

import pytest

from collectors.command_runner import LocalRunner, run
from collectors.errors import ExecError, ToolMissing
from collectors.events import CommandRun
from collectors.kernel import sysctls
from collectors.stream import Stream, Subscription
from session.command_log import OUTPUT_KEPT, LoggedRunner


def logged() -> tuple[LoggedRunner, Subscription]:
    stream = Stream()
    seen = stream.subscribe(100, "test")
    return LoggedRunner(LocalRunner(), stream, "pod/shop/web-1", "guide"), seen


def only(seen: Subscription) -> CommandRun:
    """The one event since the last look."""
    (event,) = seen.pending()
    seen._queue.clear()
    assert isinstance(event, CommandRun)
    return event


async def test_a_command_that_ends() -> None:
    runner, seen = logged()
    result = await run(runner, ["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (result.code, result.out) == (3, b"out\n")
    event = only(seen)
    assert (event.target, event.asked_by, event.exit_code) == ("pod/shop/web-1", "guide", 3)
    assert event.argv == ("sh", "-c", "echo out; echo err >&2; exit 3")
    assert "out" in event.output and "err" in event.output
    assert 0 < event.seconds < 5 and event.error == ""


async def test_one_that_does_not_end_one_that_is_not_there_and_one_that_says_much() -> None:
    runner, seen = logged()
    with pytest.raises(ExecError):
        await run(runner, ["sleep", "9"], timeout=0.1)
    event = only(seen)
    assert event.error == "stopped before it ended" or event.exit_code not in (0, None)
    with pytest.raises(ToolMissing):
        await run(runner, ["no-such-tool"])
    assert "not installed" in only(seen).error
    await run(runner, ["sh", "-c", "yes | head -c 100000"])
    assert len(only(seen).output) <= 2 * OUTPUT_KEPT


async def test_what_compare_reads_is_logged() -> None:
    runner, seen = logged()
    settings = await sysctls.read(runner)
    assert settings
    event = only(seen)
    assert event.exit_code == 0 and event.argv[0] == "sh"


async def test_nothing_that_is_printed_reaches_a_terminal_raw() -> None:
    runner, seen = logged()
    await run(runner, ["printf", "\\033[2Jgone"])
    assert "\x1b" not in only(seen).output
