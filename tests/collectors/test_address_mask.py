"""Masks of addresses: one each, of the same family, as long a common prefix as before."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given, strategies as st

from collectors.privacy.address_mask import PREFIXES, AddressMask

MASK = AddressMask(b"a key")
addresses = st.ip_addresses()


def common(one: IPv4Address | IPv6Address, other: IPv4Address | IPv6Address) -> int:
    return one.max_prefixlen - (int(one) ^ int(other)).bit_length()


@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_prefixes_that_two_have_in_common_stay_as_long(
    one: IPv4Address, other: IPv4Address
) -> None:
    masked = [IPv4Address(MASK.packed(address.packed)) for address in (one, other)]
    assert common(*masked) == common(one, other)


@given(addresses)
def test_what_is_private_stays_private_and_of_its_family(one: IPv4Address | IPv6Address) -> None:
    masked = ip_address(MASK.text(str(one)))
    assert masked.version == one.version
    for text in PREFIXES:
        assert (one in ip_network(text)) == (masked in ip_network(text))


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "::1", "0.0.0.0", "255.255.255.0", "224.0.0.251", "ff02::1"]
)
def test_what_names_no_network_stays(text: str) -> None:
    assert MASK.text(text) == text


@pytest.mark.parametrize(
    "text", ["10.244.1.7", "192.168.3.4", "93.184.216.34", "fd00::7", "fe80::a8:1", "2001:db8::7"]
)
def test_others_do_not(text: str) -> None:
    assert MASK.text(text) != text
    assert MASK.text(text) == AddressMask(b"a key").text(text) != AddressMask(b"another").text(text)


def test_an_address_inside_of_another_has_its_mask() -> None:
    assert MASK.packed(ip_address("::ffff:10.1.2.3").packed)[12:] == MASK.packed(b"\x0a\1\2\3")


def test_networks_stay_networks() -> None:
    masked = ip_network(f"{MASK.network('10.244.1.0', 24)}/24")
    assert ip_address(MASK.text("10.244.1.9")) in masked
    assert MASK.network("10.244.1.9", 24) == MASK.text("10.244.1.9")


def test_no_mask_is_another_address_of_the_same_cluster() -> None:
    """Which of a small network would often be."""
    known = [ip_address(f"192.168.0.{last}").packed for last in range(1, 60)]
    mask = AddressMask.apart_from(b"k", known)
    assert {mask.packed(one) for one in known}.isdisjoint(known)


def test_link_layer_addresses() -> None:
    plain, group = bytes.fromhex("3a5b7c9d1e2f"), bytes.fromhex("3333ff123456")
    assert MASK.mac(plain) not in (plain, bytes(6)) and MASK.mac(plain)[0] & 3 == 2
    assert MASK.mac(b"\xff" * 6) == b"\xff" * 6 and MASK.mac(bytes(6)) == bytes(6)
    asked = MASK.packed(ip_address("ff02::1:ff12:3456").packed)
    assert MASK.mac(group)[3:] == asked[13:] != group[3:]
