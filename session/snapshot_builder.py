"""From what the store holds to the snapshot that rules look at. Run on the event loop: it reads what that changes."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_address
from statistics import median
from typing import Any

from collectors.capture.direction import IN, OUT
from collectors.capture.dns import code_name
from collectors.capture.flows import Flow
from collectors.capture.tcp import TcpFlow
from collectors.events import CounterSample, PodRow
from collectors.kernel.deltas import over
from collectors.sockets.rows import SocketRow
from collectors.target import SCOPES
from diagnosis.snapshot import WINDOW_S, Conversation, DnsSummary, Snapshot, TargetView
from session.store import Store
from session.target_data import TargetData

RECENT_NS = 15 * 1_000_000_000
UNANSWERED_NS = 1_500_000_000  # a SYN that was resent, or that waits for longer than any path takes
SLOW_NS = 1_000_000_000
SLOW_TIMES, SLOW_LEAST_NS = (
    100,
    100_000_000,
)  # an answer a hundred times later than the path needs, and felt
FULL_SIZE = 1_000  # bytes: segments of bulk data
MOST_FLOWS = 1_500  # the newest
AT_ONCE = 100  # conversations: within 1 ms or so
LATEST_NS, FEW = 6_000_000_000, 4  # the median is of the latest answers, where there are so many
STUCK = 2  # timeouts of one flow in which nothing was acknowledged

Key = tuple[str, bytes, bytes, int]


def snapshot(store: Store, at: float, budget_ms: float | None = None) -> Snapshot:
    return _of(store, at, budget_ms, tuple(piece for piece in _views(store) if piece is not None))


async def gathered(store: Store, at: float, budget_ms: float | None = None) -> Snapshot:
    """The same, a piece at a time, so that the event loop is never held for all of it."""
    views = []
    for piece in _views(store):
        if piece is not None:
            views.append(piece)
        await asyncio.sleep(0)
    return _of(store, at, budget_ms, tuple(views))


def _views(store: Store) -> Iterator[TargetView | None]:
    """Of each target, in pieces: None where somebody else may have a turn."""
    pods = _pods(store)
    for key in [key for key in store.targets if key != "cluster"]:
        if (data := store.targets.get(key)) is None:  # closed in the meantime
            continue
        talks, (groups, now) = [], _grouped(data.flows.flows)
        for number, (ends, flows) in enumerate(groups.items(), 1):
            talks.append(_conversation(ends, flows, now))
            if number % AT_ONCE == 0:
                yield None
        yield view(data, pods.get(key), tuple(talks))


def _pods(store: Store) -> dict[str, PodRow]:
    """The pods that are open here, by the keys of their targets."""
    wanted = {key for key in store.targets if key.startswith("pod/")}
    rows = (row for row in store.rows("pods") if isinstance(row, PodRow)) if wanted else ()
    return {key: row for row in rows if (key := f"pod/{row.namespace}/{row.name}") in wanted}


def _of(
    store: Store, at: float, budget_ms: float | None, targets: tuple[TargetView, ...]
) -> Snapshot:
    def rows(kind: str) -> tuple[Any, ...]:
        return tuple(store.rows(kind))

    return Snapshot(
        at,
        targets,
        rows("pods"),
        rows("nodes"),
        rows("namespaces"),
        rows("services"),
        rows("endpointslices"),
        rows("networkpolicies"),
        rows("networking"),
        rows("events"),
        rows("ingresses"),
        budget_ms,
    )


def view(data: TargetData, pod: PodRow | None, talks: tuple[Conversation, ...]) -> TargetView:
    kind, _, name = data.key.partition("/")
    sample = data.sample
    change = over(data.samples, WINDOW_S)
    node = pod.node if pod else name if kind == "node" else ""
    return TargetView(
        data.key,
        kind,
        node,
        data.sample_at,
        SCOPES.get(kind, "recorded"),  # type: ignore[call-overload]
        pod,
        sample.values if sample else {},
        change.moving(),
        change.seconds,
        data.sockets,
        ports_used(data.sockets, sample),
        data.network,
        data.conntrack,
        data.rules,
        talks,
        lookups(data),
    )


def ports_used(
    sockets: Sequence[SocketRow], sample: CounterSample | None
) -> tuple[tuple[str, int], ...]:
    """Local ports of ip_local_port_range in use towards the destinations that have most of them."""
    values = sample.values if sample else {}
    low, high = values.get("port_range_low", 0), values.get("port_range_high", 65_535)
    listening = {row.local_port for row in sockets if row.state == "LISTEN"}
    used = Counter[str]()
    for row in sockets:
        if (
            row.protocol != "tcp"
            or not row.peer_port
            or row.state == "LISTEN"
            or row.local_port in listening
        ):
            continue
        if row.alike > 1 or low <= row.local_port <= high:
            used[f"{row.peer}:{row.peer_port}"] += row.alike
    return tuple(used.most_common(5))


# --- flows


@lru_cache(100_000)
def address(packed: bytes) -> str:
    return str(ip_address(packed))


def _grouped(flows: Sequence[Flow]) -> tuple[dict[Key, list[Flow]], int]:
    """The flows of the last quarter of a minute of the capture, by the ends of a conversation; and the time of the last
    packet."""
    now = max((flow.last_ns for flow in flows), default=0)
    groups: dict[Key, list[Flow]] = defaultdict(list)
    for flow in flows[-MOST_FLOWS:]:
        if now - flow.last_ns <= RECENT_NS:
            groups[
                flow.protocol, flow.client.address, flow.server.address, flow.server.port
            ].append(flow)
    return groups, now


def _conversation(key: Key, flows: list[Flow], now: int) -> Conversation:
    protocol, client, server, port = key
    totals: Counter[str] = Counter(flows=len(flows))
    slowest, rtts, note, by, opened = 0, [], "", "", 0
    for flow in flows:
        note, by = flow.icmp_note or note, flow.icmp_from or by
        if not isinstance(flow, TcpFlow):
            silent = flow.state == "unanswered"
            totals["unanswered"] += silent and flow.client.packets > 1
            _add_seen_on(totals, flow, silent and now - flow.first_ns > UNANSWERED_NS)
            totals["answered"] += flow.state == "answered"
            continue
        _add(totals, flow, now)
        if flow.synack_at:
            opened = max(opened, flow.first_ns)
        rtt = _rtt(flow)
        if rtt is not None:
            rtts.append(rtt)
        if flow.waits.count:
            slowest = max(slowest, flow.waits.largest)
            needed = min(SLOW_NS, max(SLOW_LEAST_NS, SLOW_TIMES * (rtt or 0)))
            totals["slow"] += flow.waits.largest >= needed
    return Conversation(
        protocol,
        address(client),
        address(server),
        port,
        unreachable=note,
        rejected_by=by,
        slowest_ms=slowest / 1e6,
        rtt_ms=median(rtts) / 1e6 if rtts else None,
        opened=opened / 1e9,
        **totals,
    )


def _rtt(flow: TcpFlow) -> int | None:
    """The smallest round trip that was seen of either half, or the handshake's."""
    seen = [half.rtt.smallest for half in (flow.client, flow.server) if half.rtt.count]
    if flow.syn_at and flow.acked_at:
        seen.append(flow.acked_at - flow.syn_at)
    return max(seen) if seen else None


def _add(totals: Counter[str], flow: TcpFlow, now: int) -> None:
    client, server = flow.client, flow.server
    state = flow.state
    totals["answered"] += bool(flow.synack_at or server.payload)
    waiting = client.syn_retransmitted > 0 or now - flow.first_ns > UNANSWERED_NS
    silent = state == "unanswered" and waiting
    totals["unanswered"] += silent
    _add_seen_on(totals, flow, silent)
    half_open = (
        bool(flow.synack_at) and not flow.acked_at and (waiting or server.syn_retransmitted > 0)
    )
    totals["answers_stopped"] += half_open and server.seen_on == IN
    totals["answers_passed"] += half_open and bool(server.seen_on & OUT)
    rejected = state == "unreachable" and bool(flow.icmp_note)
    totals["rejected"] += rejected
    totals["refused"] += state == "refused" or rejected
    if flow.reset_by is not None and flow.synack_at and state.startswith("reset"):
        totals["client_resets" if flow.reset_by.client else "server_resets"] += bool(client.payload)
    totals["segments"] += client.segments + server.segments
    totals["retransmitted"] += client.fast + client.timeouts + server.fast + server.timeouts
    totals["client_zero_windows"] += client.zero_windows
    totals["server_zero_windows"] += server.zero_windows
    totals["stuck"] += _stuck(flow)


def _add_seen_on(totals: Counter[str], flow: Flow, silent: bool) -> None:
    totals["stopped"] += silent and flow.client.seen_on == IN
    totals["passed"] += silent and bool(flow.client.seen_on & OUT)


def _stuck(flow: TcpFlow) -> bool:
    """Whether a full-size segment is resent again and again, after timeouts, and nothing of that size got through."""
    if flow.reset_by is not None or flow.client.zero_windows or flow.server.zero_windows:
        return False
    if max(flow.client.timeouts, flow.server.timeouts) < STUCK:
        return False
    big = 0
    for moment in flow.events:
        if (
            moment.kind in ("retransmission", "spurious retransmission")
            and moment.size >= FULL_SIZE * moment.count
        ):
            big += moment.count
        elif moment.kind == "data" and big and moment.size >= FULL_SIZE * moment.count:
            big = 0
    return big >= STUCK


# --- DNS


def lookups(data: TargetData) -> DnsSummary | None:
    table = data.flows.lookups
    if not table.totals.asked:
        return None
    now = max((flow.last_ns for flow in data.flows.flows), default=0)
    done = [t for t in table.done if now - (t.answered_at or t.at) <= RECENT_NS]
    late = [t for t in table.pending if now - t.at > 2 * SLOW_NS]
    answered = [t for t in done if t.rcode is not None]
    codes = Counter(code_name(t.rcode) for t in answered if t.rcode is not None)
    waits = [t.latency / 1e6 for t in answered if t.latency is not None]
    latest = [
        t.latency / 1e6
        for t in answered
        if t.latency is not None and now - t.answered_at <= LATEST_NS
    ]
    of = latest if len(latest) >= FEW else waits
    missing: dict[str, set[str]] = defaultdict(set)
    for found in answered:
        if found.rcode == 3:
            missing[address(found.client)].add(found.name)
    resolved = {(address(t.client), t.name) for t in answered if t.rcode == 0 and t.answers}
    names = Counter(t.name for t in answered if t.rcode == 3)
    begin = min((t.at for t in done), default=now)
    return DnsSummary(
        seconds=(now - begin) / 1e9,
        asked=len(done) + len(late),
        answered=len(answered),
        unanswered=len(done) - len(answered) + len(late),
        retried=sum(t.retries for t in done),
        truncated=sum(t.truncated for t in answered),
        codes=codes,
        searched=sum(len(t.tried) >= 2 for t in answered),
        median_ms=median(of) if of else None,
        late=sum(4_500 <= wait <= 5_500 for wait in waits),
        names=tuple(name for name, _ in names.most_common(3)),
        missing={
            c: tuple(n for n in sorted(found)[:20] if not _got(resolved, c, n))
            for c, found in missing.items()
        },
        servers=tuple(dict.fromkeys(address(t.server) for t in (*done, *late))),
    )


def _got(resolved: set[tuple[str, str]], client: str, name: str) -> bool:
    """Whether the look-up that a name with a search domain belongs to had an answer in the end."""
    return any(
        c == client and (name.startswith(f"{n}.") or n.startswith(name.split(".")[0] + "."))
        for c, n in resolved
    )
