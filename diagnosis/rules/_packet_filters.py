"""What packet filters hold, for the rules about kube-proxy's modes."""

from __future__ import annotations

import re

from collectors.events import RuleCount
from diagnosis.snapshot import TargetView

IPTABLES = ("iptables-legacy", "iptables-nft")


def kernel_version(kernel: str) -> tuple[int, int]:
    """(5, 15) of 5.15.0-generic; (0, 0) where it is not known."""
    found = re.match(r"(\d+)\.(\d+)", kernel)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def counts(host: TargetView, *backends: str) -> list[RuleCount]:
    return [row for row in host.filter_rows if row.backend in backends]
