"""The rule of a packet filter that drops, named in the finding that says the loss."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ContainerPort, FilterRule, LinkRow, NetworkState, ServiceRow
from collectors.findings import Finding
from diagnosis import rules
from diagnosis.filter_counts import RisingRule
from diagnosis.snapshot import Conversation
from tests.support import path_snapshots as paths
from tests.support.snapshots import API, POD, found, node

DROP = FilterRule("nft", "inet leftover", "forward", "forward", "tcp dport 8080 counter drop", 40)
SETUP = NetworkState(100.0, "node/n1", (LinkRow("eth0", "", 1500, "UP", ("192.168.0.1/24",)),))
LOST = Conversation("TCP", POD.ip, API.ip, 8080, flows=9, unanswered=9)


def rising(rule: FilterRule = DROP, packets: int = 27) -> RisingRule:
    return RisingRule(rule, packets, 15.0)


def unanswered(*filters: RisingRule, talk: Conversation = LOST, setup: Any = SETUP) -> Finding:
    view = node(conversations=(talk,), filters=filters, network=setup)
    said = found(view)
    return said.get("unanswered") or said["refused"]


def is_named(finding: Finding) -> bool:
    return any("a rule " in one.text for one in finding.evidence)


def test_evidence_and_fix_name_it() -> None:
    finding = unanswered(rising())
    assert finding.evidence[-1].text == (
        "a rule dropped 27 packets in 15 s: tcp dport 8080 counter drop (table inet leftover, "
        "chain forward)"
    )
    assert "nft -a list chain inet leftover forward" in finding.fix and finding.fix_kind == "shell"
    assert finding.fix.endswith(f"# {unanswered().fix}")


def test_iptables_has_its_own_commands() -> None:
    text = "-d 10.2.0.5/32 -p tcp -m tcp --dport 8080 -j DROP"
    rule = FilterRule("iptables-nft", "filter", "FORWARD", "forward", text, 9)
    assert "iptables -t filter -L FORWARD -v -n --line-numbers" in unanswered(rising(rule)).fix


def test_the_text_of_a_rule_is_in_no_command() -> None:
    """A node's rules are text from outside, and a fix is copied into a shell."""
    text = 'tcp dport 8080 counter drop comment "$(reboot)"'
    finding = unanswered(rising(DROP._replace(text=text, chain="a;b")))
    lines = [line for line in finding.fix.splitlines() if "$(reboot)" in line]
    assert lines and all(line.startswith("# ") for line in lines)
    assert "inet leftover 'a;b'" in finding.fix


@pytest.mark.parametrize(
    "rule",
    [
        DROP._replace(text="tcp dport 8081 counter drop"),
        DROP._replace(text="counter drop"),
        DROP._replace(text="ct state invalid counter drop"),
        DROP._replace(hook="input"),
        DROP._replace(text="tcp dport 8080 counter reject"),
    ],
)
def test_a_rule_that_counts_something_else(rule: FilterRule) -> None:
    assert not is_named(unanswered(rising(rule)))


def test_a_rule_that_counts_far_less_than_fails() -> None:
    assert not is_named(unanswered(rising(packets=4)))


def test_without_the_nodes_addresses_nothing_is_said() -> None:
    assert not is_named(unanswered(rising(), setup=None))


def test_what_is_refused_needs_a_rule_that_rejects() -> None:
    refused = replace(LOST, unanswered=0, refused=9)
    assert not is_named(unanswered(rising(), talk=refused))
    reject = DROP._replace(text="tcp dport 8080 counter reject with tcp reset")
    finding = unanswered(rising(reject), talk=refused)
    assert finding.rule == "refused" and "a rule rejected 27 packets" in finding.evidence[-1].text


@pytest.mark.parametrize(
    "more",
    [
        {"chain": "KUBE-SERVICES", "table": "filter"},
        {"chain": "cali-fw-cali123"},
        {"table": "ip kube-proxy"},
    ],
)
def test_what_kube_proxy_and_the_cni_write_is_not_to_be_deleted(more: dict[str, str]) -> None:
    rule = DROP._replace(**more)  # type: ignore[arg-type]
    assert not is_named(unanswered(rising(rule)))


def test_a_rule_that_refuses_a_service_without_endpoints() -> None:
    """Of any program that translates Services."""
    talk = replace(LOST, server="10.96.0.7", port=80, unanswered=9, refused=9)
    service = ServiceRow("shop", "api", ("10.96.0.7",), ("80/TCP",), "ClusterIP")
    text = "ip daddr 10.96.0.7 tcp dport 80 counter reject"
    view = node(conversations=(talk,), filters=(rising(DROP._replace(text=text)),), network=SETUP)
    said = found(view, services=(service,))
    assert not any(map(is_named, said.values()))


def test_a_node_and_a_pod_on_its_network_are_one_place() -> None:
    view = node(conversations=(LOST,), filters=(rising(),), network=SETUP)
    agent = replace(POD, name="agent", ip="192.168.0.1", host_network=True)
    beside = replace(view, key="pod/shop/agent", kind="pod", scope="this pod", pod=agent)
    for targets in ((view, beside), (beside, view)):
        facts = [one for one in found(*targets)["unanswered"].evidence if "a rule " in one.text]
        assert [one.scope for one in facts] == ["whole node n1"]


# --- one endpoint of a Service

PORTS = (ContainerPort("", 8080, "TCP"),)


def endpoint_failing(text: str) -> Finding:
    talk = Conversation(
        "TCP", paths.CLIENT, paths.SERVICE, 80, flows=140, answered=100, unanswered=30
    )
    rule = FilterRule("iptables-nft", "filter", "FORWARD", "forward", text, 40)
    view = paths.node(
        paths.WELL,
        paths.LOST,
        conversations=(talk,),
        filters=(rising(rule, 60),),
        network=SETUP,
    )
    snapshot = paths.snapshot(view, slices=(replace(paths.SLICE, ports=PORTS),))
    (finding,) = (one for one in rules.findings(snapshot) if one.rule == "endpoint_failing")
    return finding


def test_the_endpoint_that_a_rule_is_about() -> None:
    """Nothing leaves for it, so that no packet shows its address."""
    assert is_named(endpoint_failing(f"-d {paths.SECOND}/32 -p tcp -m tcp --dport 8080 -j DROP"))


def test_another_endpoint_of_the_service_is_not_what_fails() -> None:
    finding = endpoint_failing(f"-d {paths.FIRST}/32 -p tcp -m tcp --dport 8080 -j DROP")
    assert not is_named(finding)
