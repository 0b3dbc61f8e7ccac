"""What became of a connection: opened, answered, refused, silent, by all of its legs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collectors.capture.header_values import MASK
from collectors.capture.joined_legs import Legs
from collectors.capture.tcp import TcpFlow
from session.connection_sides import WENT_OUT
from session.greetings import is_ungreeted

LATE_NS = 1_500_000_000  # an answer that is later is none, for now
FAILED = frozenset(
    (
        "unanswered",
        "retried",
        "incomplete",
        "silent",
        "closed",
        "hung_up",
        "ungreeted",
        "refused",
        "rejected",
        "reset_by_server",
    )
)


def outcome(legs: Legs, sides: int, now: int) -> list[str]:
    """What holds of it. `sides` are where it was seen; `now` is the latest packet's time, in ns.
    Asked of thousands of connections at a look."""
    tcp = [leg for leg in legs if isinstance(leg, TcpFlow)]
    if tcp:
        return [*_opening(tcp, sides, now), *_request(tcp, now)]
    return _of_datagrams(legs, now)


def _holding(found: Iterable[tuple[str, object]]) -> list[str]:
    return [name for name, is_so in found if is_so]


def _of_datagrams(legs: Legs, now: int) -> list[str]:
    answered = max([leg.server.packets for leg in legs]) > 0
    failed = any(leg.state == "unreachable" for leg in legs)
    waiting = now - legs[0].first_ns > LATE_NS and legs[0].state == "unanswered"
    return _holding(
        (
            ("completed", answered),
            ("answered", answered),
            ("requests", max([leg.client.packets for leg in legs])),
            ("rejected", failed),
            ("unanswered", waiting and not answered and not failed),
        )
    )


def _opening(legs: Sequence[TcpFlow], sides: int, now: int) -> list[str]:
    """The handshake, by all legs: what one of them saw happened."""
    answered_at = max([leg.synack_at for leg in legs])
    again = max([leg.client.counts.syn_retransmitted for leg in legs]) > 0
    found = ["retried"] if again else []
    if max([leg.acked_at for leg in legs]):
        found.append("completed")
    elif answered_at and now - answered_at > LATE_NS:
        found.append("incomplete")
    if not answered_at and max([leg.syn_at for leg in legs]):
        found += _unanswered(legs, sides, now, again)
    return found


def _unanswered(legs: Sequence[TcpFlow], sides: int, now: int, again: bool) -> list[str]:
    states = {leg.state for leg in legs}
    silent = states == {"unanswered"} and (again or now - legs[0].first_ns > LATE_NS)
    return _holding(
        (
            ("refused", "refused" in states),
            ("rejected", "unreachable" in states),
            ("unanswered", silent),
            ("retried", silent),
            ("stuck", silent and again and not sides & WENT_OUT),
        )
    )


def _request(legs: Sequence[TcpFlow], now: int) -> list[str]:
    asked = max([leg.client.payload for leg in legs])
    if max([leg.server.payload for leg in legs]):
        return ["requests", "answered"] if asked else []
    cut = [leg for leg in legs if leg.reset_by is not None and leg.synack_at]
    reset = any(leg.reset_by is leg.server for leg in cut)
    found = ["reset_by_server"] if reset else []
    if any(leg.reset_by is leg.client for leg in cut):
        found.append("reset_by_client")
    if not asked:
        unasked = (("hung_up", _is_hung_up(legs)), ("ungreeted", is_ungreeted(legs)))
        return [*found, *_holding(unasked)]
    return [*found, "requests", *([] if reset else _waiting(legs, now))]


def _waiting(legs: Sequence[TcpFlow], now: int) -> list[str]:
    """Of a request without an answer, and without a reset of the server."""
    silent = _gave_up(legs, now)
    return _holding(
        (
            ("silent", silent),
            ("abandoned", silent and _is_abandoned(legs)),
            ("closed", _is_closed(legs)),
        )
    )


def _gave_up(legs: Sequence[TcpFlow], now: int) -> bool:
    """Whether an answer is late, or was until the client closed the connection."""
    over = any(leg.client.fin_at or leg.reset_by is leg.client for leg in legs)
    until = _closed_at(legs) if over else now
    return until - max(leg.asked_at for leg in legs) > LATE_NS


def _is_abandoned(legs: Sequence[TcpFlow]) -> bool:
    """Whether the client ended it and the server has not: its kernel only acknowledges."""
    over = any(leg.client.fin_at or leg.reset_by is leg.client for leg in legs)
    return over and not any(leg.server.fin_at for leg in legs)


def _is_closed(legs: Sequence[TcpFlow]) -> bool:
    """Whether the server ended it before the client did, and sent nothing but its SYN-ACK and FIN,
    by their sequence numbers: what a capture has not is no closing. A request that came behind the
    FIN counts where that was sent as soon as the connection was accepted."""
    ended = [leg for leg in legs if leg.server.fin_at and leg.synack_at]
    return bool(ended) and all(map(_has_sent_nothing, ended)) and _is_servers_end(legs, ended)


def _has_sent_nothing(leg: TcpFlow) -> bool:
    return (leg.server.end - leg.server.start) & MASK == len(("SYN", "FIN"))


def _is_servers_end(legs: Sequence[TcpFlow], ended: Sequence[TcpFlow]) -> bool:
    at = min(leg.server.fin_at for leg in ended)
    clients = [leg.client.fin_at for leg in legs if leg.client.fin_at]
    asked = min(leg.asked_at or leg.last_ns for leg in ended)
    is_at_once = at - max(leg.synack_at for leg in ended) <= LATE_NS
    return all(at <= one for one in clients) and (asked <= at or is_at_once)


def _is_hung_up(legs: Sequence[TcpFlow]) -> bool:
    """Whether the server ended it as soon as it was accepted, and the client had not ended it."""
    opened = [leg for leg in legs if leg.synack_at and leg.acked_at]
    ends = [end for leg in opened if (end := _servers_end(leg))]
    if not ends or min(ends) - max(leg.synack_at for leg in opened) > LATE_NS:
        return False
    clients = [leg.client.fin_at or leg.client.reset_at for leg in legs]
    return all(min(ends) <= one for one in clients if one) and all(map(_is_bare, opened))


def _servers_end(leg: TcpFlow) -> int:
    """When the server closed or reset it; 0 where it did not."""
    return leg.server.fin_at or leg.server.reset_at


def _is_bare(leg: TcpFlow) -> bool:
    """Whether the server sent nothing but its SYN-ACK, and perhaps a FIN, by their numbers."""
    sent = (leg.server.end - leg.server.start) & MASK
    return sent == 1 + bool(leg.server.fin_at)


def _closed_at(legs: Sequence[TcpFlow]) -> int:
    return max(leg.client.fin_at or leg.last_ns for leg in legs)
