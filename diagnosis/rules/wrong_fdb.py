"""A VXLAN device sends what is for another node to an address that this node does not have.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.findings import Evidence, Finding
from diagnosis.rule import Rule
from diagnosis.rules._agents import cni_agent
from diagnosis.rules._node_pairs import (
    addresses_of,
    between,
    explains_pair as explains,
    host_of,
    passes,
)
from diagnosis.rules._vteps import VtepPath, vtep_paths
from diagnosis.snapshot import Conversation, Snapshot, listed

__all__ = ["RULE", "evaluate", "explains"]
RULE = Rule(
    id="wrong_fdb",
    title="A VXLAN device sends what is for another node to an address that node does not have",
    scope="node",
    stage="cause",
    inputs=("links", "nodes"),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="node",
    criterion="the forwarding entry of a VTEP, compared with the addresses of its node; where that "
    "node is not open, while its pods do not answer",
    false_friends=(
        "the node has that address on another interface, and it is not open here",
        "a load balancer or a NAT of the underlay has that address for it",
    ),
    severity="critical",
    fix_kind="shell",
    verify="bridge fdb show dev {device} | grep {lladdr}",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for path in vtep_paths(snapshot):
        if _is_wrong(snapshot, path) and _is_felt(snapshot, path):
            yield _finding(snapshot, path)


def _is_wrong(snapshot: Snapshot, path: VtepPath) -> bool:
    return bool(path.remotes) and addresses_of(snapshot, path.other).isdisjoint(path.remotes)


def _is_felt(snapshot: Snapshot, path: VtepPath) -> bool:
    """Or known for certain, where the other node is open and nothing shows that it works: a NAT of
    the underlay may have that address."""
    if host_of(snapshot, path.other.name) is None:
        return _is_silent(snapshot, path)
    return not passes(snapshot, path.host.node, path.other.name)


def _is_silent(snapshot: Snapshot, path: VtepPath) -> bool:
    """Whether something between the two nodes fails, and nothing is answered."""
    talks = _between_pods(snapshot, path)
    return any(talk.unanswered for talk in talks) and not any(talk.answered for talk in talks)


def _between_pods(snapshot: Snapshot, path: VtepPath) -> list[Conversation]:
    """Of the two nodes."""
    to_pods = (talk for talk in snapshot.conversations if talk.server in snapshot.by_address)
    ends = path.host.node, path.other.name
    return [talk for talk in to_pods if between(*ends, snapshot, talk)]


def _finding(snapshot: Snapshot, path: VtepPath) -> Finding:
    other, remotes = path.other.name, listed(path.remotes)
    owner = next((name for one in path.remotes if (name := snapshot.node_at(one))), "")
    whose = f"the address of {owner}" if owner else "which no node has"
    seen = host_of(snapshot, other) is not None
    return RULE.finding(
        subject=replace(path.host.subject, detail=f"→ {other}"),
        title=f"{path.link.name} of {path.host.name} sends what is for {other} to {remotes}, "
        f"{whose}: its pods cannot be reached",
        evidence=_evidence(snapshot, path, remotes),
        confidence="certain" if seen else "possible",
        fix=_fix(snapshot, path),
        device=path.link.name,
        lladdr=path.lladdr,
    )


def _fix(snapshot: Snapshot, path: VtepPath) -> str:
    """The other node's agent announced the address of a wrong interface."""
    other = path.other
    agent = cni_agent(snapshot, other.name)
    named = f"-n {agent.namespace} logs {agent.name}" if agent else "get pods -A -o wide"
    return (
        f"# which address did the agent of {other.name} announce? Right is {other.address}: set "
        "its interface\n# (flannel: --iface; Calico: IP_AUTODETECTION_METHOD); restart it\n"
        f"kubectl {named}\n"
        f"kubectl get node {other.name} -o jsonpath='{{.metadata.annotations}}'"
    )


def _evidence(snapshot: Snapshot, path: VtepPath, remotes: str) -> Iterator[Evidence]:
    entry = f"{path.lladdr}, the VTEP of {path.other.name}, is at {remotes}"
    own = listed(sorted({path.other.address, *path.other.addresses} - {""}))
    yield path.host.fact(entry, f"bridge fdb show dev {path.link.name}")
    yield snapshot.fact(f"{path.other.name} has {own}", "nodes")
