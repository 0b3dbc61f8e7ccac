"""Names and addresses in sentences, commands and manifests."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from collectors.privacy.address_mask import AddressMask
from collectors.privacy.name_mask import NameMask
from collectors.privacy.text_mask import TextMask

KNOWN = ("shop", "checkout", "checkout-7d9f8-x2k4f", "zebra01", "ip-10-0-3-7.ec2.internal", "q")
ADDRESSES = AddressMask(b"k")
NAMES = NameMask(b"k", ADDRESSES, KNOWN)
MASK = TextMask(ADDRESSES, NAMES, KNOWN)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("pod shop/checkout-7d9f8-x2k4f is unhealthy", "7d9f8"),
        ("svc/shop/checkout:80 is refused", "checkout"),
        ("kubectl -n shop logs checkout-7d9f8-zzzzz", "zzzzz"),
        ("node ip-10-0-3-7.ec2.internal is gone", "10-0-3-7"),
        ("pod-shop-checkout-7d9f8-x2k4f-3-001.pcap.zst", "shop"),
        ("a cut name: checkout-7d9…", "7d9"),
        ("10.0.3.7:8080→10.0.3.8:80 resets", "10.0.3."),
        ("via 10.0.3.7.", "10.0.3.7"),
        ("12:30:05:10.0.3.7", "10.0.3.7"),
        ("route 10.244.7.0/24 dev eth0", "10.244.7"),
        ("[2001:db8::77]:443 and fd12:3456::9,", "db8"),
        ("lladdr 3a:5b:7c:9d:1e:2f", "3a:5b"),
        ("asks for payments.corp-bank.com. often", "corp-bank"),
        ("7.3.0.10.in-addr.arpa has no name", "7.3.0"),
        ("10-0-3-7.shop.pod.cluster.local", "10-0-3-7"),
        ("volume 0a1b2c3d-1111-2222-3333-444455556666 is lost", "0a1b2c3d"),
        ("as /q/ or q/x", "q"),
        ("10.244.001.006 is it", "244.001"),
        ("SHOP is Checkout, of Shop", "SHOP"),
        ("SHOP is Checkout, of Shop", "Checkout"),
        ("curl http://evil.test", "evil"),
        ("curl http://grafana/x", "grafana"),
        ("https://grafana.intern:3000/d", "grafana"),
        ("http://ledger.billing.svc/x", "ledger"),
        ("ledger.billing.svc is slow", "billing"),
        ("bob@acme.de", "bob"),
        ("ssh oncall@bastion", "oncall"),
        ("ssh oncall@bastion.", "bastion"),
        ("in /home/oncall/x and /Users/me1", "oncall"),
        ("lladdr 3A-5b-7c-9d-1e-2f.", "3A-5b"),
        ("card 3a5b.7c9d.1e2f is", "7c9d"),
        ("ip_10_0_3_7_x", "10_0_3"),
        ("GET /a?next=%2Fshop%2Dx", "shop"),
        ("GET http%3A%2F%2Fweb%2Eacme%2Eio", "acme"),
        ("arn:aws:eks:eu-west-1:123456789012:cluster/prod", "123456789012"),
        ("arn:aws:eks:eu-west-1:123456789012:cluster/prod", "prod"),
        ("arn:aws:s3:::acmebucket/key", "acmebucket"),
        ("uid 0A1b2c3d111122223333444455556666.", "0A1b2c3d"),
        ("kubepods-pod0a1b2c3d_1111_2222_3333_444455556666.slice", "0a1b2c3d"),
    ],
)
def test_what_names_somebody_is_masked(text: str, secret: str) -> None:
    masked = MASK(text)
    assert secret in text and secret not in masked
    assert MASK(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "net.ipv4.tcp_rmem is 4096 131072 6291456",
        "12:30:05 2 critical in 3 min 20 s",
        "127.0.0.1:6443 and ::1 on kube-dns.kube-system.svc.cluster.local",
        "apiVersion: networking.k8s.io/v1",
        "the q of it",
        "ipset --add x of 2026-11-28, exec -- 1-2",
        "in 1_2_3_400 of x, %{http_code}, arn:aws:eks",
        "docs at https://kubernetes.io/docs/ and image@sha256:0123",
    ],
)
def test_podwires_own_words_stay(text: str) -> None:
    assert MASK(text) == text


def test_a_uuid_without_dashes_has_the_mask_of_the_one_with_them() -> None:
    masked = MASK("0a1b2c3d-1111-2222-3333-444455556666")
    assert MASK("0a1b2c3d111122223333444455556666") == masked.replace("-", "")


def test_the_address_of_a_card_has_one_mask_with_any_signs() -> None:
    masked = MASK("3a:5b:7c:9d:1e:2f")
    assert MASK("3A-5B-7C-9D-1E-2F") == masked.replace(":", "-")
    assert MASK("3a5b.7c9d.1e2f").replace(".", "") == masked.replace(":", "")
    assert MASK("10_0_3_7") == MASK("10.0.3.7").replace(".", "_")


def test_a_name_of_a_kind_is_no_kind() -> None:
    mask = TextMask(ADDRESSES, NameMask(b"k", ADDRESSES, ("service", "pod")), ("service", "pod"))
    assert mask("Service and Pod") == "Service and Pod"
    assert "service" not in mask("svc/service of pod")


def test_one_mask_in_all_places() -> None:
    name, address = NAMES.name("checkout"), ADDRESSES.text("10.0.3.7")
    assert MASK("svc/shop/checkout at 10.0.3.7") == f"svc/{NAMES.name('shop')}/{name} at {address}"
    assert MASK("route 10.0.3.0/24") == f"route {ADDRESSES.network('10.0.3.0', 24)}/24"


@given(
    st.text(alphabet=" .:,/()=\"'\n→", min_size=1, max_size=3),
    st.ip_addresses(),
    st.sampled_from([name for name in KNOWN if len(name) > 3]),
    st.text(alphabet=" ,()=\"'\n→", min_size=1, max_size=3),
)
def test_nothing_leaves_whatever_is_around_it(
    before: str, address: object, name: str, after: str
) -> None:
    text = f"x{before}{name}{after}{address}{after}{before}{name}"
    masked = MASK(text)
    assert name not in masked
    if ADDRESSES.text(str(address)) != str(address):
        assert str(address) not in masked
        assert ADDRESSES.text(str(address)) in masked
