"""Where a share of packets is lost: on a node, between two vantage points, or behind the last one.

What came into a node and did not leave it was dropped there; what left one vantage point and did
not come to the next was lost between. What the last one saw leave, and leave again because nobody
acknowledged it, was lost behind it, or its answer was. A loss that the captures show and the
connections do not feel (nothing is retransmitted, nothing fails) is the captures' own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from collectors.frozen import frozen
from diagnosis.comparable_captures import why_not_comparable
from diagnosis.endpoint_faults import EndpointFault, endpoint_faults
from diagnosis.loss_shares import (
    FULL_SIZE_TEXT,
    LEAST_LOST,
    KindShare,
    LossShare,
    kind_shares,
)
from diagnosis.path_groups import PathGroup, all_path_groups, path_views
from diagnosis.paths import End, PathDirection, PathRow, Segments, added
from diagnosis.snapshot import Snapshot, TargetView

Place = Literal["node", "between", "pod", "beyond"]
FELT = 0.5  # of what is lost, as retransmissions and failures
SPARED = 20  # packets of a kind that shows no loss, to say that it has none
TOGETHER_NS = 2_000_000_000  # that connections fail and are answered beside each other
BEYOND_PERCENT = 2.0  # a share of retransmissions that is certainly more


@frozen
class PathLoss:
    """`kinds` are lost, `spared` are not. `endpoints` are those that it is about, () for all of
    them; `other` is the second vantage point of a loss between two, in the packets' order."""

    place: Place
    view: TargetView
    group: PathGroup
    to_server: bool
    kinds: tuple[KindShare, ...]
    spared: tuple[str, ...]
    row: PathRow
    endpoints: tuple[str, ...] = ()
    other: str = ""

    @property
    def share(self) -> LossShare:
        total = LossShare(0, 0)
        for kind in self.kinds:
            total += kind.share
        return total

    @property
    def only_large(self) -> bool:
        """Whether it concerns segments of full size, and no others."""
        return bool(self.spared) and all(kind.name == FULL_SIZE_TEXT for kind in self.kinds)

    @property
    def resets(self) -> int:
        """RSTs that leave the node for the client and that no server sent."""
        return max(0, self.row.to_client.resets_made) if self.place == "node" else 0


def loss_ends(loss: PathLoss) -> set[End]:
    """What is asked, and the endpoints that it is about."""
    rows = (row for row in loss.group.rows if row.endpoint)
    of = (row for row in rows if row.endpoint in (loss.endpoints or (row.endpoint,)))
    return {loss.group.end, *(row.endpoint_end for row in of)}


def path_losses(snapshot: Snapshot) -> list[PathLoss]:
    found = []
    for group in all_path_groups(snapshot):
        found += _of_group(snapshot, group.view, group)
    return found


def _of_group(snapshot: Snapshot, view: TargetView, group: PathGroup) -> list[PathLoss]:
    faults = endpoint_faults(group)
    rows = _without(faults, group.rows)
    found = [
        *_on_the_node(view, group, rows, opening=not faults),
        *_between(snapshot, view, group, rows),
    ]
    if not found and not faults:
        found = list(_behind(snapshot, view, group, rows))
    return found


def _without(faults: list[EndpointFault], rows: Iterable[PathRow]) -> list[PathRow]:
    """Connections to endpoints that do not fail."""
    faulty = {endpoint for fault in faults for endpoint in fault.endpoints}
    others = [row for row in rows if row.endpoint not in faulty]
    if not faults:
        return others
    # SYNs to an endpoint that fails are retransmitted, to another one
    return [row for row in others if row.endpoint]


def _direction(row: PathRow, to_server: bool) -> PathDirection:
    return row.to_server if to_server else row.to_client


# --- on the node


def _on_the_node(
    view: TargetView, group: PathGroup, rows: list[PathRow], *, opening: bool
) -> Iterator[PathLoss]:
    for to_server in (True, False):
        ends = _lossy_endpoints(rows, to_server)
        row = added(one for one in rows if not ends or one.endpoint in ends)
        row = _with_strays(row, _strays(view, group))
        both = _direction(row, to_server)
        seen = both.entered, both.left
        loss = _loss("node", group, row, seen, view=view, to_server=to_server, endpoints=ends)
        if loss is not None and (opening or loss.kinds[0].name not in ("SYNs", "SYN-ACKs")):
            yield loss


def _strays(view: TargetView, group: PathGroup) -> PathRow:
    """Connections of the same clients to endpoints of this group that begin in their middle: a
    node that forgot them translates them again, and they are none that it lost."""
    clients = {row.client for row in group.rows}
    ends = {row.endpoint_end for row in group.rows if row.endpoint} - {group.end}
    return added(
        row
        for row in view.paths
        if row.client in clients and row.asked_end in ends and not _is_opened(row)
    )


def _is_opened(row: PathRow) -> bool:
    there = row.to_server
    return bool(row.completed or there.entered.total or there.left.syn)


def _with_strays(row: PathRow, strays: PathRow) -> PathRow:
    """As far as their other legs are among the connections of the row: those of connections that
    were open before the capture are in no row."""
    there, back = row.to_server, row.to_client
    left = there.left.filled(strays.to_server.left, there.entered)
    entered = back.entered.filled(strays.to_client.entered, back.left)
    return replace(
        row, to_server=replace(there, left=left), to_client=replace(back, entered=entered)
    )


def _lossy_endpoints(rows: Iterable[PathRow], to_server: bool) -> tuple[str, ...]:
    """The endpoints that data is lost with, where there are others that it is certainly not lost
    with as much; () where that is not so."""
    known = [row for row in rows if row.endpoint]
    shares = {end: _data_share(known, end, to_server) for end in {row.endpoint for row in known}}
    lossy = {end: share for end, share in shares.items() if share.is_loss}
    others = [s for end, s in shares.items() if end not in lossy and s.total >= SPARED]
    if not lossy or not others:
        return ()
    least = min(share.low for share in lossy.values())
    return tuple(sorted(lossy)) if all(share.high < least for share in others) else ()


def _data_share(rows: Iterable[PathRow], endpoint: str, to_server: bool) -> LossShare:
    """Answers' SYN-ACKs are of the endpoint that sent them, SYNs of any that was tried."""
    seen = _direction(added(row for row in rows if row.endpoint == endpoint), to_server)
    kinds = list(kind_shares(seen.entered, seen.left, to_server=to_server))
    total = LossShare(0, 0)
    for kind in kinds[1:] if to_server else kinds:
        total += kind.share
    return total


def _loss(
    place: Place,
    group: PathGroup,
    row: PathRow,
    seen: tuple[Segments, Segments],
    *,
    view: TargetView,
    to_server: bool,
    endpoints: tuple[str, ...] = (),
    other: str = "",
) -> PathLoss | None:
    """`seen` before the place and behind it. None where nothing is lost, or nobody feels it."""
    kinds = list(kind_shares(*seen, to_server=to_server))
    lost = tuple(kind for kind in kinds if kind.share.is_loss and _is_seen(view, kind.share))
    if not lost or sum(kind.share.lost for kind in lost) * FELT > _felt(row):
        return None
    return PathLoss(
        place=place,
        view=view,
        group=group,
        to_server=to_server,
        kinds=lost,
        spared=tuple(k.name for k in kinds if k.share.total >= SPARED and not k.share.lost),
        row=row,
        endpoints=endpoints,
        other=other,
    )


def _is_seen(view: TargetView, share: LossShare) -> bool:
    """Whether it is more than what the capture itself lost."""
    return share.low > 2 * view.capture_loss


def _felt(row: PathRow) -> int:
    there, back = row.to_server, row.to_client
    retransmitted = there.retransmitted.total + back.retransmitted.total
    return retransmitted + row.failed + _broken_off(row)


def _broken_off(row: PathRow) -> int:
    """Connections that ended before their answer was whole, and RSTs."""
    resets = row.to_client.left.rst + row.to_server.entered.rst
    return row.reset_by_client + row.reset_by_server + resets


# --- between two vantage points


def _between(
    snapshot: Snapshot, view: TargetView, group: PathGroup, rows: list[PathRow]
) -> Iterator[PathLoss]:
    """On the path to an endpoint's node or pod."""
    if not view.paths_complete or why_not_comparable(view):
        return
    for end in _endpoints(rows):
        own = [row for row in rows if row.endpoint == end]
        ours = _translated_alike(view, own, end)
        if group.end != _most_asked(ours):
            continue
        for next_view in _next(snapshot, view, end):
            if why_not_comparable(next_view):
                continue
            theirs = added(_as_seen_at(next_view, ours, end))
            yield from _compared(view, next_view, group, added(ours), theirs)


def _endpoints(rows: Iterable[PathRow]) -> list[str]:
    return sorted({row.endpoint for row in rows if row.endpoint})


def _translated_alike(view: TargetView, rows: list[PathRow], endpoint: str) -> list[PathRow]:
    """All connections that go on with the ends of these, whichever address was asked for: the next
    vantage point cannot distinguish those to a Service from those to the pod."""
    sent = {(row.sent_as, row.endpoint_port) for row in rows}
    of_endpoint = (row for row in view.paths if row.endpoint == endpoint)
    return [row for row in of_endpoint if (row.sent_as, row.endpoint_port) in sent]


def _most_asked(rows: list[PathRow]) -> End:
    """What most of the connections asked for: theirs is what is compared, once."""
    asked = Counter[End]()
    for row in rows:
        asked[row.asked, row.asked_port] += row.connections
    return max(asked, key=lambda end: (asked[end], end))


def _as_seen_at(far: TargetView, rows: list[PathRow], endpoint: str) -> Iterator[PathRow]:
    """What the next vantage point saw of these connections to the endpoint."""
    sent = {(row.sent_as, row.endpoint_port) for row in rows}
    for row in far.paths:
        if row.asked == endpoint and (row.client, row.asked_port) in sent:
            yield row


def _next(snapshot: Snapshot, view: TargetView, endpoint: str) -> list[TargetView]:
    """The next vantage point on the path to a pod: its node, or the pod on that node itself."""
    pod = snapshot.by_address.get(endpoint)
    if pod is None:
        return []
    if pod.node == view.node:
        return [v for v in snapshot.targets if v.pod == pod and v.paths and v.paths_complete]
    return [v for v in path_views(snapshot) if v.node == pod.node and v.paths_complete]


def _compared(
    near: TargetView, far: TargetView, group: PathGroup, nearer: PathRow, farther: PathRow
) -> Iterator[PathLoss]:
    there, back = nearer.to_server, farther.to_client
    request = there.complete_left, farther.to_server.complete_entered
    answer = back.complete_left, nearer.to_client.complete_entered
    found = (
        _loss("between", group, nearer, request, view=near, to_server=True, other=far.name),
        _loss("between", group, nearer, answer, view=far, to_server=False, other=near.name),
    )
    return (loss for loss in found if loss is not None)


# --- behind the last vantage point


def _behind(
    snapshot: Snapshot, view: TargetView, group: PathGroup, rows: list[PathRow]
) -> Iterator[PathLoss]:
    """By what was retransmitted though it left: only where the server's pod is on this node, or its
    node is not watched."""
    for end in _endpoints(rows):
        pod = snapshot.by_address.get(end)
        is_here = pod is not None and pod.node == view.node
        if not is_here and _next(snapshot, view, end):
            continue
        row = added(one for one in rows if one.endpoint == end)
        if not _waits_for_reader(view, {group.end, row.endpoint_end}):
            yield from _behind_one(view, group, row, end, is_here)


def _waits_for_reader(view: TargetView, ends: set[End]) -> bool:
    """Whether what is retransmitted there may be what nobody reads: probes of a closed window."""
    own = (talk for talk in view.conversations if talk.end in ends)
    return any(talk.server_zero_windows >= LEAST_LOST for talk in own)


def _behind_one(
    view: TargetView, group: PathGroup, row: PathRow, end: str, is_here: bool
) -> Iterator[PathLoss]:
    """Answers with holes as they come in; requests that are not acknowledged."""
    back = tuple(k for k in _missing(row.to_client) if _is_seen(view, k.share))
    there = tuple(k for k in _unacknowledged(row) if _is_seen(view, k.share))
    spared = not back and _only_syns(row)
    if back or there:
        yield PathLoss(
            place="pod" if is_here else "beyond",
            view=view,
            group=group,
            to_server=not back,
            kinds=back or there,
            spared=("data segments",) if spared else (),
            row=row,
            endpoints=(end,),
        )


def _only_syns(row: PathRow) -> bool:
    """Whether connections are made and used, and none of their data is lost, in the same seconds
    in which others get no answer to their SYN: not where nothing passes, for a time."""
    sent, together = row.to_server, row.failing.overlap_ns(row.answering)
    return sent.left.data >= SPARED and not sent.retransmitted.data and together >= TOGETHER_NS


def _missing(seen: PathDirection) -> Iterator[KindShare]:
    """Holes that retransmissions fill: where none does, the capture has them."""
    again, data = seen.retransmitted, seen.entered.data
    filled = again.timeout + again.fast + again.spurious
    share = LossShare(min(again.gaps, data), data)
    if share.is_loss and 2 * filled >= again.gaps:
        yield KindShare("data segments", share)


def _unacknowledged(row: PathRow) -> Iterator[KindShare]:
    """Retransmissions less those of what was lost on the node itself; SYNs of several
    connections."""
    seen = row.to_server
    again, entered, left = seen.retransmitted, seen.entered, seen.left
    data = _again(again.timeout + again.fast, entered.data, left.data)
    of_many = again.syn if row.retried >= LEAST_LOST else 0
    opening = _again(of_many, entered.syn, left.syn)
    kinds = (KindShare("SYNs", opening), KindShare("data segments", data))
    return (kind for kind in kinds if _is_above_chance(kind.share))


def _is_above_chance(share: LossShare) -> bool:
    return share.is_loss and share.low > BEYOND_PERCENT


def _again(again: int, entered: int, left: int) -> LossShare:
    return LossShare(min(left, max(0, again - max(0, entered - left))), left)
