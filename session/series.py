"""Which figures of a target are kept over time: pure functions from evidence to {name: value}.
Figures that are made of several counters begin with `=`."""

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
    """A figure that can be drawn. `name` is that of the history; `of_peers`: of the peers'
    history."""

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
    derived = {
        f"={figure.name}": _known(figure.value(change, sample.values))
        for figure in FIGURES.values()
        if figure.level or not change.gap
    }
    return derived | _levels(sample) | ({} if change.gap else _rates(change))


def _levels(sample: CounterSample) -> dict[str, float]:
    return {
        name: level
        for name, level in sample.values.items()
        if level and not name.startswith("sysctl ") and describe(name).gauge
    }


def _rates(change: SampleDelta) -> dict[str, float]:
    """Of the counters that moved; NaN for one that was reset."""
    return {
        name: nan if delta is None else delta / change.seconds
        for name, delta in change.deltas.items()
        if delta != 0
    }


@frozen
class SocketField:
    """A field of a peer group or of a socket that is kept over time."""

    name: str
    title: str
    unit: str
    meaning: str


PEER_FIELDS: tuple[SocketField, ...] = (
    SocketField("rtt", "RTT", "ms", "median of the smoothed RTTs of its connections"),
    SocketField("open", "open connections", "sockets", "established or closing"),
    SocketField("opening", "SYN-SENT", "sockets", "SYN sent, no answer yet"),
    SocketField("time_wait", "TIME-WAIT", "sockets", "closed, the port not free yet"),
    SocketField(
        "ports", "local ports in use", "ports", "towards its one destination that has most of them"
    ),
    SocketField(
        "retransmitting",
        "retransmitting",
        "sockets",
        "with segments unacknowledged past their timer, now",
    ),
)
SOCKET_FIELDS: tuple[SocketField, ...] = (
    SocketField("rtt", "RTT", "ms", "smoothed round-trip time"),
    SocketField("cwnd", "congestion window", "segments", "what may be in flight unacknowledged"),
    SocketField("unacked", "unacknowledged", "segments", "sent, and not acknowledged yet"),
    SocketField("retrans_total", "retransmitted", "segments", "since the connection began"),
    SocketField(
        "recv_q",
        "receive queue",
        "bytes",
        "that the program has not read (LISTEN: connections not accepted)",
    ),
    SocketField(
        "send_q",
        "send queue",
        "bytes",
        "sent or queued and not acknowledged (LISTEN: limit of the accept queue)",
    ),
    SocketField("delivery_rate", "delivery rate", "bit/s", "at which data was last seen to arrive"),
    SocketField(
        "not_sent", "not sent", "bytes", "queued here: the window or the path allows no more"
    ),
)


def peer_figures(peers: Iterable[PeerGroup]) -> dict[str, float]:
    values = {}
    for peer in peers:
        for field in PEER_FIELDS:
            value = getattr(peer, field.name)
            if value or field.name == "rtt":
                values[_peer_series(peer, field)] = _known(value)
    return values


def socket_figures(row: SocketRow) -> dict[str, float]:
    return {_socket_series(row, field): _known(getattr(row, field.name)) for field in SOCKET_FIELDS}


def _peer_series(peer: PeerGroup, field: SocketField) -> str:
    return f"peer {peer.name} {field.name}"


def _socket_series(row: SocketRow, field: SocketField) -> str:
    return f"socket {identity(row)} {field.name}"


def of_counter(name: str) -> SeriesInfo:
    counter = describe(name)
    unit = counter.unit if counter.gauge else f"{counter.unit}/s"
    return SeriesInfo(name, name, unit, counter.meaning, counter.source)


def of_peer(peer: PeerGroup) -> list[SeriesInfo]:
    return [_info(_peer_series(peer, field), peer.name, field) for field in PEER_FIELDS]


def of_socket(row: SocketRow) -> list[SeriesInfo]:
    ends = f"{row.local}:{row.local_port or '*'} {row.peer}:{row.peer_port or '*'}"
    return [_info(_socket_series(row, field), ends, field) for field in SOCKET_FIELDS]


def _info(series: str, subject: str, field: SocketField) -> SeriesInfo:
    return SeriesInfo(
        name=series,
        title=f"{subject}: {field.title}",
        unit=field.unit,
        meaning=field.meaning,
        source="sockets",
        of_peers=True,
    )
