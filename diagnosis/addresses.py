"""Addresses of interfaces, and the ranges that they are in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address, ip_network

from collectors.events import LinkRow

LOOPBACK = ("127.", "::1")  # how its addresses begin


@lru_cache(10_000)
def inside(address: str, cidr: str) -> bool:
    """False as well where either is not one."""
    try:
        return ip_address(address) in ip_network(cidr, strict=False)
    except ValueError:
        return False


def addresses_of(link: LinkRow) -> Iterator[str]:
    """Without their prefix lengths."""
    return (text.partition("/")[0] for text in link.addresses)
