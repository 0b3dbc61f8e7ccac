"""A share of the connections to an address fails, as a client's pod alone sees it, or a capture
alone: where a Service is behind it some of its endpoints, and not which.

Where loss hits every packet alike, data is retransmitted as well, and it is no matter of endpoints.
Nor is it where all stopped to answer at one time, or began to: both must go on together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from collectors.events import ConntrackGroup
from collectors.frozen import frozen
from diagnosis.by_key import by_key
from diagnosis.endpoint_faults import endpoint_faults
from diagnosis.loss_shares import LossShare
from diagnosis.one_interface import data_loss, is_unplaced
from diagnosis.path_groups import PathGroup, grouped
from diagnosis.paths import PathDirection, PathRow, added
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.snapshot import Snapshot, TargetView

Failure = Literal["SYN", "request", "rejected", "reset", "datagram"]
Share = Failure | Literal["given up"]  # those of requests
DNS_PORT = 53
LEAST_PERCENT = 10.0  # that certainly fail
GIVEN_UP_PERCENT = 3.0  # of requests, that clients give up
MOST_PERCENT = 90.0  # above, it is no matter of some
LEAST_WELL = 10  # connections that do not
LOSSY = 0.02  # of data segments that are retransmitted: loss, not an endpoint
TOGETHER_NS = 2_000_000_000  # that failures and answers go on beside each other
LEAST: dict[Share, float] = {"given up": GIVEN_UP_PERCENT}
RECENT_NS = 4_000_000_000  # of each other's last
MARGIN = 5.0  # percent: choices are not quite even


@frozen
class ServiceFailure:
    """`number` of the endpoints would make such a share, 0 where none does; `endpoints` are those
    that conntrack on the client's node has entries without an answer for."""

    group: PathGroup
    failure: Failure
    share: LossShare
    number: int
    row: PathRow
    endpoints: tuple[str, ...] = ()


@once_per_snapshot
def service_failures(snapshot: Snapshot) -> tuple[ServiceFailure, ...]:
    return tuple(_failures(snapshot))


def _failures(snapshot: Snapshot) -> Iterator[ServiceFailure]:
    """By pods, and by captures alone, which have no objects."""
    for view in snapshot.targets:
        if view.kind == "pod" or not snapshot.services:
            for group in _groups(snapshot, view):
                failure = _failure(snapshot, group)
                if failure is not None:
                    yield _with_endpoints(snapshot, failure)


def _groups(snapshot: Snapshot, view: TargetView) -> Iterator[PathGroup]:
    """By address, port and protocol, of what was asked."""
    rows = (row for row in view.paths if _is_judged(snapshot, view, row))
    for _, own in by_key(rows, lambda row: (row.protocol, *row.asked_end)).items():
        yield grouped(snapshot, view, *own[0].asked_end, own)


def _is_judged(snapshot: Snapshot, view: TargetView, row: PathRow) -> bool:
    """What a pod asks, over UDP of Services alone: nobody else need answer. DNS has rules of its
    own."""
    if not snapshot.services:
        return row.protocol == "TCP"
    is_asked = view.pod is None or row.client in view.pod.addresses
    is_service = row.asked in snapshot.service_by_address
    return row.asked_port != DNS_PORT and (is_service or (row.protocol == "TCP" and is_asked))


def _failure(snapshot: Snapshot, group: PathGroup) -> ServiceFailure | None:
    """The first kind of which a share certainly fails beside others that are answered."""
    row, total = added(group.rows), len(group.ready)
    if row.answered < LEAST_WELL or not _are_mixed(row):
        return None
    shares = _of_several(group, row) if total >= 2 else _of_one_or_unknown(snapshot, group, row)
    for failure, share in shares.items():
        least = LEAST.get(failure, LEAST_PERCENT)
        if share.is_loss and share.low >= least and share.high <= MOST_PERCENT:
            kind = "request" if failure == "given up" else failure
            return ServiceFailure(group, kind, share, _number(share, total), row)
    return None


def _of_one_or_unknown(
    snapshot: Snapshot, group: PathGroup, row: PathRow
) -> dict[Share, LossShare]:
    """Where nothing is known of several endpoints: of one, of an address outside, or where nobody
    may list what serves it."""
    shares: dict[Share, LossShare] = {}
    if group.rows[0].protocol != "TCP" or data_loss(group.view, group.rows).is_loss:
        return shares
    if _is_unlisted(snapshot, group) and not any(
        fault.manner == "silent" for fault in endpoint_faults(group)
    ):  # a client that goes on waiting has a long poll, perhaps
        shares["given up"] = _given_up(row)
    if group.view.kind == "pod" or all(map(is_unplaced, group.rows)):
        shares["SYN"] = LossShare(row.retried, row.connections)
    return shares


def _given_up(row: PathRow) -> LossShare:
    """Nobody ends a connection without an answer who has one."""
    return LossShare(row.abandoned, row.abandoned + row.answered)


def _is_unlisted(snapshot: Snapshot, group: PathGroup) -> bool:
    """Whether several may serve it, which nobody could list."""
    if group.service is not None:
        return snapshot.blind.at("endpointslices", group.service.namespace) is not None
    return not snapshot.services


def _of_several(group: PathGroup, row: PathRow) -> dict[Share, LossShare]:
    """Where some of several endpoints may fail."""
    if _is_lossy(row.to_server):
        return {}
    return _shares(row) if group.rows[0].protocol == "TCP" else _shares_of_datagrams(row)


def _is_lossy(sent: PathDirection) -> bool:
    again = sent.retransmitted
    return again.timeout + again.fast > LOSSY * sent.left.data


def _shares(row: PathRow) -> dict[Share, LossShare]:
    return {
        "reset": LossShare(row.reset_by_server, row.reset_by_server + row.answered),
        "rejected": LossShare(row.rejected + row.refused, row.connections),
        "request": LossShare(row.silent, row.silent + row.answered),
        "given up": _given_up(row),
        "SYN": LossShare(row.retried, row.connections),
    }


def _shares_of_datagrams(row: PathRow) -> dict[Share, LossShare]:
    """Conversations: nobody says that a datagram came, and a client may not retransmit it."""
    return {
        "rejected": LossShare(row.rejected, row.connections),
        "datagram": LossShare(row.unanswered, row.connections),
    }


def _are_mixed(row: PathRow) -> bool:
    """Whether connections fail and are answered in the same seconds, until now."""
    failing, answering = row.failing, row.answering
    is_recent = abs(failing.last_ns - answering.last_ns) <= RECENT_NS
    return is_recent and failing.overlap_ns(answering) >= TOGETHER_NS


def _number(share: LossShare, total: int) -> int:
    """How many of so many endpoints that is; 0 where no number of them makes that share."""
    number = round(share.percent * total / 100)
    percent = 100 * number / total if total else 0.0
    fits = share.low - MARGIN <= percent <= share.high + MARGIN
    return number if fits and 0 < number < total else 0


def _with_endpoints(snapshot: Snapshot, failure: ServiceFailure) -> ServiceFailure:
    ends = _unanswered_ends(snapshot, failure.group)
    if not 0 < len(ends) < len(failure.group.ready):
        return failure
    return replace(failure, number=len(ends), endpoints=ends)


def _unanswered_ends(snapshot: Snapshot, group: PathGroup) -> tuple[str, ...]:
    """Endpoints that conntrack has more entries without an answer for than with one."""
    unanswered: Counter[str] = Counter()
    replied: Counter[str] = Counter()
    for entry in _entries(snapshot, group):
        (replied if entry.replied else unanswered)[entry.reply_source] += entry.count
    return tuple(sorted(end for end in unanswered if unanswered[end] > replied[end]))


def _entries(snapshot: Snapshot, group: PathGroup) -> Iterator[ConntrackGroup]:
    """What nodes remember of the group's connections."""
    clients = {row.client for row in group.rows}
    protocol = group.rows[0].protocol.lower()
    for host in snapshot.hosts:
        for entry in host.conntrack_groups:
            is_asked = (entry.destination, entry.port) == group.end
            if is_asked and entry.source in clients and entry.protocol == protocol:
                yield entry
