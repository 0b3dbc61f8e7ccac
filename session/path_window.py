"""Of which time the packets of captures are counted, and compared with each other."""

from __future__ import annotations

from collectors.capture.hop_counts import BUCKET_NS, BUCKETS
from collectors.frozen import frozen

WINDOW_BUCKETS = 3
LAG_NS = 1_000_000_000  # so late packets of a capture arrive at most
NEVER = 1 << 62  # a bucket


@frozen
class PathWindow:
    """Of which time the counts are: buckets of BUCKET_NS, from `first` to that of `now` (ns). Those
    of `complete` are whole in every capture; `latest` are the last two of them, and what is since.
    """

    first: int
    now: int
    complete: range

    @property
    def since(self) -> int:
        """The time of the first packet, in ns."""
        return self.first * BUCKET_NS

    @property
    def buckets(self) -> range:
        return range(self.first, self.now // BUCKET_NS + 1)

    def is_covered(self, first_ns: int, latest_ns: int) -> bool:
        """Whether a capture has all that can be compared."""
        start, stop = (BUCKET_NS * bucket for bucket in (self.complete.start, self.complete.stop))
        return not self.complete or (first_ns <= start and stop <= latest_ns)

    @property
    def latest(self) -> tuple[range, range, range]:
        """Of no use before two buckets are whole."""
        end = self.complete.stop if len(self.complete) > 1 else NEVER
        return range(end - 2, end - 1), range(end - 1, end), range(end, self.buckets.stop)


def window(now: int, began: int, covered: int) -> PathWindow:
    """`began` is the time from which all captures reach, to `covered`."""
    last = now // BUCKET_NS
    first = max(began // BUCKET_NS, last - BUCKETS) + 1
    whole = range(first, (covered - LAG_NS) // BUCKET_NS)
    return PathWindow(last - WINDOW_BUCKETS, now, whole)
