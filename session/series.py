"""Which figures of a target are kept over time: pure functions from evidence to {name: value}. Figures that are made of
several counters begin with `=`."""

from __future__ import annotations

from collections.abc import Iterable
from math import nan

from collectors.events import CounterSample
from collectors.frozen import frozen
from collectors.kernel.counters import describe
from collectors.kernel.deltas import SampleDelta
from collectors.kernel.derived_figures import FIGURES
from collectors.sockets.peer_groups import PeerGroup
from collectors.sockets.rates import identity
from collectors.sockets.rows import SocketRow


@frozen
class SeriesInfo:
    """A figure that can be drawn. `name` is that of the history, `of_peers` says which of the two it is in."""

    name: str
    title: str
    unit: str
    meaning: str = ""
    source: str = ""
    of_peers: bool = False


def _known(value: float | None) -> float:
    return nan if value is None else value


def figures(change: SampleDelta, sample: CounterSample) -> dict[str, float]:
    """One row of the history from one sample. The first sample has levels but no rates."""
    values = {
        f"={figure.name}": _known(figure.value(change, sample.values))
        for figure in FIGURES.values()
        if figure.level or not change.gap
    }
    for name, level in sample.values.items():
        if level and not name.startswith("sysctl ") and describe(name).gauge:
            values[name] = level
    if change.gap:
        return values
    for name, delta in change.deltas.items():
        if delta is None:
            values[name] = nan  # it was reset
        elif delta:
            values[name] = delta / change.seconds
    return values


PEER_FIELDS = (
    ("rtt", "RTT", "ms", "median of the smoothed RTTs of its connections"),
    ("open", "open connections", "sockets", "established or closing"),
    ("opening", "connections being opened", "sockets", "SYN sent, no answer yet"),
    ("time_wait", "TIME-WAIT", "sockets", "closed, the port not free yet"),
    ("ports", "local ports in use", "ports", "towards its one destination that has most of them"),
    (
        "retransmitting",
        "connections retransmitting",
        "sockets",
        "with segments unacknowledged past their timer, right now",
    ),
)
SOCKET_FIELDS = (
    ("rtt", "RTT", "ms", "smoothed round-trip time"),
    ("cwnd", "congestion window", "segments", "what may be on the way unacknowledged"),
    ("unacked", "unacknowledged", "segments", "sent, and not acknowledged yet"),
    ("retrans_total", "retransmitted", "segments", "since the connection began"),
    (
        "recv_q",
        "receive queue",
        "bytes",
        "that the program has not read (LISTEN: connections not accepted)",
    ),
    (
        "send_q",
        "send queue",
        "bytes",
        "sent or queued and not acknowledged (LISTEN: limit of the accept queue)",
    ),
    ("delivery_rate", "delivery rate", "bit/s", "at which data was last seen to arrive"),
    ("not_sent", "not sent", "bytes", "queued here: the window or the path does not take more"),
)


def peer_figures(peers: Iterable[PeerGroup]) -> dict[str, float]:
    values = {}
    for peer in peers:
        for field, *_ in PEER_FIELDS:
            value = getattr(peer, field)
            if value or field == "rtt":
                values[f"peer {peer.name} {field}"] = _known(value)
    return values


def socket_figures(row: SocketRow) -> dict[str, float]:
    return {
        f"socket {identity(row)} {field}": _known(getattr(row, field))
        for field, *_ in SOCKET_FIELDS
    }


def of_counter(name: str) -> SeriesInfo:
    told = describe(name)
    return SeriesInfo(
        name, name, told.unit if told.gauge else f"{told.unit}/s", told.meaning, told.source
    )


def of_peer(peer: PeerGroup) -> list[SeriesInfo]:
    return [
        SeriesInfo(
            f"peer {peer.name} {field}", f"{peer.name}: {title}", unit, meaning, "sockets", True
        )
        for field, title, unit, meaning in PEER_FIELDS
    ]


def of_socket(row: SocketRow) -> list[SeriesInfo]:
    ends = f"{row.local}:{row.local_port or '*'} {row.peer}:{row.peer_port or '*'}"
    return [
        SeriesInfo(
            f"socket {identity(row)} {field}", f"{ends}: {title}", unit, meaning, "sockets", True
        )
        for field, title, unit, meaning in SOCKET_FIELDS
    ]
