"""Addresses inside of names of DNS: reversed (`7.3.0.10.in-addr.arpa`) and with dashes
(`10-0-3-7.shop.pod.cluster.local`), with the masks of the addresses themselves."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from collectors.privacy.address_mask import AddressMask

REVERSE = re.compile(r"(?i)((?:[0-9a-f]{1,3}\.)+)((?:in-addr|ip6)\.arpa\.?)")
DASHED_V4 = r"\d{1,3}(?:-\d{1,3}){3}"
DASHED_V6 = (  # with all its groups, or two dashes for those that are left out
    r"(?:(?:[0-9a-fA-F]{1,4}-){7}[0-9a-fA-F]{1,4}"
    r"|(?:[0-9a-fA-F]{1,4}-){1,7}-[0-9a-fA-F]{1,4}(?:-[0-9a-fA-F]{1,4}){0,6})"
)
DASHED = re.compile(rf"(?<![^\W_]){DASHED_V4}(?![^\W_])|(?<![\w-]){DASHED_V6}(?![\w-])")
V4_OCTETS, V6_DIGITS = 4, 32


def reverse_labels(name: str, addresses: AddressMask) -> tuple[list[str], str] | None:
    """The masked labels of a reversed address or network, as they stand, and what is behind
    them; None where it is none."""
    match = REVERSE.fullmatch(name)
    if match is None:
        return None
    labels = match[1].rstrip(".").split(".")[::-1]
    try:
        packed = _address(labels, match[2]).packed
    except ValueError:
        return None
    masked = addresses.packed(packed)
    digits = [str(octet) for octet in masked] if len(packed) == V4_OCTETS else list(masked.hex())
    return digits[: len(labels)][::-1], match[2]


def _address(labels: list[str], zone: str) -> IPv4Address | IPv6Address:
    """Of the labels, the first one first; zeros for those that a network has not."""
    if zone.lower().startswith("in-addr"):
        return IPv4Address(".".join((*labels, *"0" * (V4_OCTETS - len(labels)))))
    if any(len(label) > 1 for label in labels) or len(labels) > V6_DIGITS:
        raise ValueError
    return IPv6Address(bytes.fromhex("".join(labels).ljust(V6_DIGITS, "0")))


def dashed(text: str, addresses: AddressMask) -> str | None:
    """The masked address with dashes; None where it is none."""
    for sign in (".", ":"):
        try:
            return addresses.text(str(ip_address(text.replace("-", sign)))).replace(sign, "-")
        except ValueError:
            continue
    return None
