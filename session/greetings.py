"""Protocols in which the server speaks first: its clients send nothing until it greets them."""

from __future__ import annotations

from collections.abc import Sequence

from collectors.capture.tcp import TcpFlow

LATE_NS = 1_500_000_000  # a client that waits so long has no greeting
# FTP, SSH, Telnet, SMTP, POP3, NNTP, IMAP, MySQL, RFB (RFC 959, 4253, 854, 5321, 1939, 3977, 9051,
# 6143; MySQL's Connection Phase)
GREETED = frozenset((21, 22, 23, 25, 110, 119, 143, 587, 3306, 5900))


def greeted_after(flow: TcpFlow) -> int:
    """From the handshake to the greeting, in ns; 0 where none came, or the client spoke first."""
    if flow.server.port not in GREETED or not flow.server.payload or not flow.acked_at:
        return 0
    first = next((event for event in flow.events if event.kind == "data"), None)
    return 0 if first is None or first.by_client else max(0, first.at - flow.acked_at)


def is_ungreeted(legs: Sequence[TcpFlow]) -> bool:
    """Whether a client, of a connection without any data, waited for a greeting and ended it."""
    if GREETED.isdisjoint(leg.server.port for leg in legs) or any(map(_is_servers_end, legs)):
        return False
    opened = [leg.acked_at for leg in legs if leg.acked_at]
    ended = [end for leg in legs if (end := _end(leg))]
    return bool(opened and ended) and min(ended) - min(opened) > LATE_NS


def _end(leg: TcpFlow) -> int:
    """When the client ended it; 0 where it did not."""
    return leg.client.fin_at or leg.client.reset_at


def _is_servers_end(leg: TcpFlow) -> bool:
    """Whether the server ended it first."""
    at = leg.server.fin_at or leg.server.reset_at
    return bool(at) and not 0 < _end(leg) <= at
