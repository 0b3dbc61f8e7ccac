"""Everyone against everyone: which pods may reach which on a port. Bits of integers stand for pods, so that a thousand
pods and two hundred policies take well under the five seconds that a person waits."""

from __future__ import annotations

from collections.abc import Sequence

from diagnosis.reachability.network_policy import (
    Party,
    Policy,
    PolicyRule,
    Side,
    family,
    over,
)


def _peers(rule: PolicyRule, namespace: str, parties: Sequence[Party]) -> int:
    """The parties that a rule's peers admit, as bits."""
    if rule.peers is None:
        return (1 << len(parties)) - 1
    return sum(
        1 << place for place, party in enumerate(parties) if rule.admits_peer(party, namespace)
    )


def _with_port(rule: PolicyRule, number: int, protocol: str, parties: Sequence[Party]) -> int:
    """The destinations for which a rule's ports admit the port (a named one depends on the pod)."""
    if rule.ports is None or not any(port.name for port in rule.ports):
        return (1 << len(parties)) - 1 if rule.admits_port(number, protocol, ()) else 0
    return sum(
        1 << i for i, party in enumerate(parties) if rule.admits_port(number, protocol, party.ports)
    )


def _side(
    side: Side, parties: Sequence[Party], number: int, protocol: str, known: Sequence[Policy]
) -> list[int]:
    """For each party, the others that it may speak with on this side."""
    everyone = (1 << len(parties)) - 1
    allowed: list[int | None] = [None] * len(parties)  # None: nothing isolates it
    for policy in known:
        if side not in policy.rules:
            continue
        selected = [place for place, party in enumerate(parties) if policy.selects(party, side)]
        if not selected:
            continue
        for place in selected:
            allowed[place] = allowed[place] or 0
        for rule in policy.rules[side]:
            peers, targets = (
                _peers(rule, policy.namespace, parties),
                _with_port(rule, number, protocol, parties),
            )
            for place in selected:
                if side == "egress":
                    allowed[place] = (allowed[place] or 0) | (peers & targets)
                elif targets >> place & 1:
                    allowed[place] = (allowed[place] or 0) | peers
    return [everyone if bits is None else bits for bits in allowed]


def reach(
    parties: Sequence[Party], number: int, protocol: str, known: Sequence[Policy]
) -> list[list[bool]]:
    """reach[a][b]: whether party a may open a connection to that port of party b (as policy.verdict says)."""
    table = _reach(parties, number, protocol, known)
    if all(len({":" in ip for ip in party.ips}) < 2 for party in parties):
        return table
    tables: dict[bool | None, list[list[bool]]] = {None: table}
    for six in (False, True):
        tables[six] = _reach([over(party, six) for party in parties], number, protocol, known)
    return [
        [tables[family(source, target)][a][b] for b, target in enumerate(parties)]
        for a, source in enumerate(parties)
    ]


def _reach(
    parties: Sequence[Party], number: int, protocol: str, known: Sequence[Policy]
) -> list[list[bool]]:
    out = _side("egress", parties, number, protocol, known)
    into = _side("ingress", parties, number, protocol, known)
    nodes: dict[str, int] = {}
    for place, party in enumerate(parties):
        nodes[party.node] = nodes.get(party.node, 0) | 1 << place
    rows = []
    for place, party in enumerate(parties):
        own_node = nodes[party.node] if party.host and party.node else 0
        own = 1 << place if party.selectable else 0
        bits = out[place]
        rows.append(
            [
                bool(own >> b & 1)
                or bool(bits >> b & 1 and (into[b] >> place & 1 or own_node >> b & 1))
                for b in range(len(parties))
            ]
        )
    return rows
