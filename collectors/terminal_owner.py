"""Whether the console or the shell uses the terminal."""

from __future__ import annotations


class TerminalOwner:
    """`ours` while the console draws on it: a credential plugin may not prompt there meanwhile."""

    ours = False
