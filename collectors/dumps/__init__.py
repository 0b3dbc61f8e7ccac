"""Dumps over netlink, read by compiled code where it was built (setup.py); conntrack.netlink_count
and sockets.inet_diag read the same as Python."""

from __future__ import annotations

from pathlib import Path

from collectors.compiled import why_pure

WHY_PURE = why_pure(Path(__file__).parent)
