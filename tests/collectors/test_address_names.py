"""An address in a name has the mask that it has alone."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import given, strategies as st

from collectors.privacy.address_mask import AddressMask
from collectors.privacy.name_mask import NameMask
from collectors.privacy.text_mask import TextMask

ADDRESSES = AddressMask(b"k")
NAMES = NameMask(b"k", ADDRESSES)
MASK = TextMask(ADDRESSES, NAMES, ())


@given(st.ip_addresses())
def test_reversed(address: IPv4Address | IPv6Address) -> None:
    plain = address.reverse_pointer
    masked = ip_address(ADDRESSES.text(str(address))).reverse_pointer
    assert MASK(f"PTR {plain}.") == f"PTR {masked}."
    assert NAMES.name(plain) == masked


@given(st.ip_addresses(v=4), st.sampled_from(["ip-{}", "{}.shop.pod.cluster.local", "{}", "a {},"]))
def test_with_dashes(address: IPv4Address, form: str) -> None:
    masked = ADDRESSES.text(str(address)).replace(".", "-")
    assert masked in MASK(form.format(str(address).replace(".", "-")))


def test_with_dashes_of_ipv6() -> None:
    masked = ADDRESSES.text("fd12:3456::9").replace(":", "-")
    assert MASK("fd12-3456--9.shop.pod.cluster.local").startswith(f"{masked}.")
    assert MASK("fd12-3456--9, gone") == f"{masked}, gone"


def test_a_zone_is_that_of_its_addresses() -> None:
    first = ADDRESSES.text("10.77.88.99").split(".")[:3]
    assert MASK("88.77.10.in-addr.arpa") == f"{'.'.join(first[::-1])}.in-addr.arpa"


@given(st.ip_addresses(v=4))
def test_on_the_wire_it_is_that_one_or_none(address: IPv4Address) -> None:
    """Each label as long as it was, never the name of another address."""
    octets = ADDRESSES.text(str(address)).split(".")
    plain = address.reverse_pointer
    masked = NAMES.on_the_wire(plain)
    assert [*map(len, masked.split("."))] == [*map(len, plain.split("."))]
    found = masked.removesuffix(".in-addr.arpa").split(".")[::-1]
    assert [one.lstrip("0") or "0" for one in found] == octets or not any(map(str.isdigit, found))
    label = NAMES.on_the_wire(f"{address}".replace(".", "-") + ".a.pod").split(".")[0]
    assert len(label) == len(str(address))
    assert re.sub(r"^0+(?=\d)", "", label) == "-".join(octets) or not label[0].isdigit()


@given(st.ip_addresses(v=6))
def test_on_the_wire_ipv6_always_has_room(address: IPv6Address) -> None:
    masked = ip_address(ADDRESSES.text(str(address))).reverse_pointer
    assert NAMES.on_the_wire(address.reverse_pointer) == masked
