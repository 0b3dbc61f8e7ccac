"""What a capture of one interface (`tcpdump -i eth0`) shows, of which nothing else is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from diagnosis.paths import PathDirection, PathRow, Period, Retransmissions
from diagnosis.snapshot import Conversation, Snapshot, TargetView
from tests.support.path_snapshots import CLIENT, SERVICE, WELL

SECOND_NS = 1_000_000_000
LAST_15_S = Period(100 * SECOND_NS, 115 * SECOND_NS)
NONE = Retransmissions()


ONE_SIDED = replace(
    WELL,
    endpoint=SERVICE,
    endpoint_port=80,
    one_sided=True,
    failing=LAST_15_S,
    answering=LAST_15_S,
)


def retransmitting(
    there: Retransmissions = NONE, back: Retransmissions = NONE, **more: Any
) -> PathRow:
    """A client's connections to an address; no packet has a place."""
    row = replace(
        ONE_SIDED,
        to_server=PathDirection(retransmitted=there),
        to_client=PathDirection(retransmitted=back),
    )
    return replace(row, **more)


def talk(client: str = CLIENT, **more: Any) -> Conversation:
    known = {"flows": 100, "answered": 100, "segments": 400, "rtt_ms": 0.2, **more}
    return Conversation("TCP", client, SERVICE, 80, **known)


def captured(*rows: PathRow, talks: tuple[Conversation, ...] = ()) -> Snapshot:
    talks = talks or tuple(talk(row.client) for row in rows)
    view = TargetView("pcap/eth0.pcap", "pcap", "", 0.0, "capture", conversations=talks, paths=rows)
    return Snapshot(0.0, (view,))
