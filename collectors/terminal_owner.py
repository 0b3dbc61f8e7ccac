"""Whose the terminal is."""

from __future__ import annotations


class TerminalOwner:
    """Whether the console draws on it: a credential plugin may not ask there then."""

    ours = False
