"""Masks of names: words of their own, as long as they were, and what every cluster has stays."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from collectors.privacy.address_mask import AddressMask
from collectors.privacy.name_mask import NameMask

ADDRESSES = AddressMask(b"k")
words = st.from_regex(r"[a-z]([a-z0-9]{3,12})", fullmatch=True)
names = st.lists(words, min_size=1, max_size=3).map("-".join)


def made(*plain: str) -> NameMask:
    return NameMask(b"k", ADDRESSES, plain)


@given(st.sets(names, min_size=1, max_size=20))
def test_each_has_one_of_its_own_and_of_its_form(plain: set[str]) -> None:
    mask = made(*plain)
    masked = {name: mask.name(name) for name in plain}
    assert len(set(masked.values())) == len(plain)
    for name, new in masked.items():
        if name not in ("kube-system",):
            assert re.fullmatch(r"[a-z][a-z0-9-]*", new) and len(new) == len(name)
            assert not set(new.split("-")) & {word for one in plain for word in one.split("-")}


def test_what_belongs_together_still_does() -> None:
    mask = made("checkout", "checkout-7d9f-x2", "shop")
    assert mask.name("checkout-7d9f-x2").startswith(mask.name("checkout") + "-")
    host = mask.on_the_wire("checkout.shop.svc.cluster.local")
    assert host == f"{mask.name('checkout')}.{mask.name('shop')}.svc.cluster.local"
    assert mask.name("CHECKOUT") == mask.name("checkout")


@pytest.mark.parametrize(
    "name", ["kube-system", "default", "kube-dns.kube-system.svc.cluster.local"]
)
def test_what_every_cluster_has_stays(name: str) -> None:
    assert made("shop").name(name) == name


def test_a_name_that_is_a_word_of_dns_is_masked_where_something_is_called_so() -> None:
    assert ".svc." in made("shop").on_the_wire("web.app.svc.cluster.local")
    assert ".app." not in made("app").on_the_wire("web.app.svc.cluster.local")


def test_a_name_that_is_an_address_has_its_mask() -> None:
    assert made().name("10.1.2.3") == ADDRESSES.text("10.1.2.3")


def test_all_numbers_of_one_digit_have_another() -> None:
    mask = made()
    assert {mask.word(str(digit)) for digit in range(10)} == set("0123456789")
