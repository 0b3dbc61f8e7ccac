"""The times of a capture that its last seconds are counted from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from collectors.capture.flow_expiry import Flow


class CaptureTime(NamedTuple):
    """In ns, by the capture's own clock: `latest` is the time of the last packet, `until` the end
    of the last seconds. `until` is later if no packet has arrived for long."""

    latest: int
    until: int


def capture_time(flows: Iterable[Flow], until: int = 0) -> CaptureTime:
    latest = max([flow.last_ns for flow in flows], default=0)
    return CaptureTime(latest, max(latest, until))
