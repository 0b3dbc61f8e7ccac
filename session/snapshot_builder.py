"""From what the store holds to the snapshot that rules look at. Run on the event loop: it reads
what that changes."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

from collectors.capture.flow_expiry import Flow
from collectors.capture.joined_legs import Legs, joined_in_pieces
from collectors.capture.tracked_flow import RECENT_NS
from collectors.events import PodRow
from collectors.kernel.deltas import over
from collectors.key_priority import KEY_PRIORITY
from collectors.sockets.rows import SocketRow
from collectors.target import SCOPES, pod_key
from diagnosis.idle_requests import IdleConnections
from diagnosis.paths import PathRow
from diagnosis.snapshot import WINDOW_S, Conversation, Snapshot, TargetView
from session import conversations, dns_summary, idle_requests, path_window, paths
from session.blind_spots import blind_spots
from session.capture_quality import corrected, quality
from session.own_connections import OwnConnections, own_connections
from session.path_window import PathWindow
from session.store import Store
from session.target_data import TargetData

AT_ONCE = 100  # conversations: within 1 ms or so
SOCKETS_AT_ONCE = 2_000


def snapshot(store: Store, at: float, budget_ms: float | None = None) -> Snapshot:
    return _snapshot(store, at, budget_ms, tuple(filter(None, _views(store))))


async def gathered(store: Store, at: float, budget_ms: float | None = None) -> Snapshot:
    """The same, a piece at a time, so that the event loop is never held for all of it."""
    views = []
    for piece in _views(store):
        if piece is not None:
            views.append(piece)
        await KEY_PRIORITY.share()
    return _snapshot(store, at, budget_ms, tuple(views))


def _views(store: Store) -> Iterator[TargetView | None]:
    """Of each target, in pieces: None where somebody else may have a turn."""
    pods = _pods(store)
    of = _window(store)
    store.own = own_connections(store)
    for data in _open_targets(store):
        until, own = data.captured_until(store.latest), store.own.seen_from(data.key)
        made = yield from _view(data, pods.get(data.key), own, of, until)
        yield (yield from _of_others(made, own)) if _is_of_a_node(made) else made


def _open_targets(store: Store) -> Iterator[TargetData]:
    """Not those that are closed in the meantime, nor those that went with their pod."""
    for key in list(store.targets):
        data = store.targets.get(key)
        if data is not None and data.phase != "gone" and key != "cluster":
            yield data


def _view(
    data: TargetData, pod: PodRow | None, own: OwnConnections, of: PathWindow, until: int
) -> Generator[None, None, TargetView]:
    """`until` is where the capture's last seconds end."""
    others = own.not_of_console(data.flows.flows)
    flows, is_complete = _flows(data, others, of)
    joined = yield from _joined(flows)
    found = yield from _conversations(flows, joined, until)
    seen = yield from _paths(data, joined, of)
    made = replace(
        view(data, pod, found, seen),
        lookups=dns_summary.summary(data.flows, until),
        idle=_idle(data, others, own, until),
        capture_lag=_lag(data, of),
        paths_complete=is_complete,
    )
    return corrected(made, quality(flows))


def _lag(data: TargetData, of: PathWindow) -> float:
    """Seconds. A pod may be silent for long: of its capture only where that is interrupted."""
    is_running = data.capture is not None and data.capture.phase == "running"
    if not data.flows.latest_ns or (data.key.startswith("pod/") and is_running):
        return 0.0
    return max(0.0, (of.now - data.flows.latest_ns) / 1e9)


def _joined(flows: Sequence[Flow]) -> Generator[None, None, list[Legs]]:
    """The legs of each connection together."""
    found = []
    for legs in joined_in_pieces(flows):
        if legs is None:
            yield None
        else:
            found.append(legs)
    return found


def _conversations(
    flows: Sequence[Flow], joined: Sequence[Legs], until: int
) -> Generator[None, None, tuple[Conversation, ...]]:
    found = []
    for conversation in conversations.recent(flows, joined, until).conversations():
        found.append(conversation)
        if len(found) % AT_ONCE == 0:
            yield None
    return tuple(found)


def _paths(
    data: TargetData, joined: Sequence[Legs], of: PathWindow
) -> Generator[None, None, tuple[PathRow, ...]]:
    seen = []
    for row in paths.rows(joined, of, data.connections):
        if row is None:
            yield None
        else:
            seen.append(row)
    return tuple(seen)


def _flows(data: TargetData, others: Sequence[Flow], of: PathWindow) -> tuple[list[Flow], bool]:
    """Those of the last 15 s and of the window, and whether they are all of them, as a comparison
    with another place needs: a table that was full has lost some, and a capture may have begun
    later than others, or be late. `others` are not of this console."""
    since = min(of.since, data.flows.latest_ns - RECENT_NS)
    recent = [flow for flow in others if flow.last_ns >= since]
    is_complete = data.flows.evicted_ns < since and of.is_covered(
        data.flows.first_ns, data.flows.latest_ns
    )
    return recent, is_complete


def _idle(
    data: TargetData, others: Sequence[Flow], own: OwnConnections, until: int
) -> tuple[IdleConnections, ...]:
    """Of more than the last 15 s: what fails after long pauses fails seldom."""
    rows = idle_requests.idle_connections(others, until)
    links = () if data.key.startswith("pod/") else data.links
    return tuple(row for row in rows if not own.includes(row.client, row.server, row.port, links))


def _is_of_a_node(of: TargetView) -> bool:
    """Whether the control plane's connections may be among a target's."""
    return of.kind != "pod" or (of.pod is not None and of.pod.host_network)


def _of_others(of: TargetView, own: OwnConnections) -> Generator[None, None, TargetView]:
    """Without the connections of podwire and of the node's control plane."""
    sockets = yield from _sockets_of_others(of, own)
    return replace(
        of,
        sockets=sockets,
        conversations=tuple(row for row in of.conversations if not own.conversation(row, of.links)),
        paths=tuple(row for row in of.paths if not own.path(row, of.links)),
    )


def _sockets_of_others(
    of: TargetView, own: OwnConnections
) -> Generator[None, None, tuple[SocketRow, ...]]:
    sockets: list[SocketRow] = []
    for start in range(0, len(of.sockets), SOCKETS_AT_ONCE):
        some = of.sockets[start : start + SOCKETS_AT_ONCE]
        sockets += [row for row in some if not own.socket(row, of.links)]
        yield None
    return tuple(sockets)


def _window(store: Store) -> PathWindow:
    """Of all captures that go on. What can be compared is said by the nodes': one of a pod to which
    nobody sends anything would end it before now."""
    targets = [data for data in store.targets.values() if data.flows.latest_ns]
    now = max((data.flows.latest_ns for data in targets), default=0)
    going_on = [data for data in targets if now - data.flows.latest_ns < RECENT_NS]
    tables = [data.flows for data in going_on if not data.key.startswith("pod/")]
    tables = tables or [data.flows for data in going_on]
    began = max((table.first_ns for table in tables), default=0)
    return path_window.window(now, began, min((table.latest_ns for table in tables), default=0))


def _pods(store: Store) -> dict[str, PodRow]:
    """The pods that are open here, by the keys of their targets."""
    wanted = {key for key in store.targets if key.startswith("pod/")}
    pods = {pod_key(pod.namespace, pod.name): pod for pod in store.pods()} if wanted else {}
    return {key: pods[key] for key in wanted & pods.keys()}


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
        scaled=rows("scaledtozero"),
        foreign_policies=(*rows("foreignpolicies"), *rows("cuttingpolicies")),
        flips=tuple(store.readiness.flips(at)),
        blind=blind_spots(store),
        budget_ms=budget_ms,
    )


def view(
    data: TargetData,
    pod: PodRow | None,
    found: tuple[Conversation, ...],
    seen: tuple[PathRow, ...] = (),
) -> TargetView:
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
        values=data.values,
        deltas=change.moving(),
        seconds=change.seconds,
        sockets=data.sockets,
        stalled=tuple(data.accept_queues.stalled()),
        ports_used=data.ports.most(data.sockets, data.sample),
        network=data.network,
        conntrack=data.conntrack,
        rules=data.rules,
        filters=tuple(data.filters.rising(data.sample_at)),
        conversations=found,
        paths=seen,
        capture_loss=data.capture_loss.percent,
        wire=data.wire.rows(),
    )
