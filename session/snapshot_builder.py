"""From what the store holds to the snapshot that rules look at. Run on the event loop: it reads
what that changes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from collectors.events import CounterSample, PodRow
from collectors.kernel.deltas import over
from collectors.sockets.rows import SocketRow
from collectors.target import SCOPES
from diagnosis.snapshot import WINDOW_S, Conversation, Snapshot, TargetView
from session import conversations, dns_summary
from session.blind_spots import blind_spots
from session.store import Store
from session.target_data import TargetData

AT_ONCE = 100  # conversations: within 1 ms or so
PORTS_SHOWN = 5  # destinations


def snapshot(store: Store, at: float, budget_ms: float | None = None) -> Snapshot:
    views = tuple(piece for piece in _views(store) if piece is not None)
    return _snapshot(store, at, budget_ms, views)


async def gathered(store: Store, at: float, budget_ms: float | None = None) -> Snapshot:
    """The same, a piece at a time, so that the event loop is never held for all of it."""
    views = []
    for piece in _views(store):
        if piece is not None:
            views.append(piece)
        await asyncio.sleep(0)
    return _snapshot(store, at, budget_ms, tuple(views))


def _views(store: Store) -> Iterator[TargetView | None]:
    """Of each target, in pieces: None where somebody else may have a turn."""
    pods = _pods(store)
    for key in [key for key in store.targets if key != "cluster"]:
        data = store.targets.get(key)
        if data is None:  # closed in the meantime
            continue
        found = []
        for conversation in conversations.recent(data.flows.flows).conversations():
            found.append(conversation)
            if len(found) % AT_ONCE == 0:
                yield None
        yield view(data, pods.get(key), tuple(found))


def _pods(store: Store) -> dict[str, PodRow]:
    """The pods that are open here, by the keys of their targets."""
    wanted = {key for key in store.targets if key.startswith("pod/")}
    rows = (row for row in store.rows("pods") if isinstance(row, PodRow)) if wanted else ()
    return {key: row for row in rows if (key := f"pod/{row.namespace}/{row.name}") in wanted}


def _snapshot(
    store: Store, at: float, budget_ms: float | None, targets: tuple[TargetView, ...]
) -> Snapshot:
    def rows(kind: str) -> tuple[Any, ...]:
        return tuple(store.rows(kind))

    return Snapshot(
        at=at,
        targets=targets,
        pods=rows("pods"),
        nodes=rows("nodes"),
        namespaces=rows("namespaces"),
        services=rows("services"),
        slices=rows("endpointslices"),
        policies=rows("networkpolicies"),
        settings=rows("networking"),
        probes=rows("events"),
        ingresses=rows("ingresses"),
        foreign_policies=rows("foreignpolicies"),
        blind=blind_spots(store),
        budget_ms=budget_ms,
    )


def view(data: TargetData, pod: PodRow | None, found: tuple[Conversation, ...]) -> TargetView:
    kind, _, name = data.key.partition("/")
    own_node = name if kind == "node" else ""
    change = over(data.samples, WINDOW_S)
    return TargetView(
        key=data.key,
        kind=kind,
        node=pod.node if pod else own_node,
        at=data.sample_at,
        scope=SCOPES.get(kind, "recorded"),  # type: ignore[call-overload]
        pod=pod,
        values=data.sample.values if data.sample else {},
        deltas=change.moving(),
        seconds=change.seconds,
        sockets=data.sockets,
        ports_used=ports_used(data.sockets, data.sample),
        network=data.network,
        conntrack=data.conntrack,
        rules=data.rules,
        conversations=found,
        lookups=dns_summary.summary(data.flows),
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
        if row.protocol != "tcp" or not row.peer_port or row.local_port in listening:
            continue
        if row.alike > 1 or low <= row.local_port <= high:
            used[f"{row.peer}:{row.peer_port}"] += row.alike
    return tuple(used.most_common(PORTS_SHOWN))
