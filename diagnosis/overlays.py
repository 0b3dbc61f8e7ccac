"""Overlay devices of a node, and the bytes that they add to a packet.

Facts: docs/reference/mtu.md.
"""

from __future__ import annotations

from collectors.events import LinkRow
from diagnosis.snapshot import TargetView

OVERHEAD = {
    "vxlan": 50,
    "geneve": 50,
    "ipip": 20,
    "sit": 20,
    "wireguard": 60,
    "gre": 24,
}  # bytes over IPv4
OVER_IPV6 = 20  # the longer header


def overhead(link: LinkRow) -> int:
    """Bytes that a tunnel adds; its local or remote address shows over which family it runs."""
    fields = link.detail.split()
    ends = [
        value
        for name, value in zip(fields[::2], fields[1::2], strict=False)
        if name in ("local", "remote", "group")
    ]
    return OVERHEAD[link.kind] + (OVER_IPV6 if any(":" in end for end in ends) else 0)


def overlays(target: TargetView) -> list[LinkRow]:
    return [link for link in target.links if link.kind in OVERHEAD]
