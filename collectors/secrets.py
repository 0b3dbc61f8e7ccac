"""Secrets that this process holds, so that no text which is shown, recorded or logged repeats
one."""

from __future__ import annotations

HIDDEN = "‹hidden›"
SHORTEST = 6  # hiding shorter ones would cut ordinary words
_known: list[str] = []


def hide(*values: str) -> None:
    """Remember secrets: whatever passes `redact` from now on does not repeat them."""
    for value in values:
        for part in (value, *value.splitlines()):  # of a key's PEM, each line
            text = part.strip()
            if len(text) >= SHORTEST and not text.startswith("-----") and text not in _known:
                _known.append(text)
    _known.sort(key=len, reverse=True)


def redact(text: str) -> str:
    """`text` without the secrets that are known."""
    for value in _known:
        if value in text:
            text = text.replace(value, HIDDEN)
    return text
