"""Rules on snapshots made by hand: what the lab's faults cannot make for real, and that nothing fires below a threshold."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from collectors.events import (
    PolicyRow,
    ServicePort,
    ServiceRow,
)
from diagnosis.lookups import AbsentName, DnsSummary
from diagnosis.snapshot import Conversation, TargetView
from tests.support.snapshots import (
    API,
    CPU,
    ETH,
    OTHER,
    OVERLAY,
    POD,
    ROUTES,
    SETUP,
    SNAT,
    found,
    node,
    pod,
    sockets,
    talk,
)

FIRES: list[tuple[str, TargetView, dict[str, Any]]] = [
    ("conntrack_full", node({"conntrack_count": 262_000}, {"conntrack_drop": 50}), {}),
    ("conntrack_full", node({"conntrack_count": 210_000}), {}),
    ("conntrack_races", node({}, {"conntrack_insert_failed": 9, "conntrack_drop": 9}), {}),
    (
        "ephemeral_ports",
        pod(
            {"port_range_low": 32_768, "port_range_high": 60_999},
            ports_used=(("10.2.0.5:8080", 27_000),),
        ),
        {},
    ),
    ("ephemeral_ports", node(conntrack=SNAT), {}),
    ("retransmits", pod({}, {"TcpRetransSegs": 40, "TcpExtTCPOrigDataSent": 1000}), {}),
    ("mtu", node(network=replace(SETUP, links=(ETH, replace(OVERLAY, mtu=1500)))), {}),
    ("mtu", node({}, {"IpFragFails": 4}, conversations=(talk(stuck=3),)), {}),
    ("missing_route", node(network=replace(SETUP, routes=ROUTES[:1])), {}),
    ("missing_fdb", node(network=replace(SETUP, forwarding=())), {}),
    ("rp_filter", node({}, {"TcpExtIPReversePathFilter": 30}), {}),
    ("cpu_steal", node({}, {**CPU, "cpu_steal": 400}), {}),
    ("softirq", node({}, {**CPU, "cpu/0/softirq": 1200}), {}),
    ("udp_flood", node({}, {**CPU, "UdpNoPorts": 900_000}), {}),
    ("softnet", node({}, {"softnet_time_squeeze": 900}), {}),
    ("softnet_drops", node({}, {"softnet_dropped": 3}), {}),
    ("nic_drops", node({}, {"dev/eth0/rx_packets": 1000, "dev/eth0/rx_drop": 40}), {}),
    ("nic_allowance", node({}, {"ethtool/eth0/linklocal_allowance_exceeded": 7}), {}),
    ("checksum", node({}, {"UdpInCsumErrors": 12}), {}),
    ("reassembly", node({}, {"IpReasmFails": 20}), {}),
    (
        "neighbour_table",
        node({"arp_entries": 1000, "sysctl net.ipv4.neigh.default.gc_thresh3": 1024}),
        {},
    ),
    ("neighbour_table", node({}, {"arp_table_fulls": 1}), {}),
    ("listen_queue", pod({}, {"TcpExtListenOverflows": 3, "TcpExtListenDrops": 3}), {}),
    ("syn_flood", pod({}, {"TcpExtTCPReqQFullDoCookies": 80}), {}),
    ("listen_drops", pod({}, {"TcpExtListenDrops": 8}), {}),
    ("receiver", pod({}, {"TcpExtTCPToZeroWindowAdv": 20}), {}),
    ("close_wait", pod(sockets=sockets(60, "CLOSE-WAIT")), {}),
    ("latency", pod(sockets=sockets(5)), {"budget_ms": 1.0}),
    ("slow_server", pod(conversations=(talk(slow=9, slowest_ms=900.0),)), {}),
    ("refused", pod(conversations=(talk(refused=9),)), {}),
    ("resets", pod(conversations=(talk(server_resets=9),)), {}),
    (
        "refused",
        pod(
            conversations=(
                talk(refused=9, rejected=9, rejected_by="192.168.0.2", unreachable="ICMP"),
            )
        ),
        {},
    ),
    ("unanswered", pod(conversations=(talk(unanswered=9, answered=0),)), {}),
    ("unanswered", node(conversations=(talk(unanswered=9, answered=0, stopped=9),)), {}),
    (
        "dead_address",
        pod(conversations=(replace(talk(unanswered=9, answered=0), server="10.2.0.77"),)),
        {"nodes": (replace(OTHER, pod_cidrs=("10.2.0.0/24",)),)},
    ),
    ("forwarding", node({"IpForwarding": 2}), {}),
    (
        "dns_failing",
        pod(lookups=DnsSummary(10, 100, 100, codes={"NOERROR": 60, "SERVFAIL": 40})),
        {},
    ),
    (
        "dns_slow",
        pod(lookups=DnsSummary(10, 100, 100, codes={"NOERROR": 100}, median_ms=400.0)),
        {},
    ),
    (
        "dns_search",
        pod(
            lookups=DnsSummary(
                4, 2000, 2000, codes={"NOERROR": 500, "NXDOMAIN": 1500}, searched=900
            )
        ),
        {},
    ),
    ("dns_unanswered", pod(lookups=DnsSummary(10, 100, 60, unanswered=40)), {}),
    (
        "dns_missing",
        pod(lookups=DnsSummary(10, 60, 60, absent=(AbsentName(POD.ip, "bakend", 7),))),
        {},
    ),
    (
        "dns_unanswered",
        node(
            conversations=(
                Conversation("UDP", POD.ip, API.ip, 53, flows=9, unanswered=9, stopped=9),
            ),
            lookups=DnsSummary(10, 100, 60, unanswered=40, servers=(API.ip,)),
        ),
        {},
    ),
    ("dns_truncated", pod(lookups=DnsSummary(10, 100, 100, truncated=30)), {}),
    (
        "crash_loop",
        node(),
        {
            "pods": (
                replace(
                    POD,
                    phase="CrashLoopBackOff",
                    restarts=4,
                    message="dial tcp: lookup db: no such host",
                ),
            )
        },
    ),
    ("tuning", node({"sysctl fs.file-max": 20_000}), {}),
    (
        "endpoints",
        node(),
        {
            "services": (
                ServiceRow(
                    "shop",
                    "gone",
                    ("10.96.0.9",),
                    ("80/TCP",),
                    "ClusterIP",
                    (("app", "wed"),),
                    (ServicePort("", 80, "TCP", "80"),),
                ),
            )
        },
    ),
    (
        "policy_label",
        node(),
        {
            "policies": (
                PolicyRow(
                    "shop",
                    "p",
                    '{"podSelector":{},"ingress":[{"from":[{"namespaceSelector":{"matchLabels":{"team":"x"}}}]}]}',
                ),
            )
        },
    ),
]


@pytest.mark.parametrize(
    ("rule", "target", "rows"), FIRES, ids=[f"{n}-{rule}" for n, (rule, *_) in enumerate(FIRES)]
)
def test_it_is_found_with_its_evidence(rule: str, target: TargetView, rows: dict[str, Any]) -> None:
    finding = found(target, **rows)[rule]
    assert finding.evidence and all(e.text and e.source for e in finding.evidence)
    assert (
        finding.title[0].isupper()
        or finding.title[0].isdigit()
        or finding.title.split()[0].islower()
    )
    assert finding.fix and finding.threshold
    assert len(finding.title) < 160, finding.title
    if finding.fix_kind == "yaml":
        assert list(yaml.safe_load_all(finding.fix))
    for text in (finding.title, *(e.text for e in finding.evidence)):
        assert "None" not in text.replace("= None", ""), text


def test_a_healthy_node_and_pod_are_left_in_peace() -> None:
    calm = {
        **CPU,
        "cpu_steal": 10,
        "cpu/0/softirq": 60,
        "TcpRetransSegs": 3,
        "TcpExtTCPOrigDataSent": 5000,
        "conntrack_invalid": 2,
        "dev/eth0/rx_packets": 100_000,
        "dev/eth0/rx_drop": 2,
        "IpReasmFails": 1,
    }
    lookups = DnsSummary(10, 500, 500, codes={"NOERROR": 480, "NXDOMAIN": 20}, median_ms=0.8)
    assert (
        found(
            node(
                {"arp_entries": 40, "sysctl net.ipv4.neigh.default.gc_thresh3": 1024},
                calm,
                network=SETUP,
            ),
            pod(
                {"port_range_low": 32_768, "port_range_high": 60_999},
                calm,
                conversations=(talk(retransmitted=1),),
                lookups=lookups,
                sockets=sockets(10),
                ports_used=(("10.2.0.5:8080", 900),),
            ),
        )
        == {}
    )


def test_loss_of_small_packets_too_is_no_black_hole() -> None:
    assert "mtu" in found(pod({}, {"TcpExtTCPSynRetrans": 1}, conversations=(talk(stuck=3),)))
    assert "mtu" not in found(pod({}, {"TcpExtTCPSynRetrans": 5}, conversations=(talk(stuck=3),)))


def test_a_typing_error_in_a_selector_is_named() -> None:
    service = ServiceRow("shop", "web", ("10.96.0.9",), ("80/TCP",), "ClusterIP", (("app", "wbe"),))
    finding = found(node(), services=(service,))["endpoints"]
    assert any("there are pods labelled app=web" in e.text for e in finding.evidence)


def test_sysctl_fixes_are_drop_ins_that_this_kernel_knows() -> None:
    """Each line is a comment with a reason, or NAME = NUMBER of a setting that exists under /proc/sys."""
    seen = set()
    for _, target, rows in FIRES:
        for finding in found(target, **rows).values():
            for line in finding.fix.splitlines() if finding.fix_kind == "sysctl" else ():
                if line.startswith("#"):
                    continue
                match = re.fullmatch(r"([a-z0-9_.-]+) = ([0-9 ]+)", line)
                assert match, (finding.rule, line)
                seen.add(match[1])
                path = Path("/proc/sys") / match[1].replace(".", "/")
                assert (
                    path.exists()
                    or "netfilter" in match[1]
                    or not Path("/proc/sys/net/ipv4").exists()
                ), match[1]
    assert {
        "net.netfilter.nf_conntrack_max",
        "net.ipv4.ip_local_port_range",
        "net.core.netdev_max_backlog",
    } <= seen
