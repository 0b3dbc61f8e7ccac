"""What became of a connection: opened, answered, refused, silent, by all of its legs."""

from __future__ import annotations

from collections.abc import Sequence

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
Outcome = dict[str, bool]


def outcome(legs: Legs, sides: int, now: int) -> Outcome:
    """`sides` are where it was seen; `now` is the latest packet's time, in ns."""
    tcp = [leg for leg in legs if isinstance(leg, TcpFlow)]
    if tcp:
        return _opening(tcp, sides, now) | _request(tcp, now)
    return _of_datagrams(legs, now)


def _of_datagrams(legs: Legs, now: int) -> Outcome:
    answered = any(leg.server.packets for leg in legs)
    failed = any(leg.state == "unreachable" for leg in legs)
    waiting = now - legs[0].first_ns > LATE_NS and legs[0].state == "unanswered"
    return {
        "completed": answered,
        "answered": answered,
        "requests": any(leg.client.packets for leg in legs),
        "rejected": failed,
        "unanswered": waiting and not answered and not failed,
    }


def _opening(legs: Sequence[TcpFlow], sides: int, now: int) -> Outcome:
    """The handshake, by all legs: what one of them saw happened."""
    answered_at = max(leg.synack_at for leg in legs)
    completed = any(leg.acked_at for leg in legs)
    found: Outcome = {"completed": completed, "retried": _is_retried(legs)}
    if answered_at:
        return found | {"incomplete": not completed and now - answered_at > LATE_NS}
    if any(leg.syn_at for leg in legs):
        found |= _unanswered(legs, sides, now)
    return found


def _is_retried(legs: Sequence[TcpFlow]) -> bool:
    return any(leg.client.counts.syn_retransmitted for leg in legs)


def _unanswered(legs: Sequence[TcpFlow], sides: int, now: int) -> Outcome:
    states = {leg.state for leg in legs}
    again = _is_retried(legs)
    silent = states <= {"unanswered"} and (again or now - legs[0].first_ns > LATE_NS)
    return {
        "refused": "refused" in states,
        "rejected": "unreachable" in states,
        "unanswered": silent,
        "retried": again or silent,
        "stuck": silent and again and not sides & WENT_OUT,
    }


def _request(legs: Sequence[TcpFlow], now: int) -> Outcome:
    asked = any(leg.client.payload for leg in legs)
    answered = any(leg.server.payload for leg in legs)
    cut = [leg for leg in legs if leg.reset_by is not None and leg.synack_at and not answered]
    reset = any(leg.reset_by is leg.server for leg in cut)
    silent = asked and not answered and not reset and _gave_up(legs, now)
    return {
        "requests": asked,
        "answered": asked and answered,
        "silent": silent,
        "abandoned": silent and _is_abandoned(legs),
        "closed": asked and not answered and not reset and _is_closed(legs),
        "hung_up": not asked and not answered and _is_hung_up(legs),
        "ungreeted": not asked and not answered and is_ungreeted(legs),
        "reset_by_client": any(leg.reset_by is leg.client for leg in cut),
        "reset_by_server": reset,
    }


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
