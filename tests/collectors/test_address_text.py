"""Leading zeros of IPv4 addresses are decimal; nothing else is touched."""

from __future__ import annotations

import pytest

from collectors.address_text import is_address, unpadded


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("010.000.0.01", "10.0.0.1"),
        ("192.168.001.0/024", "192.168.1.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("10.100.200.0", "10.100.200.0"),
        ("fd00::01", "fd00::01"),
        ("010.0.0", "010.0.0"),
        ("a.0.0.01", "a.0.0.01"),
    ],
)
def test_leading_zeros(text: str, plain: str) -> None:
    assert unpadded(text) == plain


def test_what_is_an_address() -> None:
    assert is_address("10.0.0.1") and is_address("fd00::1")
    assert not is_address("") and not is_address("10.0.0.0/8") and not is_address("node")
