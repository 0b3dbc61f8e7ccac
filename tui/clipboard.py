"""Copies a text to the terminal's clipboard, to tmux's buffer, and always to a file."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

from session import copied_text
from tui import format as fmt, terminal_sequences

TMUX_S = 2.0  # for a server that does not answer


async def copied(text: str, write: Callable[[str], None]) -> str:
    """A sentence that says where it is. `write` writes to the terminal."""
    places = []
    if sequence := _sequence(text):
        write(sequence)
        places.append("the terminal's clipboard (OSC 52, if it allows that)")
    if os.environ.get("TMUX") and await in_tmux(text):
        places.append("tmux's buffer")
    try:
        places.append(str(await asyncio.to_thread(copied_text.keep, text)))
    except OSError as error:
        places.append(f"no file ({error.strerror})")
    return f"{fmt.many(len(text), 'character')} copied to {_listed(places)}."


def _sequence(text: str) -> str:
    bare = os.environ.get("TERM", "") in terminal_sequences.BARE
    return "" if bare else terminal_sequences.clipboard(text)


def _listed(places: list[str]) -> str:
    *most, last = places
    return f"{', '.join(most)} and {last}" if most else last


async def in_tmux(text: str) -> bool:
    """Whether tmux has it now."""
    try:
        process = await asyncio.create_subprocess_exec(
            "tmux",
            "load-buffer",
            "-",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        await asyncio.wait_for(process.communicate(text.encode("utf-8", "replace")), TMUX_S)
    except (TimeoutError, OSError):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return process.returncode == 0
