"""Text for fonts and locales without anything but ASCII: each character by one that is as wide, so
that columns stay where they are."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

# terminals whose fonts have neither braille nor all of what frames need
TERMINALS = ("linux", "dumb", "vt100", "vt102", "vt220", "ansi", "cons25")
UNKNOWN = "?"
_GLYPHS = {
    **dict.fromkeys("▕▏│┃▌▐▍▎▊▋▉┆", "|"),
    **dict.fromkeys("┊╎", "/"),  # a gap: as nothing that is filled
    **dict.fromkeys("─━╌┈═▔▀–—‒‐·•", "-"),
    **dict.fromkeys("▁▂▃▄", "_"),
    **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼╔╗╚╝", "+"),
    **dict.fromkeys("█▅▆▇▓▒░■", "#"),
    **dict.fromkeys("●▪◆★", "*"),
    **dict.fromkeys("→▶⟩›≥", ">"),
    **dict.fromkeys("←◀⟨‹≤", "<"),
    **dict.fromkeys("✕✗×", "x"),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys("‘’", "'"),
    "↔": "=",
    "↑": "^",
    "↓": "v",
    "▲": "!",
    "▼": "v",
    "◐": "~",
    "○": "o",
    "◉": "@",
    "✓": "+",
    "±": "~",
    "≠": "!",
    "…": "~",
    "⠀": " ",
}
_UPPER, _LOWER = 0x1B, 0xE4  # dots of a braille cell: the two upper rows, and the two below
_BRAILLE = range(0x2800, 0x2900)


@lru_cache(maxsize=4096)
def ascii_of(text: str) -> str:
    """The same in as many cells."""
    return text if text.isascii() else "".join(map(_one, text))


@lru_cache(maxsize=4096)
def _one(character: str) -> str:
    if character.isascii():
        return character
    if (code := ord(character)) in _BRAILLE:
        return _dots(code - _BRAILLE.start)
    if character in _GLYPHS:
        return _GLYPHS[character]
    from rich.cells import cell_len  # `podwire config` asks for the locale alone

    width = cell_len(character)
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain if plain and len(plain) == width else UNKNOWN * width


def _dots(bits: int) -> str:
    """A cell of a graph: a point above or below, or how much of it is filled."""
    count = bits.bit_count()
    if count > 4:
        return "#"
    if not bits & _LOWER:
        return "'" if bits else " "
    return "." if not bits & _UPPER and count < 3 else ":"


def given_locale(environment: Mapping[str, str], begun_with: bytes) -> dict[str, str]:
    """Without the LC_CTYPE that Python itself sets where the locale is C (PEP 538). `begun_with` is
    /proc/self/environ: what the process was given."""
    own = begun_with and not any(part.startswith(b"LC_CTYPE=") for part in begun_with.split(b"\0"))
    return {name: text for name, text in environment.items() if not own or name != "LC_CTYPE"}


def has_ascii_only(environment: Mapping[str, str]) -> bool:
    """Whether the locale or the terminal says so; what says nothing is believed to have all."""
    locale = next(
        (found for name in ("LC_ALL", "LC_CTYPE", "LANG") if (found := environment.get(name))), ""
    )
    name, _, encoding = locale.partition(".")
    encoding = encoding.partition("@")[0].lower().replace("-", "")
    unicode = encoding == "utf8" or (not encoding and name not in ("C", "POSIX"))
    return not unicode or environment.get("TERM", "") in TERMINALS
