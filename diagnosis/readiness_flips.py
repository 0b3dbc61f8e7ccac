"""What is known of pods whose readiness changes."""

from __future__ import annotations

from collectors.frozen import frozen


@frozen
class ReadinessFlips:
    """How often a pod became ready or unready within the last two minutes, and in how many seconds,
    without a restart; `lost` is when it became unready last, in seconds since the epoch."""

    namespace: str
    name: str
    count: int
    seconds: float
    lost: float
