"""A command that was run at a target, in a line. Pure."""

from __future__ import annotations

import shlex

from collectors.events import CommandRun

ARGV_SHOWN = 12  # words


def run_text(event: CommandRun) -> str:
    """`ss -tin: exit code 0, 0.2 s`."""
    words = " ".join(" ".join(map(_word, event.argv)).split()[:ARGV_SHOWN])
    return f"{words}: {_result(event)}, {event.seconds:.1f} s"


def _word(text: str) -> str:
    """In quotes where it has spaces: what belongs to it stays known, a password's rest as well."""
    return shlex.quote(text) if len(text.split()) > 1 else text


def _result(event: CommandRun) -> str:
    code = "no exit code" if event.exit_code is None else f"exit code {event.exit_code}"
    return event.error or code
