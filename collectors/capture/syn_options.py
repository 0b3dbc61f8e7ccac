"""What the options of a SYN say of who sent it: window scale and MSS."""

from __future__ import annotations

from collectors.capture.direction import NOT_SEEN, Direction
from collectors.capture.header_row import HeaderRow

END, NOP, MSS, MSS_SIZE, WINDOW_SCALE, WINDOW_SCALE_SIZE = 0, 1, 2, 4, 3, 3
LARGEST_SCALE = 14  # RFC 7323 2.3


def read_syn_options(own: Direction, row: HeaderRow) -> None:
    """A scale that is not offered is 0; both are NOT_SEEN where the options were not captured.
    Reading ends at the first that is cut or wrong, as in tcp_options.py."""
    data, start = row.data, row.offset
    own.scale = own.mss = NOT_SEEN
    if start + 20 > row.end:
        return
    end = start + (data[start + 12] >> 4) * 4
    if end > row.end:
        return
    own.scale, at = 0, start + 20
    while at < end and data[at] != END:
        if data[at] == NOP:
            at += 1
            continue
        size = data[at + 1] if at + 1 < end else 0
        if size < 2 or at + size > end:
            break
        if data[at] == MSS and size == MSS_SIZE:
            own.mss = data[at + 2] << 8 | data[at + 3]
        elif data[at] == WINDOW_SCALE and size == WINDOW_SCALE_SIZE:
            own.scale = min(data[at + 2], LARGEST_SCALE)
        at += size
