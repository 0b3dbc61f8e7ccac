"""Whether a node forwards packets, by the newest of what it says."""

from __future__ import annotations

from diagnosis.snapshot import TargetView

FORWARDING = 1  # IpForwarding in /proc/net/snmp: RFC 4293, ipForwarding; 2 is notForwarding


def forwarding_setting(view: TargetView) -> int:
    """IpForwarding as each sample has it; sysctls are read seldom."""
    return view.values.get("IpForwarding", FORWARDING)
