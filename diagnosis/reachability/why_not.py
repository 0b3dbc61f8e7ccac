"""Why no rule admits a connection: of each rule the nearest miss; and which entry of a rule
admits it where one does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from collectors.frozen import frozen
from diagnosis.reachability.address_blocks import Block
from diagnosis.reachability.calico_entities import Entity
from diagnosis.reachability.certainty import Doubt, Match
from diagnosis.reachability.cilium_peers import Cidrs
from diagnosis.reachability.cluster_network_policy import Networks
from diagnosis.reachability.network_policy import PolicyPeer
from diagnosis.reachability.parties import Party, is_ipv6
from diagnosis.reachability.policy_model import Ask, Peer, Policy, Stack, TierRule

MOST = 4  # rules of which a miss is named
MOST_PEERS = 3


@frozen
class Context:
    """What stands around a question: the port before translation, whose it is, and the addresses
    of Services."""

    asked_port: int = 0
    asked_as: str = ""
    service_ips: Mapping[str, str] | None = None  # address to NAMESPACE/NAME
    asked_ips: Sequence[str] = ()  # those of the Service that was asked for
    seen: str = ""  # what policies see of the other end


NO_CONTEXT = Context()


def misses(stacks: Sequence[Stack], ask: Ask, context: Context = NO_CONTEXT) -> list[str]:
    """For each rule of the policies that isolate the end why it does not admit the connection,
    nearest first."""
    found: list[tuple[int, str]] = []
    for policy in _isolating(stacks, ask):
        rules = policy.rules.get(ask.side, ())
        for rule in rules:
            if rule.action == "allow" and rule.match(ask) is False:
                found.append(_miss(policy, rule, ask, context))
    found.sort(key=lambda one: one[0])
    texts = [text for _, text in found]
    more = len(texts) - MOST
    return texts[:MOST] + ([f"{more} more rules do not admit it either"] if more > 0 else [])


def _isolating(stacks: Sequence[Stack], ask: Ask) -> Iterator[Policy]:
    policies = (policy for stack in stacks for tier in stack.tiers for policy in tier.policies)
    for policy in {id(one): one for one in policies}.values():
        if ask.side in policy.isolates and policy.selects(ask.own, ask.side):
            yield policy


def _miss(policy: Policy, rule: TierRule, ask: Ask, context: Context) -> tuple[int, str]:
    """(how far it is from a match, the sentence)."""
    name = policy.title_of(rule)
    peer = rule.match_peers(ask.other, ask.own)
    admits_port = rule.match_ports(ask.number, ask.protocol, ask.destination) is not False
    if peer is not False and not admits_port:
        return 0, f"{name} {_admits(peer)}, but {_port_miss(rule, ask, context)}"
    peers = _peer_misses(rule, ask, context)
    if admits_port:
        return 1, f"{name}: {peers}"
    return 2, f"{name}: {peers}; and {_port_miss(rule, ask, context)}"


def _admits(peer: Match) -> str:
    if isinstance(peer, Doubt):
        return f"may admit this peer ({'; '.join(peer.because)})"
    return "admits this peer"


def _port_miss(rule: TierRule, ask: Ask, context: Context) -> str:
    ports = ", ".join(port.text for port in rule.ports or ()) or "no port"
    this = f"{ask.number}/{ask.protocol}{_family(ask) if ' over IPv' in ports else ''}"
    text = f"on {ports}, and this is {this}"
    if context.asked_port and context.asked_port != ask.number:
        asked = rule.match_ports(context.asked_port, ask.protocol, ask.destination)
        if asked is not False:
            return (
                f"on port {context.asked_port}, which is {context.asked_as}: policies see the "
                f"pod's, and the pod listens on {ask.number}"
            )
    declared = any(p.number == ask.number for p in ask.destination.ports)
    if not declared:
        return text
    return f"on port {ports}, and the pod listens on {this}"


def _family(ask: Ask) -> str:
    return f" over IPv{6 if any(map(is_ipv6, ask.destination.ips)) else 4}"


def _peer_misses(rule: TierRule, ask: Ask, context: Context) -> str:
    """Why each entry of `from` or `to` is somebody else."""
    if not rule.peers:
        return "it admits nobody"
    texts = [_peer_miss(peer, ask, context) for peer in rule.peers]
    texts = [text for text in dict.fromkeys(texts) if text]
    shown = "; ".join(texts[:MOST_PEERS]) or "it does not admit this peer"
    if len(texts) > MOST_PEERS:
        shown += f"; and {len(texts) - MOST_PEERS} more entries do not match"
    return shown + (_or_hint(rule.peers) if len(rule.peers) > 1 else "")


def _peer_miss(peer: Peer, ask: Ask, context: Context) -> str:
    for block in blocks_of(peer):
        if service := _service_in(block, context):
            return f"{service}: policies see {context.seen or ask.other.name}"
    return peer.miss(ask.other)


def blocks_of(peer: Peer) -> Sequence[Block]:
    """The blocks of addresses by which an entry means its ends."""
    if isinstance(peer, PolicyPeer):
        return (peer.block,) if peer.block else ()
    if isinstance(peer, Entity):
        return peer.nets or ()
    return peer.blocks if isinstance(peer, Cidrs | Networks) else ()


def _service_in(block: Block, context: Context) -> str:
    """That a block means the ClusterIP of a Service, which no packet has where policies look."""
    names = context.service_ips or {}
    if block.network.num_addresses == 1:
        name = names.get(str(block.network.network_address))
        return f"{block.network} is the ClusterIP of {name}" if name else ""
    asked = next((ip for ip in context.asked_ips if block.contains(ip)), None)
    return f"{block.text} holds the ClusterIP {asked} of {names.get(asked)}" if asked else ""


def _or_hint(peers: Sequence[Peer]) -> str:
    """That a list's items are alternatives, where it looks as if both were meant together."""
    own = [peer for peer in peers if isinstance(peer, PolicyPeer)]
    alone = any(p.pods is not None and p.namespaces is None for p in own)
    other = any(p.pods is None and p.namespaces is not None for p in own)
    if not (alone and other):
        return ""
    return " (two list items are OR: podSelector and namespaceSelector stand in separate items)"


def admitted_by(rule: TierRule, ask: Ask) -> str:
    """Which entry of a rule's peers matches, as a suffix; '' where it has none."""
    if not rule.peers:
        return ""
    for number, peer in enumerate(rule.peers):
        if peer.match(ask.other, ask.own) is True:
            several = f"item {number} of {len(rule.peers)}, any of which is enough: "
            text = f"{peer.text}{_caveat(peer, ask.other)}"
            return f" ({several if len(rule.peers) > 1 else ''}{text})"
    return ""


def _caveat(peer: Peer, other: Party) -> str:
    """Of a block of all addresses, where it is not known which plugin reads it."""
    read_so = isinstance(peer, PolicyPeer) and peer.block and peer.blocks_match == "either"
    return "; Cilium's would match no pod or node" if read_so and other.in_cluster else ""
