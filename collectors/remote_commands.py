"""The life of podwire's long commands in a container: known by a token in their environment, so
that what an older runtime leaves running when its client vanishes is ended on reconnecting, or by
the next console that comes.

A console touches a mark in each container that it works in; commands whose mark is old belong to
one that is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence

from collectors.command_runner import CommandResult, Runner, run
from collectors.errors import PodwireError

TOKEN = secrets.token_hex(6)  # of this console
MARK = "/tmp/.podwire-run-"
MARK_EVERY_S = 60.0
OLD_MIN = 4  # minutes after which a mark's console is gone
SHORT_S = 6.0

_END = r"""exec 2>/dev/null
tr '\0' '\n' < "/proc/$1/environ" | grep -qx "PODWIRE_RUN=$2" && kill "-$3" "$1" """
_SWEEP = r"""exec 2>/dev/null
find /tmp -maxdepth 1 -name '.podwire-run-*' -mmin "+$1" | while read -r mark; do
  token=${mark##*-}
  for process in /proc/[0-9]*; do
    if tr '\0' '\n' < "$process/environ" | grep -qx "PODWIRE_RUN=$token"; then
      kill "${process#/proc/}" && echo "${process#/proc/}"
    fi
  done
  rm -f "$mark"
done"""


def owned(argv: Sequence[str]) -> list[str]:
    """A long command with this console's token in its environment."""
    return ["env", f"PODWIRE_RUN={TOKEN}", *argv]


async def end(runner: Runner, pid: int, signal: str = "TERM") -> None:
    """Signal a command of ours; nothing where it is no more, or another has its number by now."""
    with contextlib.suppress(PodwireError):
        arguments = (str(pid), TOKEN, signal)
        await _run_script(runner, _END, "podwire-end", *arguments)


async def sweep(runner: Runner) -> int:
    """End what consoles that are gone left running in a container; returns how many commands that
    were."""
    try:
        result = await _run_script(runner, _SWEEP, "podwire-sweep", str(OLD_MIN))
    except PodwireError:
        return 0  # no `find`, or no access: each command is bounded by itself
    return len(result.out.split())


async def _run_script(runner: Runner, script: str, *arguments: str) -> CommandResult:
    """The first of the arguments is the script's name."""
    return await run(runner, ["sh", "-c", script, *arguments], timeout=SHORT_S)


async def keep_marked(runner: Runner) -> None:
    """Say in a container, for ever, that this console still works there."""
    while True:
        with contextlib.suppress(PodwireError):
            await run(runner, ["touch", MARK + TOKEN], timeout=SHORT_S)
        await asyncio.sleep(MARK_EVERY_S)
