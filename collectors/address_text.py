"""IPv4 addresses and ranges that are written with leading zeros.

An API server reads them as decimal numbers, and warns (k8s.io/utils/net, ParseIPSloppy); Python and
the kernel's tools do not read them at all.
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


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
