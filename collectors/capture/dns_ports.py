"""Which ports DNS has."""

from __future__ import annotations

DNS, MULTICAST_DNS = 53, 5353  # 5353 is the port of OpenShift's DNS behind its Service, too


def is_dns_port(port: int) -> bool:
    return port in (DNS, MULTICAST_DNS)
