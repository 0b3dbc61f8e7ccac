"""Addresses and ranges as the API server lets them be written: of IPv4 with leading zeros, of IPv6
in any form.

An API server reads leading zeros as decimal numbers, and warns (k8s.io/utils/net, ParseIPSloppy);
Python and the kernel's tools do not read them at all. Of IPv6 the kernel shows one form (RFC 5952).
"""

from __future__ import annotations

import re
from ipaddress import ip_address

_IPV4 = re.compile(r"[0-9]+(?:\.[0-9]+){3}(?:/[0-9]+)?")
_PADDING = re.compile(r"(?<![0-9])0+(?=[0-9])")


def unpadded(text: str) -> str:
    """`010.0.0.01/08` as `10.0.0.1/8`; anything else as it is."""
    if "0" not in text or not _IPV4.fullmatch(text):
        return text
    return _PADDING.sub("", text)


def canonical(text: str) -> str:
    """An address as the kernel shows it; what is none as it is."""
    if ":" not in text:
        return unpadded(text)
    try:
        return str(ip_address(text))
    except ValueError:
        return text


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
