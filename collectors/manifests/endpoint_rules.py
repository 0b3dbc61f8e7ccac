"""EndpointSlices and Endpoints as the API server validates them
(pkg/apis/discovery/validation, pkg/apis/core/validation, ValidateEndpoints).

It does not look at the numbers of a slice's ports: one that is none leads nowhere.
"""

from __future__ import annotations

from typing import Any

from collectors.manifests.address_tests import (
    endpoint_address,
    full_name,
    ipv4_endpoint,
    ipv6_endpoint,
)
from collectors.manifests.field_tests import (
    dns_label,
    dns_subdomain,
    label_key,
    label_value,
    one_of,
    port_number,
    protocol,
)
from collectors.manifests.problems import FieldProblems
from collectors.manifests.unique_values import check_unique

ADDRESS_TESTS = {"IPv4": ipv4_endpoint, "IPv6": ipv6_endpoint, "FQDN": full_name}
_address_type = one_of(tuple(ADDRESS_TESTS))
MOST_ENDPOINTS, MOST_ADDRESSES, MOST_PORTS, MOST_ZONES = 1000, 100, 20_000, 8


def check_slice(body: Any, problems: FieldProblems) -> None:
    problems.required(body.get("addressType"), ("addressType",), _address_type)
    endpoints, ports = body.get("endpoints") or (), body.get("ports") or ()
    _check_count(endpoints, MOST_ENDPOINTS, problems.within("endpoints"))
    for number, endpoint in enumerate(endpoints):
        kind = body.get("addressType") or ""
        _check_endpoint(endpoint, kind, problems.within("endpoints", number))
    _check_count(ports, MOST_PORTS, problems.within("ports"))
    check_unique([port.get("name") or "" for port in ports], problems.within("ports"))
    for number, port in enumerate(ports):
        _check_names(port, problems.within("ports", number))


def _check_count(entries: Any, most: int, problems: FieldProblems) -> None:
    if len(entries) > most:
        problems.add((), f"holds more than {most} entries")


def _check_endpoint(endpoint: Any, kind: str, problems: FieldProblems) -> None:
    addresses = endpoint.get("addresses") or ()
    if not addresses:
        problems.add(("addresses",), "is required")
    _check_count(addresses, MOST_ADDRESSES, problems.within("addresses"))
    problems.test_each(addresses, ("addresses",), ADDRESS_TESTS.get(kind, endpoint_address))
    problems.test(endpoint.get("hostname"), ("hostname",), dns_label)
    problems.test(endpoint.get("nodeName"), ("nodeName",), dns_subdomain)
    _check_hints(endpoint.get("hints") or {}, problems.within("hints", "forZones"))


def _check_hints(hints: Any, problems: FieldProblems) -> None:
    zones = [zone.get("name") or "" for zone in hints.get("forZones") or ()]
    _check_count(zones, MOST_ZONES, problems)
    check_unique(zones, problems)
    for number, zone in enumerate(zones):
        problems.test(zone, (number, "name"), label_value)


def _check_names(port: Any, problems: FieldProblems) -> None:
    problems.test(port.get("name") or None, ("name",), dns_label)
    problems.test(port.get("protocol"), ("protocol",), protocol)
    problems.test(port.get("appProtocol"), ("appProtocol",), label_key)


def check_endpoints(body: Any, problems: FieldProblems) -> None:
    for number, subset in enumerate(body.get("subsets") or ()):
        here = problems.within("subsets", number)
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            here.add((), "needs addresses or notReadyAddresses")
        for name in ("addresses", "notReadyAddresses"):
            _check_addresses(subset.get(name) or (), here.within(name))
        _check_ports(subset.get("ports") or (), here.within("ports"))


def _check_addresses(entries: Any, problems: FieldProblems) -> None:
    for number, entry in enumerate(entries):
        problems.required(entry.get("ip"), (number, "ip"), endpoint_address)
        problems.test(entry.get("hostname") or None, (number, "hostname"), dns_label)
        problems.test(entry.get("nodeName"), (number, "nodeName"), dns_subdomain)


def _check_ports(ports: Any, problems: FieldProblems) -> None:
    for number, port in enumerate(ports):
        if len(ports) > 1:
            problems.required(port.get("name"), (number, "name"))
        problems.required(port.get("port"), (number, "port"), port_number)
        _check_names({**port, "protocol": port.get("protocol") or None}, problems.within(number))
