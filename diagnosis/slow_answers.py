"""When an answer is slow: from so many times the path's round trip, and what a person notices.
Conventions, not from a source."""

from __future__ import annotations

SLOW_NS = 1_000_000_000  # whatever the path
SLOW_TIMES, SLOW_LEAST_NS = 100, 100_000_000  # of the path's round trip; at least
