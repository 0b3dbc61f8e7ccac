"""Rules of packet filters as rows: how many there are, and those that count what they drop."""

from __future__ import annotations

from typing import NamedTuple


class RuleCount(NamedTuple):
    """Packet-filter rules of a backend (iptables-legacy, iptables-nft, nft, ipvs); `services` are
    those that lead to a Service each; `seconds` is the time that one reading needed."""

    backend: str
    rules: int
    services: int
    seconds: float


class FilterRule(NamedTuple):
    """A rule that drops or rejects, and the packets that it has counted. `hook` is that of its
    chain, '' where other chains lead there; `text` is the rule without its counter."""

    backend: str
    table: str
    chain: str
    hook: str
    text: str
    packets: int
