"""Secrets in text, by the forms that they have: what is handed on has `‹hidden›` in their place.

The kinds are in secrets.toml. Text of several lines may have become one line before
(collectors/sanitize.py).
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

from collectors.secrets import HIDDEN, redact

TABLE = Path(__file__).with_name("secrets.toml")
Kind = tuple[str, re.Pattern[str]]


@cache
def kinds() -> tuple[Kind, ...]:
    """(what it is called, its pattern), in the order in which they are looked for."""
    rows = tomllib.loads(TABLE.read_text())["secret"]
    return tuple((row["kind"], re.compile(row["pattern"], re.DOTALL)) for row in rows)


def without_secrets(text: str) -> str:
    """`text` with what looks like a secret, and what this process knows as one, hidden."""
    text = redact(text)
    for _, pattern in kinds():
        text = pattern.sub(_hidden, text)
    return text


def _hidden(match: re.Match[str]) -> str:
    """The match with its secret hidden."""
    begin, end = match.span("s" if "s" in match.re.groupindex else 0)
    begin, end = begin - match.start(), end - match.start()
    return f"{match[0][:begin]}{HIDDEN}{match[0][end:]}"
