"""Tests of single values, as the API server makes them: each gives a reason, '' for none.

Of apimachinery's util/validation: names are DNS-1123, a port's name is an IANA service name, label
keys are qualified names. Values have the schema's type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from collectors.sanitize import sanitize

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")
_QUALIFIED = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_PORT_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
Network = IPv4Network | IPv6Network
PROTOCOLS = ("TCP", "UDP", "SCTP")
HELM = "holds {{ … }}: a Helm template that was not rendered; give podwire what it prints"


def shown(value: object) -> str:
    return repr(sanitize(str(value), 60))


def no_template(value: str) -> str:
    return HELM if isinstance(value, str) and "{{" in value else ""


def dns_label(value: str) -> str:
    if len(value) <= 63 and _LABEL.fullmatch(value):
        return ""
    return no_template(value) or (
        f"{shown(value)} is not a DNS label: lower case letters, digits and '-', at most 63"
    )


def dns_subdomain(value: str) -> str:
    if _is_subdomain(value):
        return ""
    return no_template(value) or (
        f"{shown(value)} is not a DNS name: lower case letters, digits, '-' and '.'"
    )


def service_name(value: str) -> str:
    """RFC 1035: of a Service, where a digit may not be the first. (Kubernetes 1.34 has a feature
    gate, off by default, that allows it.)"""
    return dns_label(value) or (
        f"{shown(value)} is not a Service name: it must begin with a letter"
        if value[0].isdigit()
        else ""
    )


def label_key(key: str) -> str:
    prefix, slash, name = key.rpartition("/")
    if _is_qualified(name) and (not slash or _is_subdomain(prefix)):
        return ""
    return no_template(key) or f"{shown(key)} is not a label key: [DNS name/]name of at most 63"


def _is_qualified(name: str) -> bool:
    return len(name) <= 63 and _QUALIFIED.fullmatch(name) is not None


def _is_subdomain(name: str) -> bool:
    return len(name) <= 253 and _SUBDOMAIN.fullmatch(name) is not None


def label_value(value: str) -> str:
    if not value or _is_qualified(value):
        return ""
    return no_template(value) or (
        f"{shown(value)} is not a label value: letters, digits, '-', '_' and '.', at most 63"
    )


def port_number(value: Any) -> str:
    return "" if 1 <= value <= 65535 else f"must be between 1 and 65535, not {_number(value)}"


def port_or_none(value: Any) -> str:
    """0 stands for an absent one, as Go reads it."""
    return "" if value == 0 else port_number(value)


def port_name(value: str) -> str:
    if len(value) <= 15 and _has_letter(value) and _PORT_NAME.fullmatch(value):
        return ""
    return no_template(value) or _no_port_name(value)


def _has_letter(value: str) -> bool:
    return any("a" <= letter <= "z" for letter in value)


def _no_port_name(value: str) -> str:
    hint = "; without quotes it is a number" if value.isascii() and value.isdigit() else ""
    return (
        f"{shown(value)} is not a port name: lower case letters, digits and '-', at least one "
        f"letter, at most 15{hint}"
    )


def port_number_or_name(value: Any) -> str:
    return port_name(value) if isinstance(value, str) else port_number(value)


def _number(value: Any) -> str:
    return sanitize(str(value), 24) if abs(value) < 10**20 else "a number of many digits"


def one_of(names: Collection[str]) -> Callable[[str], str]:
    def test(value: str) -> str:
        return "" if value in names else no_template(value) or _none_of(names, value)

    return test


def _none_of(names: Collection[str], value: str) -> str:
    return f"{shown(value)} is none of {', '.join(names)}{_other_case(names, value)}"


def _other_case(names: Collection[str], value: str) -> str:
    """A hint where only upper and lower case differ."""
    meant = next((name for name in names if name.lower() == value.lower()), "")
    return f" (perhaps {meant})" if meant else ""


protocol = one_of(PROTOCOLS)


def address(value: str) -> str:
    """An IPv4 or IPv6 address."""
    try:
        parsed = ip_address(value)
    except ValueError:
        return no_template(value) or f"{shown(value)} is not an IP address"
    return f"{shown(value)}: an address with a zone" if "%" in str(parsed) else ""


def network_of(value: str) -> Network | None:
    """A CIDR with its host bits cleared, None where it is none: a bare address is none."""
    base, _, length = value.partition("/")
    if not _is_number(length) or "%" in base:
        return None
    try:
        return ip_network(value, strict=False)
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def cidr(value: str) -> str:
    if network_of(value) is not None:
        return ""
    return no_template(value) or f"{shown(value)} is not a CIDR, as 10.0.0.0/8 or 2001:db8::/64"


def seconds_of_a_day(value: int) -> str:
    return "" if 0 < value <= 86_400 else f"must be 1 to 86400 seconds, not {_number(value)}"


def not_negative(value: Any) -> str:
    return "" if value >= 0 else f"must not be negative, but is {_number(value)}"
