"""The legs of one connection in a node's capture: a connection whose addresses are translated on
the path is several flows, which have the client's initial sequence number in common.

The four addresses never say it: with masquerading and bridge-nf-call-iptables both ends of a leg
differ from those of the one before.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from collectors.capture.dns_ports import is_dns_port
from collectors.capture.flow_expiry import Flow
from collectors.capture.tcp import TcpFlow

Legs = tuple[Flow, ...]
AT_ONCE_NS = 20_000_000
PIECE = 500  # flows: within 2 ms or so
MOST_AT_ONCE = 64  # questions within that time that are compared


def joined(flows: Iterable[Flow]) -> Iterator[Legs]:
    """Flows of a connection together, in the order in which they began."""
    return filter(None, joined_in_pieces(flows))


def joined_in_pieces(flows: Iterable[Flow]) -> Iterator[Legs | None]:
    """The same, with None where somebody else may have a turn: 20,000 flows need 0.1 s."""
    alike: dict[object, list[Flow]] = defaultdict(list)
    for number, flow in enumerate(flows, 1):
        alike[_invariant(flow)].append(flow)
        if number % PIECE == 0:
            yield None
    for number, group in enumerate(alike.values(), 1):
        yield from _connected(group) if len(group) > 1 else ((group[0],),)
        if number % PIECE == 0:
            yield None


def _invariant(flow: Flow) -> object:
    """What a translation leaves as it is; the flow itself where there is nothing."""
    if isinstance(flow, TcpFlow):
        start = flow.client.start
        return flow.number if start < 0 else ("TCP", start)
    if flow.hops is None or not flow.hops.digest:
        return flow.number
    return "UDP", flow.hops.digest


def _connected(group: Sequence[Flow]) -> Iterator[Legs]:
    """Those that are one connection: a scanner has one sequence number for all, and a program may
    ask one question again and again."""
    by_client = _with_common_keys(group, _keys)
    joined_groups = by_client if isinstance(group[0], TcpFlow) else _at_once(by_client)
    return map(tuple, joined_groups)


def _with_common_keys(
    flows: Iterable[Flow], keys_of: Callable[[Flow], Iterable[object]]
) -> list[list[Flow]]:
    found: list[list[Flow]] = []
    by_key: dict[object, list[Flow]] = {}
    for flow in flows:
        keys = list(keys_of(flow))
        legs = next((by_key[key] for key in keys if key in by_key), None) if keys else None
        if legs is None:
            legs = []
            found.append(legs)
        legs.append(flow)
        by_key.update(dict.fromkeys(keys, legs))
    return found


def _keys(flow: Flow) -> Iterable[object]:
    """What only legs of one connection have in common. Of TCP the IP identification of a SYN,
    which a scanner's probes do not share; of connections that were open before the capture the
    server's sequence number. Of UDP the client's end."""
    if not isinstance(flow, TcpFlow):
        return ((flow.client.address, flow.client.port),)
    if flow.syn_at:
        return set(flow.hops.ids) if flow.hops is not None else ()
    return (("server", flow.server.start),) if flow.server.start >= 0 else ()


def _at_once(groups: Iterable[list[Flow]]) -> list[list[Flow]]:
    """Those of a DNS question whose client is translated on the path. A packet is on all of its
    interfaces within microseconds; the same question with the same 16-bit number is asked by
    somebody else sooner or later."""
    found: list[list[Flow]] = []
    recent: deque[list[Flow]] = deque(maxlen=MOST_AT_ONCE)
    for legs in sorted(groups, key=lambda legs: legs[0].first_ns):
        while recent and legs[0].first_ns - recent[0][-1].first_ns > AT_ONCE_NS:
            recent.popleft()
        before = next((one for one in recent if _may_be_one(one, legs)), None)
        if before is not None:
            before += legs
        else:
            found.append(legs)
            recent.append(legs)
    return found


def _may_be_one(before: Sequence[Flow], legs: Sequence[Flow]) -> bool:
    """Whether a translation made these of those: one address with two ports is two sockets."""
    if legs[0].client.address == before[0].client.address:
        return False
    is_dns = any(is_dns_port(flow.server.port) for flow in (*before, *legs))
    if not is_dns or legs[0].first_ns - before[-1].first_ns > AT_ONCE_NS:
        return False
    addresses = {flow.client.address for flow in legs}
    return not any(flow.client.address in addresses for flow in before)
