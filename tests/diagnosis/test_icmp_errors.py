"""What ICMP errors say."""

from __future__ import annotations

import pytest

from diagnosis.icmp_errors import (
    BY_RULE,
    FORBIDDEN,
    IN_A_CIRCLE,
    NO_HOST,
    NO_PORT,
    NO_ROUTE,
    meaning,
    with_meaning,
)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("ICMP 10.96.10.10 tcp port 80 net unreachable", NO_ROUTE),
        ("ICMP 10.244.2.20 tcp port 8080 host unreachable", NO_HOST),
        ("ICMP 10.96.10.10 tcp port 80 admin prohibited unreachable", FORBIDDEN),
        ("ICMP 10.96.10.10 tcp port 80 host prohibited unreachable", FORBIDDEN),
        ("ICMP 10.244.1.30 udp port 515 unreachable", NO_PORT),
        ("ICMP 10.244.1.30 udp port 515 protocol unreachable", ""),
        ("ICMP time exceeded for 10.244.1.30 udp port 515", IN_A_CIRCLE),
        ("ICMP6 fd96::10 tcp port 80 unreachable, no route", NO_ROUTE),
        ("ICMP6 fd96::10 tcp port 80 unreachable, admin prohibited", FORBIDDEN),
        ("ICMP6 fd96::10 tcp port 80 unreachable, address", NO_HOST),
        ("ICMP6 fd96::10 udp port 80 unreachable, port", NO_PORT),
        ("", ""),
    ],
)
def test_what_it_says(error: str, says: str) -> None:
    assert meaning(error) == says


def test_in_brackets() -> None:
    assert with_meaning("ICMP x net unreachable") == f"(ICMP x net unreachable: {NO_ROUTE})"
    port = "ICMP x tcp port 80 unreachable"
    assert with_meaning(port, on_the_path=True) == f"({port}: {BY_RULE})"
    assert with_meaning("") == "(ICMP)"
