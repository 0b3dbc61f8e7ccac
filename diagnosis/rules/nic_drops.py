"""An interface drops or damages packets.

Facts: docs/reference/counters.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView

SHARE = Threshold("above", 1, "% of packets", "node_exporter mixin")
LEAST = Threshold("at least", 10, "packets in 15 s", CONVENTION)
STRAY = Threshold(
    "of what it receives and drops, above", 30, "in 15 s: as many are of switches", CONVENTION
)
USED = Threshold("of an interface that passes at least", 100, "packets in 15 s", CONVENTION)
VIRTUAL_FIX = (
    "ip -s -s link show {device}; tc -s qdisc show dev {device}; tc -s filter show dev {device} "
    "ingress  # a virtual device has no ring: a queue, a policer or its other end drops"
)
RULE = Rule(
    id="nic_drops",
    title="An interface loses packets",
    scope="pod or node",
    stage="symptom",
    inputs=("interfaces",),
    symptoms=("slow", "timeout", "load"),
    screen="node",
    thresholds=(SHARE, LEAST, STRAY, USED),
    false_friends=(
        "the same on healthy hosts",
        "frames that nobody on this host asked for (LLDP, spanning tree, other VLANs)",
    ),
    fix="ethtool -S {device}; ethtool -g {device}  # the ring may be larger: ethtool -G {device} "
    "rx 4096",
    fix_kind="shell",
    verify="drops and errors no longer increase",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.counted:
        for device in _devices(host):
            for direction in ("rx", "tx"):
                yield from _one(host, device, direction)


def _devices(host: TargetView) -> list[str]:
    return sorted({name.split("/")[1] for name in host.deltas if name.startswith("dev/")})


def _one(host: TargetView, device: str, direction: str) -> Iterator[Finding]:
    passed = host.delta(f"dev/{device}/{direction}_packets")
    lost = {kind: host.delta(f"dev/{device}/{direction}_{kind}") for kind in ("errs", "drop")}
    total = sum(lost.values())
    is_stray = direction == "rx" and not lost["errs"] and total <= STRAY.value
    if passed < USED.value or is_stray or not _is_much(total, passed):
        return
    verb = "receives" if direction == "rx" else "sends"
    share = f"{100 * total / (passed + total):.1f} % of the packets it {verb}"
    yield _finding(host, device, f"{device} loses {share}", _evidence(host, lost, passed))


def _finding(host: TargetView, device: str, title: str, evidence: Iterator[Evidence]) -> Finding:
    subject = replace(host.subject, detail=device)
    if _is_hardware(host, device):
        return RULE.finding(subject=subject, title=title, evidence=evidence, device=device)
    fix = VIRTUAL_FIX.format(device=device)
    return RULE.finding(subject=subject, title=title, evidence=evidence, fix=fix)


def _is_hardware(host: TargetView, device: str) -> bool:
    """Or not known."""
    return not any(link.kind for link in host.links if link.name == device)


def _is_much(lost: int, passed: int) -> bool:
    return lost >= LEAST.value and 100 * lost > SHARE.value * (passed + lost)


def _evidence(host: TargetView, lost: dict[str, int], passed: int) -> Iterator[Evidence]:
    text = f"{_kinds(lost)} beside {passed:,} packets in {host.seconds:.0f} s"
    yield host.fact(text, "/proc/net/dev")


def _kinds(lost: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in lost.items() if count)
