"""Which connections a rule of a packet filter covers, by its text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from collectors.events import FilterRule
from diagnosis.filter_matches import FlowEnds, covers, filter_match

CLIENT, SERVER = "10.1.0.5", "10.2.0.5"
FLOW = FlowEnds("TCP", CLIENT, SERVER, 8080)
OWN = frozenset(("192.168.0.1",))
NFT = FilterRule("nft", "inet a", "forward", "forward", "", 9)
SAVED = FilterRule("iptables-nft", "filter", "FORWARD", "forward", "", 9)


def is_covered(rule: FilterRule, text: str, flow: FlowEnds = FLOW) -> bool:
    one = replace_text(rule, text)
    match = filter_match(one)
    return match is not None and covers(match, one, flow, OWN)


def replace_text(rule: FilterRule, text: str) -> FilterRule:
    return rule._replace(text=text)


@pytest.mark.parametrize(
    "text",
    [
        "tcp dport 8080 counter drop",
        "tcp dport { 80, 8080 } counter drop",
        "tcp dport 8000-8100 counter reject with tcp reset",
        "meta l4proto tcp th dport 8080 counter drop",
        f"ip daddr {SERVER} counter drop",
        f"ip saddr 10.1.0.0/24 ip daddr {SERVER} tcp dport 8080 counter drop",
        f"ip saddr {SERVER} tcp sport 8080 counter drop",
        f'ct state new ip daddr {SERVER} counter reject with icmp port-unreachable comment "a, b"',
        "numgen random mod 100 < 30 counter drop",
        "tcp dport 8080 numgen random mod 100 < 30 counter drop",
        f"ip daddr != 10.9.9.9 ip saddr {CLIENT} counter drop",
        "ip protocol tcp tcp dport 8080 counter drop",
    ],
)
def test_rules_of_nft_that_cover_it(text: str) -> None:
    assert is_covered(NFT, text)


@pytest.mark.parametrize(
    "text",
    [
        "tcp dport 8081 counter drop",
        "udp dport 8080 counter drop",
        "counter drop",
        "ip saddr 10.0.0.0/8 counter drop",
        "ip daddr != 10.2.0.5 tcp dport 8080 counter drop",
        f"ip daddr {CLIENT} tcp dport 8080 counter drop",
        "tcp sport 30000-40000 counter drop",
        "ct state invalid tcp dport 8080 counter drop",
        "ip saddr @blocked tcp dport 8080 counter drop",
        "tcp flags fin,psh,urg tcp dport 8080 counter drop",
        'iifname "eth0" tcp dport 8080 counter drop',
        "meta length > 1000 tcp dport 8080 counter drop",
        "tcp dport != 22 counter drop",
        "tcp dport 8080 counter",
        "tcp dport http counter drop",
        'tcp dport 8080 counter drop comment "a',
        "limit rate over 10/second tcp dport 8080 counter drop",
    ],
)
def test_rules_of_nft_that_do_not_or_nobody_knows(text: str) -> None:
    assert not is_covered(NFT, text)


@pytest.mark.parametrize(
    "text",
    [
        "-p tcp -m tcp --dport 8080 -j DROP",
        f"-d {SERVER}/32 -p tcp -m tcp --dport 8080 -j REJECT --reject-with tcp-reset",
        f"! -s 10.9.0.0/16 -d {SERVER}/32 -j DROP",
        "-p tcp -m multiport --dports 80,8000:8100 -j DROP",
        "-p tcp -m statistic --mode random --probability 0.30000000019 -m tcp --dport 8080 -j DROP",
        '-p tcp -m comment --comment "it is \\"mine\\"" -m tcp --dport 8080 -j DROP',
        f"-s {SERVER}/32 -p tcp -m tcp --sport 8080 -j DROP",
        f"-d {SERVER}/32 -m conntrack --ctstate NEW -j DROP",
    ],
)
def test_rules_of_iptables_that_cover_it(text: str) -> None:
    assert is_covered(SAVED, text)


@pytest.mark.parametrize(
    "text",
    [
        "-j DROP",
        "-m conntrack --ctstate INVALID -j DROP",
        "-p tcp -m tcp --dport 8081 -j DROP",
        "! -s 10.1.0.0/16 -p tcp -m tcp --dport 8080 -j DROP",
        "-p tcp -m tcp ! --dport 22 -j DROP",
        "-p tcp -m tcp --dport 8080 -m mark --mark 0x8000/0x8000 -j DROP",
        "-i eth0 -p tcp -m tcp --dport 8080 -j DROP",
        "-p tcp -m set --match-set blocked src -m tcp --dport 8080 -j DROP",
        "-p tcp -m tcp --dport 8080 --tcp-flags SYN,ACK SYN -j DROP",
        "-p tcp -m tcp --dport 8080 -j LOG",
        "-d nowhere -p tcp -m tcp --dport 8080 -j DROP",
        "-p tcp -m tcp --dport",
        # kube-proxy's, of connections that nobody forwarded
        '! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections"'
        " -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP",
    ],
)
def test_rules_of_iptables_that_do_not_or_nobody_knows(text: str) -> None:
    assert not is_covered(SAVED, text)


@pytest.mark.parametrize(
    ("hook", "server", "is_seen"),
    [
        ("forward", SERVER, True),
        ("forward", "192.168.0.1", False),
        ("input", SERVER, False),
        ("input", "192.168.0.1", True),
        ("output", SERVER, False),
        ("prerouting", SERVER, True),
        ("", SERVER, True),
    ],
)
def test_a_hook_sees_what_comes_there(hook: str, server: str, is_seen: bool) -> None:
    rule = NFT._replace(hook=hook)
    assert is_covered(rule, "tcp dport 8080 counter drop", replace(FLOW, server=server)) is is_seen


@given(st.text(max_size=120), st.sampled_from((NFT, SAVED)))
def test_no_text_breaks_the_reader(text: str, rule: FilterRule) -> None:
    filter_match(replace_text(rule, text))
