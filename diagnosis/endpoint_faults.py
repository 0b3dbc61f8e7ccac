"""Which of a Service's endpoints fail, and how, beside others that answer.

A connection is judged by client, Service and endpoint. Where packets are dropped before any leaves
for the endpoint, it is known by elimination: every attempt that leaves goes to another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from collectors.frozen import frozen
from diagnosis.by_key import by_key
from diagnosis.loss_shares import LossShare
from diagnosis.path_groups import LEAST, PathGroup
from diagnosis.paths import PathRow, added

Manner = Literal["stale", "dropped", "rejected", "reset", "unanswered", "silent", "closed"]
WELL = 0.1  # of an endpoint's connections fail at most where it is well
LASTING_NS = 2_000_000_000  # that an endpoint fails which answered before
AT_ONCE_NS = 500_000_000  # requests that were sent as it began
UNACKNOWLEDGED = 0.5  # retransmissions a request: they are lost
BY_CHANCE = 1e-4  # that an endpoint which is well is never chosen


@frozen
class EndpointFault:
    """`endpoints` fail in the same manner. `failed` of the group's attempts; where it is known by
    elimination, attempts are SYNs."""

    group: PathGroup
    manner: Manner
    endpoints: tuple[str, ...]
    failed: LossShare
    row: PathRow
    eliminated: bool = False


def endpoint_faults(group: PathGroup) -> list[EndpointFault]:
    """Empty where all endpoints fail, or none does."""
    return list(_stale(group)) or [*_seen(group), *_eliminated(group)]


def _stale(group: PathGroup) -> Iterator[EndpointFault]:
    rows = group.by_endpoint
    if stale := group.stale:
        row = added(rows[endpoint] for endpoint in stale)
        yield _fault(group, "stale", stale, row)


def _fault(
    group: PathGroup, manner: Manner, endpoints: tuple[str, ...], row: PathRow
) -> EndpointFault:
    total = sum(one.connections for one in group.rows)
    failed = LossShare(min(total, max(row.failed, row.reset_by_server, row.shut)), total)
    return EndpointFault(group, manner, endpoints, failed, row)


# --- endpoints that packets were seen to go to


def _seen(group: PathGroup) -> Iterator[EndpointFault]:
    rows = {end: row for end, row in group.by_endpoint.items() if end and end != group.asked}
    if any(map(_is_well, rows.values())):
        yield from _failing(group, rows)


def _failing(group: PathGroup, rows: Mapping[str, PathRow]) -> Iterator[EndpointFault]:
    for manner, found in by_key(rows, lambda end: _manner(rows[end])).items():
        ends = tuple(sorted(found))
        if manner is not None:
            yield _fault(group, manner, ends, added(rows[end] for end in ends))


def _manner(row: PathRow) -> Manner | None:
    """How an endpoint fails; None where it does not, or not nearly always."""
    if not row.completed and (manner := _rejection(row) or _silence(row)) is not None:
        return manner
    is_over = _is_over(row)
    if is_over and row.unanswered >= LEAST and row.to_server.left.syn > row.completed:
        return "unanswered"
    if _is_closing(row, is_over):
        return "closed"
    is_silent = row.silent >= LEAST and (is_over or row.answered <= WELL * row.requests)
    return "silent" if is_silent and _are_handed_on(row) and are_acknowledged(row) else None


def _is_closing(row: PathRow, is_over: bool) -> bool:
    """Whether it ends most of the connections that it does not answer."""
    asked = row.requests + row.hung_up
    is_mostly = 2 * row.shut >= asked - row.answered
    is_failing = is_over or row.answered <= WELL * asked
    return row.shut >= LEAST and is_mostly and is_failing


def _is_over(row: PathRow) -> bool:
    """Whether all was well until a time, and nothing since."""
    failing, answering = row.failing, row.answering
    if not answering.last_ns or failing.last_ns - failing.first_ns < LASTING_NS:
        return False
    return failing.first_ns > answering.last_ns - AT_ONCE_NS


def are_acknowledged(row: PathRow) -> bool:
    """Whether requests without an answer arrived: those that are lost are retransmitted."""
    return row.to_server.retransmitted.data < UNACKNOWLEDGED * row.silent


def _silence(row: PathRow) -> Manner | None:
    """Of an endpoint that completes nothing: SYNs that nothing answers."""
    if row.unanswered < LEAST or row.to_client.entered.syn_ack:
        return None
    return "unanswered" if row.to_server.left.syn else "dropped"


def _rejection(row: PathRow) -> Manner | None:
    """By ICMP errors, or by RSTs that leave the machine and did not come in. Few say it: errors are
    limited to about one a second (icmp_ratelimit)."""
    if row.rejected >= LEAST:
        return "rejected"
    made_here = row.to_client.resets_made
    return "reset" if row.refused >= LEAST and made_here >= LEAST else None


def _rejection_here(row: PathRow) -> Manner | None:
    """Of what never leaves: one error suffices, where the kernel has sent what its limit lets
    pass (icmp_ratelimit, and error_cost of the routes)."""
    return "rejected" if row.rejected else _rejection(row)


def _are_handed_on(row: PathRow) -> bool:
    """Whether the requests leave the machine."""
    return 2 * row.to_server.left.data > row.to_server.entered.data


def _is_well(row: PathRow) -> bool:
    is_answering = 2 * row.answered >= row.requests
    return (
        row.completed >= LEAST and row.failed + row.shut <= WELL * row.connections and is_answering
    )


# --- endpoints that nothing was seen to go to


def _eliminated(group: PathGroup) -> Iterator[EndpointFault]:
    """SYNs come in and do not leave, as many as an endpoint's share, and all that leave go to the
    other endpoints."""
    used = {row.endpoint for row in group.rows if row.to_server.left.syn}
    total, reset = added(group.rows), _untranslated_resets(group)
    known = group.ready or tuple(sorted((used | total.tried | reset) - {group.asked}))
    answering = {row.endpoint for row in group.rows if row.completed}
    missing = tuple(end for end in known if end not in used | answering)
    entered, left = total.to_server.entered.syn, total.to_server.left.syn
    if not missing or len(missing) == len(known) or entered - left < LEAST:
        return
    expected = len(missing) / len(known)
    lost = LossShare(entered - left, entered)
    unlikely = (1 - expected) ** left < BY_CHANCE
    if unlikely and lost.low - 10 <= 100 * expected <= lost.high + 10:
        manner = "reset" if reset & set(missing) else _rejection_here(total) or "dropped"
        yield EndpointFault(group, manner, missing, lost, total, eliminated=True)


def _untranslated_resets(group: PathGroup) -> set[str]:
    """What RSTs to the group's clients come from that never came in: a rule on a bridge rejects
    SYNs so, and the client does not know the address."""
    return {row.asked for row in _on_its_ports(group) if _is_only_reset(row)}


def _on_its_ports(group: PathGroup) -> Iterator[PathRow]:
    """All that its clients ask on the ports that its endpoints have."""
    clients = {row.client for row in group.rows}
    ports = {row.endpoint_port for row in group.rows if row.endpoint}
    for row in group.view.paths:
        if row.client in clients and row.asked_port in ports:
            yield row


def _is_only_reset(row: PathRow) -> bool:
    return row.to_client.resets_made >= LEAST and not row.to_server.entered.total
