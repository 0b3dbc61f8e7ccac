"""Makes text from outside safe to show, once, where it becomes an event.

A name, label, DNS answer or error message may hold escape sequences (CVE-2021-25743),
bidirectional overrides or invisible characters. All become visible; nothing is silently removed
but the secrets that this process holds.
"""

from __future__ import annotations

import re

from collectors.secrets import redact

LIMIT = 512
_INVISIBLE = (
    (0x00, 0x1F),
    (0x7F, 0x9F),  # C0, DEL, C1
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),  # zero width, direction marks
    (0x2028, 0x202E),
    (0x2060, 0x206F),  # separators, bidi embeddings and isolates
    (0x3164, 0x3164),
    (0xD800, 0xDFFF),  # Hangul filler, lone surrogates
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x0600, 0x0605),
    (0x06DD, 0x06DD),
    (0x070F, 0x070F),
    (0x0890, 0x0891),
    (0x08E2, 0x08E2),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),  # the other format characters
    (0xE0000, 0xE0FFF),  # tags
)
_UNSAFE = re.compile("[" + "".join(f"{chr(a)}-{chr(b)}" for a, b in _INVISIBLE) + "]")


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)  # control pictures: ␛ for ESC
    if code == 0x7F:
        return "␡"
    return f"⟨{code:04X}⟩"


def sanitize(text: object, limit: int = LIMIT) -> str:
    """`text` on one line with every control, bidi and invisible character shown as a visible one.

    Longer than `limit` characters ends in an ellipsis. Applying it twice changes nothing.
    """
    value = redact(text if isinstance(text, str) else str(text))
    value = _UNSAFE.sub(_visible, value[: limit + 1])
    return value if len(value) <= limit else value[: limit - 1] + "…"


def visible(text: str) -> str:
    """The same without a limit, and with nothing hidden: text that was recorded."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_visible, text)


def visible_lines(text: str) -> str:
    """The same of several lines: their ends and tabs stay."""
    return "\n".join("\t".join(map(visible, line.split("\t"))) for line in text.split("\n"))


def sanitize_bytes(data: bytes, limit: int = LIMIT) -> str:
    """Bytes from a process or a wire as safe text."""
    return sanitize(data[: limit * 4].decode("utf-8", "replace"), limit)
