"""Rules that drop or reject, and that have counted packets in the last seconds."""

from __future__ import annotations

from collectors.events import FilterRule
from collectors.frozen import frozen


@frozen
class RisingRule:
    """`packets` were counted in the last `seconds`."""

    rule: FilterRule
    packets: int
    seconds: float
