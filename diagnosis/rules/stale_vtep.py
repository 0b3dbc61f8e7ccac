"""A node sends VXLAN frames to a link-layer address that the other node's device does not have: it
drops them.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.findings import Evidence, Finding
from diagnosis.rule import Rule
from diagnosis.rules._agents import restart_cni_agent
from diagnosis.rules._node_pairs import explains_pair as explains, passes
from diagnosis.rules._vteps import VtepPath, vtep_paths
from diagnosis.snapshot import Snapshot

__all__ = ["RULE", "evaluate", "explains"]
RULE = Rule(
    id="stale_vtep",
    title="A node has a stale link-layer address of another node's VXLAN device: that node drops "
    "what it gets",
    scope="node",
    stage="cause",
    inputs=("links", "nodes"),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="node",
    criterion="the neighbour entry of a VTEP, compared with the device's own address on its node",
    false_friends=(
        "the device was made again a moment ago, and the agent is about to say so",
        "pods of the two nodes open connections to each other",
    ),
    severity="critical",
    confidence="certain",
    fix_kind="shell",
    verify="ip neigh show {gateway} dev {device}: {lladdr}",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for path in vtep_paths(snapshot):
        is_stale = path.own_lladdr and path.lladdr.lower() not in ("", path.own_lladdr)
        if is_stale and not passes(snapshot, path.host.node, path.other.name):
            yield _finding(snapshot, path)


def _finding(snapshot: Snapshot, path: VtepPath) -> Finding:
    device, host, other = path.link.name, path.host.name, path.other.name
    return RULE.finding(
        subject=replace(path.host.subject, detail=f"→ {other}"),
        title=f"{host} sends to {other}'s {device} with the link-layer address {path.lladdr}, "
        f"which that does not have: {other} drops all of it",
        evidence=_evidence(path),
        fix=restart_cni_agent(snapshot, path.host.node),
        gateway=path.gateway,
        device=device,
        lladdr=path.own_lladdr,
    )


def _evidence(path: VtepPath) -> Iterator[Evidence]:
    device, other = path.link.name, path.other.name
    known = f"{path.gateway}, the VTEP of {other}, is at {path.lladdr}"
    own = f"{device} of {other} has {path.own_lladdr}"
    yield path.host.fact(known, f"ip neigh show dev {device}")
    yield replace(path.host.fact(own, "ip link"), scope=f"whole node {other}")
