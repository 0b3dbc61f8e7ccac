"""Every rule: a module each with `evaluate(snapshot)`, pure, in the order in which causes come before symptoms."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from collectors.findings import Finding, ordered
from diagnosis.rules import (
    cilium,
    close_wait,
    connections,
    conntrack_full,
    conntrack_invalid,
    conntrack_races,
    crash_loop,
    dns,
    endpoints,
    ephemeral_ports,
    exposure,
    external_local,
    forwarding,
    hairpin,
    latency,
    listen_queue,
    mtu,
    neighbours,
    nic,
    node_cpu,
    overlay_mode,
    overlay_paths,
    policies,
    policy_gaps,
    receiver,
    retransmits,
    rp_filter,
    service_scale,
    slow_server,
    stale_udp,
    target_port,
    tuning,
)
from diagnosis.snapshot import Snapshot

Rule = Callable[[Snapshot], Iterator[Finding]]
RULES: tuple[Rule, ...] = tuple(
    module.evaluate
    for module in (
        forwarding,
        conntrack_full,
        conntrack_races,
        conntrack_invalid,
        ephemeral_ports,
        overlay_paths,
        overlay_mode,
        cilium,
        mtu,
        rp_filter,
        endpoints,
        target_port,
        external_local,
        hairpin,
        policies,
        policy_gaps,
        exposure,
        dns,
        listen_queue,
        receiver,
        slow_server,
        crash_loop,
        stale_udp,
        node_cpu,
        nic,
        neighbours,
        close_wait,
        retransmits,
        connections,
        latency,
        service_scale,
        tuning,
    )
)


def findings(snapshot: Snapshot) -> list[Finding]:
    """What is wrong, the worst first."""
    return ordered([finding for rule in RULES for finding in rule(snapshot)])
