"""Tests of the addresses, ranges and names of hosts in Kubernetes' own objects (apimachinery's
util/validation, ip.go): each gives a reason, '' for none.

Leading zeros are decimal there, with a warning; other APIs do not read them (field_tests).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from collectors.address_text import unpadded
from collectors.manifests.field_tests import (
    Network,
    cidr,
    dns_label,
    dns_subdomain,
    network_of,
    no_template,
    shown,
)


def core_address(value: str) -> str:
    """An IPv4 or IPv6 address; leading zeros are decimal."""
    if _parsed(value) is not None:
        return ""
    return no_template(value) or f"{shown(value)} is not an IP address{_zone(value)}"


def _zone(value: str) -> str:
    return " without a zone" if "%" in value else ""


def _parsed(value: str) -> IPv4Address | IPv6Address | None:
    """As Go reads it: one of IPv6 that maps an IPv4 address is that."""
    try:
        found = ip_address(unpadded(value))
    except ValueError:
        return None
    if "%" in value:
        return None
    return found if isinstance(found, IPv4Address) else found.ipv4_mapped or found


def family_of(value: str) -> str:
    """IPv4 or IPv6 of what is an address."""
    return "IPv6" if isinstance(_parsed(value), IPv6Address) else "IPv4"


def endpoint_address(value: str) -> str:
    """An address that may be sent to: not unspecified, of the loopback or of a link
    (ValidateNonSpecialIP)."""
    parsed = _parsed(value)
    if parsed is None:
        return core_address(value)
    what = next((what for network, what in _SPECIAL if parsed in network), "")
    return f"{shown(value)} {what}" if what else ""


SPECIAL: dict[str, tuple[str, ...]] = {
    "is not an address that anything can be sent to": ("0.0.0.0/32", "::/128"),
    "is of the loopback range": ("127.0.0.0/8", "::1/128"),
    "is of the link-local range": ("169.254.0.0/16", "fe80::/10"),
    "is of the link-local multicast range": (
        "224.0.0.0/24",
        *(f"ff{flags:x}2::/16" for flags in range(16)),
    ),
}
_SPECIAL = [(ip_network(text), what) for what, texts in SPECIAL.items() for text in texts]


def ipv4_endpoint(value: str) -> str:
    return endpoint_address(value) or _of_family(value, "IPv4")


def ipv6_endpoint(value: str) -> str:
    return endpoint_address(value) or _of_family(value, "IPv6")


def _of_family(value: str, wanted: str) -> str:
    found = family_of(value)
    return "" if found == wanted else f"{shown(value)} is of {found}, and addressType is {wanted}"


def full_name(value: str) -> str:
    """A name in DNS of two labels at least, with or without a dot at its end."""
    labels = value.removesuffix(".").split(".")
    if len(labels) > 1 and not any(map(dns_label, labels)) and not dns_subdomain(".".join(labels)):
        return ""
    return no_template(value) or f"{shown(value)} is not a full DNS name, as db.example.com"


def core_network(value: str) -> Network | None:
    """A CIDR with its host bits cleared, None where it is none: a bare address is none."""
    return network_of(unpadded(value))


def core_cidr(value: str) -> str:
    return cidr(unpadded(value))


def padded_cidr(value: str) -> str:
    """With white space around it, as the API server reads the ranges of a load balancer."""
    return core_cidr(value.strip())
