"""DNS as one vantage point saw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from collectors.frozen import frozen


@frozen
class AbsentName:
    """A name that `client` asked for so many `times`, and that does not exist with any search
    domain that was tried."""

    client: str
    name: str
    times: int


@frozen
class DnsSummary:
    """DNS of the last 15 s, or of the `seconds` that are remembered. Latencies are milliseconds;
    `missing` is client to names that do not exist."""

    seconds: float = 0.0
    asked: int = 0
    answered: int = 0
    unanswered: int = 0
    retried: int = 0
    repeated: int = 0  # of the answered: only when asked again, after a resolver's timeout
    truncated: int = 0
    codes: Mapping[str, int] = field(default_factory=dict)
    searched: int = 0  # questions that were asked with two search domains before, or more
    median_ms: float | None = None
    late: int = 0  # answers that came 4.5 to 5.5 s after the question: a resolver's timeout
    names: tuple[str, ...] = ()  # that are answered NXDOMAIN most
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    absent: tuple[AbsentName, ...] = ()
    servers: tuple[str, ...] = ()
    # clients of which no question was answered, while others' were, and how many they asked
    cut_off: Mapping[str, int] = field(default_factory=dict)
    legs: int = 0  # of the answered: what a node asked on for a question that it translates
    tardy: int = 0  # answers that came 1 s after the question or later, which was asked once
