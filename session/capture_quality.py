"""What is wrong with a capture itself, as its connections show it: packets that are there twice,
one direction that is missing, packets that it lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from collectors.capture.flow_expiry import Flow
from collectors.capture.tcp import TcpFlow
from collectors.frozen import frozen
from diagnosis.loss_shares import LossShare
from diagnosis.paths import PathDirection, PathRow, Retransmissions
from diagnosis.snapshot import TargetView

LEAST = 3  # connections
MOST = 1_000  # flows: within 1 ms or so
COPY_NS = 100_000_000  # no SYN is retransmitted so early: RFC 6298, 2.1; Linux from 200 ms
NOTHING = Retransmissions()


@frozen
class CaptureQuality:
    """`doubled` where packets are there twice, as a mirror port copies what comes in and what goes
    out; `one_sided` where only one direction is there. `lost` is the percentage that the capture
    lost, of SYN-ACKs that are missing in connections that were opened."""

    doubled: bool = False
    one_sided: bool = False
    lost: float = 0.0


def quality(flows: Sequence[Flow]) -> CaptureQuality:
    """By the newest flows."""
    tcp = [flow for flow in flows[-MOST:] if isinstance(flow, TcpFlow)]
    opened = [flow for flow in tcp if flow.syn_at]
    doubled = sum(map(_is_doubled, opened))
    return CaptureQuality(
        doubled=doubled >= LEAST and 2 * doubled > len(opened),
        one_sided=_lacks_answers(tcp),
        lost=_lost(opened),
    )


def _is_doubled(flow: TcpFlow) -> bool:
    again = flow.client.counts.syn_retransmitted
    return again > 0 and flow.latest_syn_at - flow.syn_at < COPY_NS * again


def _lacks_answers(flows: Sequence[TcpFlow]) -> bool:
    """Whether connections are used, and no packet of any goes back."""
    used = [flow for flow in flows if _is_used(flow)]
    return len(used) >= LEAST and all(flow.one_sided for flow in used)


def _is_used(flow: TcpFlow) -> bool:
    """Whether an end acknowledges what the other one sent: it is more than a SYN."""
    return any(side.packets and not side.first_ack for side in (flow.client, flow.server))


def _lost(opened: Sequence[TcpFlow]) -> float:
    """Nobody sends data on a connection of which the SYN-ACK did not come."""
    both = [flow for flow in opened if flow.server.payload]
    share = LossShare(sum(not flow.synack_at for flow in both), len(both))
    return share.percent if share.is_loss else 0.0


def corrected(view: TargetView, of: CaptureQuality) -> TargetView:
    """Without what only the capture makes look wrong."""
    if of.doubled:
        talks = tuple(
            replace(talk, retransmitted=0, stuck=0, stuck_again=0) for talk in view.conversations
        )
        view = replace(view, conversations=talks, paths=tuple(map(_once, view.paths)))
    if of.one_sided:
        view = replace(view, lookups=None)
    return replace(view, capture_loss=max(view.capture_loss, of.lost)) if of.lost else view


def _once(row: PathRow) -> PathRow:
    return replace(
        row, retried=0, to_server=_sent_once(row.to_server), to_client=_sent_once(row.to_client)
    )


def _sent_once(direction: PathDirection) -> PathDirection:
    return replace(direction, retransmitted=NOTHING)
