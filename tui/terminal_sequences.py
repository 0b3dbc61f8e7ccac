"""What is written to a terminal besides screens: its clipboard, title, mouse and notifications.

https://invisible-island.net/xterm/ctlseqs/ctlseqs.html; text in them has no control characters."""

from __future__ import annotations

import base64

from collectors.sanitize import sanitize

TITLE_KEPT, TITLE_BACK = "\x1b[22;2t", "\x1b[23;2t"  # xterm's stack of titles, tmux's as well
MOUSE_MODES = (1000, 1003, 1006)
LONGEST_COPY = 74_994  # bytes of base64: what xterm accepts
LONGEST_TITLE = 100  # characters
BELL = "\a"
# terminals that have neither a mouse, nor a title, nor a clipboard
BARE = ("", "linux", "dumb", "vt100", "vt102", "vt220")


def clipboard(text: str) -> str:
    """OSC 52; '' where the text is longer than terminals accept."""
    coded = base64.b64encode(text.encode("utf-8", "replace")).decode()
    return f"\x1b]52;c;{coded}\a" if len(coded) <= LONGEST_COPY else ""


def title(text: str) -> str:
    return f"\x1b]2;{sanitize(text, LONGEST_TITLE)}\x1b\\"


def notification(text: str) -> str:
    """OSC 9, of iTerm2, kitty, WezTerm, ConEmu and others; the rest ignore it and ring the bell."""
    return f"\x1b]9;{sanitize(text, LONGEST_TITLE)}\x1b\\{BELL}"


def mouse(on: bool) -> str:
    return "".join(f"\x1b[?{mode}{'h' if on else 'l'}" for mode in MOUSE_MODES)
