"""The legs of one connection in a node's capture: a connection whose addresses are translated on
the path is several flows, which have the client's initial sequence number in common.

The four addresses never say it: with masquerading and bridge-nf-call-iptables both ends of a leg
differ from those of the one before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from collectors.capture.dns_ports import is_dns_port
from collectors.capture.flow_expiry import Flow
from collectors.capture.hop_counts import HopCounts
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpFlow

Legs = tuple[Flow, ...]
AT_ONCE_NS = 20_000_000


def joined(flows: Iterable[Flow]) -> Iterator[Legs]:
    """Flows of a connection together, in the order in which they began."""
    alike: dict[object, list[Flow]] = defaultdict(list)
    for flow in flows:
        alike[_invariant(flow)].append(flow)
    for group in alike.values():
        if len(group) == 1:
            yield (group[0],)
        else:
            yield from _connected(group)


def _invariant(flow: Flow) -> object:
    """What a translation leaves as it is; the flow itself where there is nothing."""
    if isinstance(flow, TcpFlow):
        start = flow.client.start
        return flow.number if start < 0 else ("TCP", start)
    if flow.hops is None or not flow.hops.digest:
        return flow.number
    return "UDP", flow.hops.digest


def _connected(group: Sequence[Flow]) -> Iterator[Legs]:
    """Those that are one connection: a scanner has one sequence number for all."""
    rest = list(group)
    while rest:
        legs = [rest.pop(0)]
        for flow in list(rest):
            if any(_same(leg, flow) for leg in legs):
                legs.append(flow)
                rest.remove(flow)
        yield tuple(legs)


def _same(one: Flow, other: Flow) -> bool:
    if isinstance(one, TcpFlow) and isinstance(other, TcpFlow):
        return _same_connection(one, other)
    if isinstance(one, UdpFlow) and isinstance(other, UdpFlow):
        is_dns = is_dns_port(one.server.port) or is_dns_port(other.server.port)
        return (is_dns and _at_once(one, other)) or _same_client(one, other)
    return False


def _same_connection(one: TcpFlow, other: TcpFlow) -> bool:
    """By the IP identification of a SYN, which a scanner's probes do not share; of connections that
    were open before the capture, by the server's sequence number as well."""
    if one.syn_at and other.syn_at:
        return bool(_ids(one.hops) & _ids(other.hops))
    if one.syn_at or other.syn_at:
        return False
    return one.server.start >= 0 and one.server.start == other.server.start


def _ids(hops: HopCounts | None) -> set[int]:
    return set(hops.ids) if hops is not None else set()


def _same_client(one: Flow, other: Flow) -> bool:
    mine, yours = one.client, other.client
    return (mine.address, mine.port) == (yours.address, yours.port)


def _at_once(one: Flow, other: Flow) -> bool:
    """A packet is on all of its interfaces within microseconds; the same question with the same
    16-bit number is asked by somebody else sooner or later."""
    return abs(one.first_ns - other.first_ns) <= AT_ONCE_NS
