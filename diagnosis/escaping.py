"""Text from a cluster inside of HTML and of Markdown: nothing in it is read as either."""

from __future__ import annotations

import html
import re

_SPECIAL = re.compile(r"([\\`*_\[\]|~>$])")
_AT_BEGIN = re.compile(r"^(\d{0,9})([.)](?= |$))|^([#+=-])")  # a heading, a list: only there
_LINK = re.compile(r"(?i)(https?|ftp|mailto):|www\\?\.")
_FENCE = re.compile(r"`{3,}")


def in_html(text: object) -> str:
    return html.escape(str(text), quote=True)


def in_markdown(text: object) -> str:
    """On one line. Neither markup, nor HTML, nor a link or a name that a forge would notify."""
    line = " ".join(str(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace("@", "&#64;")
    line = _AT_BEGIN.sub(r"\1\\\2\3", _SPECIAL.sub(r"\\\1", line))
    return _LINK.sub(_unlinked, line)


def _unlinked(match: re.Match[str]) -> str:
    found = match[0]
    return f"{found[:-1]}&#58;" if found.endswith(":") else f"{found[:3]}&#46;"


def fenced(text: str, language: str = "") -> str:
    """A block of code whose fence is longer than any in it."""
    longest = max((len(found) for found in _FENCE.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
