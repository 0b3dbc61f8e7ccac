"""Forms of texts that the definitions of other APIs ask for by a pattern, by the names that
tools/make_policy_schema.py gives them. The time of each test grows with the length alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from collectors.manifests.field_tests import cidr, dns_subdomain, label_value
from collectors.sanitize import sanitize

_HOST = re.compile(r"[-a-zA-Z0-9_.]+")
_PATTERN = re.compile(r"[-a-zA-Z0-9_*.]+")
_DOMAIN_LABEL = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?")
MOST = 255  # characters of a name in DNS
# of Cilium (pkg/policy/api/icmp.go), both families
ICMP_TYPES = (
    "EchoReply DestinationUnreachable Redirect Echo EchoRequest RouterAdvertisement "
    "RouterSelection TimeExceeded ParameterProblem Timestamp TimestampReply Photuris "
    "ExtendedEchoRequest ExtendedEchoReply PacketTooBig MulticastListenerQuery "
    "MulticastListenerReport MulticastListenerDone RouterSolicitation NeighborSolicitation "
    "NeighborAdvertisement RedirectMessage RouterRenumbering ICMPNodeInformationQuery "
    "ICMPNodeInformationResponse InverseNeighborDiscoverySolicitation "
    "InverseNeighborDiscoveryAdvertisement HomeAgentAddressDiscoveryRequest "
    "HomeAgentAddressDiscoveryReply MobilePrefixSolicitation MobilePrefixAdvertisement "
    "DuplicateAddressRequestCodeSuffix DuplicateAddressConfirmationCodeSuffix"
)


def _dotted(value: str, characters: re.Pattern[str]) -> bool:
    whole = len(value) <= MOST and characters.fullmatch(value) is not None
    return whole and not value.startswith(".") and ".." not in value


def host_name(value: str) -> str:
    return "" if _dotted(value, _HOST) else f"{sanitize(value, 60)!r} is not a host name"


def host_pattern(value: str) -> str:
    good = _dotted(value, _PATTERN)
    return "" if good else f"{sanitize(value, 60)!r} is not a host name, with or without *"


def server_name(value: str) -> str:
    name = value.removeprefix("**.") if value.startswith("**.") else value.removeprefix("*.")
    return host_name(name) if name != value else host_name(value)


def domain_name(value: str) -> str:
    labels = value.removeprefix("*.").removesuffix(".").split(".")
    if len(labels) > 1 and all(map(_is_domain_label, labels)):
        return ""
    return f"{sanitize(value, 60)!r} is not a domain name, as example.com"


def _is_domain_label(label: str) -> bool:
    return len(label) <= MOST and _DOMAIN_LABEL.fullmatch(label) is not None


def icmp_type(value: Any) -> str:
    number = value if isinstance(value, int) else None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 4:
        number = int(value)
    if number is None and str(value) in ICMP_TYPES.split():
        return ""
    good = number is not None and 0 <= number <= 255
    return (
        "" if good else f"{sanitize(str(value), 60)!r} is not an ICMP type: 0 to 255, or its name"
    )


FORMS: dict[str, Callable[[Any], str]] = {
    "CIDR": cidr,
    "DNS name": dns_subdomain,
    "label value": label_value,
    "host name": host_name,
    "host pattern": host_pattern,
    "server name": server_name,
    "domain name": domain_name,
    "ICMP type": icmp_type,
}
