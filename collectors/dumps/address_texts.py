"""Addresses of inet_diag as text, each made once: a machine speaks to few, from few."""

from __future__ import annotations

import socket

MOST = 50_000
V4: dict[bytes, str] = {}
V6: dict[bytes, str] = {}


def address_text(family: int, raw: bytes) -> str:
    """An address of 16 bytes, of which IPv4 fills the first four."""
    known = V4 if family == socket.AF_INET else V6
    if len(known) > MOST:
        known.clear()
    text = known.get(raw)
    if text is None:
        four = family == socket.AF_INET
        text = known[raw] = socket.inet_ntop(
            socket.AF_INET if four else socket.AF_INET6, raw[:4] if four else raw
        )
    return text
