"""What a flow table has counted."""

from __future__ import annotations

_FIELDS = ("packets", "other", "tcp", "udp", "left", "forgotten", "refused")


class FlowTotals:
    """Since the start, whatever has left; each flow once, except `forgotten`, which may have
    come back. `other` packets are neither TCP nor UDP, or too damaged to read; `refused` are
    packets of flows for which there was no room in a table that admits no more."""

    __slots__ = _FIELDS

    def __init__(self) -> None:
        self.packets = self.other = self.tcp = self.udp = 0
        self.left = self.forgotten = self.refused = 0

    def __repr__(self) -> str:
        return f"FlowTotals({', '.join(f'{name}={getattr(self, name)}' for name in _FIELDS)})"
