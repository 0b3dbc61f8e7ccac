"""An hour of a busy pod as a recorded session, made in a minute or so: clock driven, nothing waits.
python -m benchmarks.session_hour [DIRECTORY] [--tls]

200 packets/s, 2,000 sockets, one node, and objects that change. Prints MB by kind of
event. `--tls`: what packets carry beyond their headers is random, as ciphertext is; without, it is
the lab's, which is plain text. A seed makes each run the same.
"""

from __future__ import annotations

import random
import struct
import sys
import tempfile
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path

from benchmarks.feed import counter_sample
from benchmarks.packets import mixed
from collectors import events as ev
from collectors.findings import Evidence, Finding, Subject
from collectors.recording.session_log import SessionWriter
from collectors.sockets.rows import SocketRow
from session.figure_pieces import FigurePieces
from session.store import Store

BEGAN = 1_800_000_000.0
HOUR_S = 3_600
POD, NODE = "pod/shop/web-1", "node/n1"
PACKETS, BATCHES = 200, 20  # a second
SOCKETS, SOCKETS_EVERY, ACTIVE = 2_000, 6, 0.2  # ss every 6 s at so many; the share that moved
NETWORK_EVERY, TABLE_EVERY, PIECES_EVERY = 10, 60, 30
CHURN_EVERY = 20  # a pod changes
FAULT_EVERY, FAULT_S = 600, 120
MARKS_EVERY = 900
BAR_MB = 40
ETHERNET, TCP, TCP_AT, HEADERS, WRAP = 1, 6, 34, 66, 0xFFFFFFFF


class HourOfEvents:
    """Makes the events of each second, in order."""

    def __init__(self, seed: int = 20, tls: bool = False) -> None:
        self._random = random.Random(seed)
        self._tls = tls
        self._frames = [packet for packet in mixed()[:20_000] if len(packet.data) > HEADERS - 13]
        self._sockets = [_socket(number) for number in range(SOCKETS)]
        self._values = {key: dict(counter_sample(key, BEGAN, 0).values) for key in (POD, NODE)}
        self._moving = [name for name in self._values[POD] if not name.startswith("sysctl")][:250]

    def beginning(self) -> Iterator[ev.Event]:
        yield ev.SessionStart(BEGAN, "", "prod", "alice", "shop", "v1.36")
        pods = tuple(_pod(number) for number in range(200))
        yield ev.InventoryList(BEGAN, "cluster", "pods", pods)
        nodes = (ev.NodeRow("n1", "192.168.0.1", "a", True, "linux", "amd64"),)
        yield ev.InventoryList(BEGAN, "cluster", "nodes", nodes)
        for number, key in enumerate((POD, NODE), 1):
            yield ev.TargetState(BEGAN, key, "live")
            yield ev.CaptureState(BEGAN, key, number, "running", "")

    def second(self, number: int) -> Iterator[ev.Event]:
        at = BEGAN + number
        for key in (POD, NODE):
            yield self._sample(key, at, number)
        if number % SOCKETS_EVERY == 0:
            yield ev.SocketSnapshot(at, POD, self._moved_sockets())
            yield ev.SocketSnapshot(at, NODE, tuple(self._sockets[:50]))
        if number % NETWORK_EVERY == 0:
            yield from (_network(at, key) for key in (POD, NODE))
        if number % TABLE_EVERY == 0:
            yield self._table(at)
        yield from self._seldom(at, number)
        yield from self._packets(at)

    def _seldom(self, at: float, number: int) -> Iterator[ev.Event]:
        if number % CHURN_EVERY == 0:
            pod = _pod(self._random.randrange(200), restarts=number // CHURN_EVERY)
            yield ev.InventoryChange(at, "cluster", "MODIFIED", pod)
        phase, which = number % FAULT_EVERY, number // FAULT_EVERY
        if FAULT_S <= phase < 2 * FAULT_S and phase % 5 == 0:
            change: ev.FindingChange = "changed" if phase > FAULT_S else "appeared"
            yield ev.FindingEvent(at, "", change, _finding(which, phase), at - phase + FAULT_S)
        elif phase == 2 * FAULT_S:
            yield ev.FindingEvent(at, "", "gone", _finding(which, phase), at - FAULT_S)
        if number and number % MARKS_EVERY == 0:
            yield ev.Mark(at, POD, "alice", f"mark after {number // 60} minutes")

    def _packets(self, at: float) -> Iterator[ev.Event]:
        size = PACKETS // BATCHES
        for batch in range(BATCHES):
            begin = at + batch / BATCHES
            packets = tuple(self._packet(begin + n / PACKETS) for n in range(size))
            yield ev.PacketBatch(begin, POD, 1, ETHERNET, packets)

    def _packet(self, at: float) -> ev.Packet:
        """A frame of the lab whose numbers are as hard to foresee as those of a wire: the low
        bytes of sequence numbers, the checksum, the identification, the timestamps."""
        frame, rnd = self._random.choice(self._frames), self._random
        data = bytearray(frame.data)
        data[18:20] = rnd.randbytes(2)
        if len(data) >= HEADERS and data[23] == TCP:
            for low in (TCP_AT + 6, TCP_AT + 10, TCP_AT + 16):
                data[low : low + 2] = rnd.randbytes(2)
            clock = int(at * 1e3)
            echoed = clock - rnd.randrange(50)
            data[HEADERS - 8 : HEADERS] = struct.pack(">II", clock & WRAP, echoed & WRAP)
            if self._tls:
                data[HEADERS:] = rnd.randbytes(len(data) - HEADERS)
        return ev.Packet(int(at * 1e9) + rnd.randrange(1_000_000), bytes(data), frame.length)

    def _sample(self, key: str, at: float, number: int) -> ev.CounterSample:
        values = self._values[key] = dict(self._values[key])
        for name in self._moving:
            if self._random.random() < 0.5:
                values[name] += int(self._random.expovariate(0.01))
        values |= {
            "conntrack_count": 100_000 + int(self._random.gauss(0, 2_000)),
            "conntrack_max": 262_144,
        }
        return ev.CounterSample(at, key, float(number), "net:[1]", values)

    def _moved_sockets(self) -> tuple[SocketRow, ...]:
        rnd, rows = self._random, self._sockets
        for place in rnd.sample(range(SOCKETS), int(SOCKETS * ACTIVE)):
            row = rows[place]
            rows[place] = row._replace(
                rtt=round(rnd.lognormvariate(0, 1), 3),
                rtt_var=round(rnd.lognormvariate(-1, 1), 3),
                cwnd=rnd.randrange(10, 40),
                bytes_acked=(row.bytes_acked or 0) + rnd.randrange(20_000),
                bytes_received=(row.bytes_received or 0) + rnd.randrange(20_000),
                delivery_rate=float(rnd.randrange(10_000_000)),
                unacked=rnd.randrange(3),
            )
        for _ in range(20):  # connections come and go
            rows[rnd.randrange(SOCKETS)] = _socket(rnd.randrange(40_000))
        return tuple(rows)

    def _table(self, at: float) -> ev.ConntrackTable:
        groups = tuple(
            ev.ConntrackGroup(
                self._random.randrange(1, 900),
                "tcp",
                "ESTABLISHED",
                f"10.1.0.{n % 250}",
                f"10.96.{n % 7}.{n % 200}",
                8080,
                f"10.2.0.{n % 250}",
                8080,
                True,
                True,
            )
            for n in range(300)
        )
        return ev.ConntrackTable(at, NODE, sum(group.count for group in groups), groups)


def _socket(number: int) -> SocketRow:
    return SocketRow(
        "tcp",
        "ESTAB" if number % 5 else "TIME-WAIT",
        "10.1.1.2",
        20_000 + number,
        f"10.1.{number % 250}.{number % 3}",
        8080,
        rtt=0.2 + number % 97 / 10,
        rtt_var=0.1,
        min_rtt=0.1,
        rto=204.0,
        mss=1448,
        pmtu=1500,
        cwnd=10,
        bytes_acked=number * 100,
        bytes_received=number * 50,
    )


def _pod(number: int, restarts: int = 0) -> ev.PodRow:
    name = f"web-{number}"
    return ev.PodRow(
        "shop", name, f"u{number}", "n1", f"10.1.0.{number % 250}", "Running", "1/1", restarts, 0.0
    )


def _network(at: float, key: str) -> ev.NetworkState:
    links = tuple(
        ev.LinkRow(f"veth{n:08x}", "veth", 1450, "UP", (f"10.1.0.{n}/24",)) for n in range(30)
    )
    routes = tuple(ev.RouteRow(f"10.{n}.0.0/24", "flannel.1", f"10.{n}.0.0") for n in range(30))
    near = tuple(
        ev.NeighbourRow(f"10.1.0.{n}", "cni0", f"02:00:00:00:00:{n:02x}") for n in range(60)
    )
    return ev.NetworkState(at, key, links, routes, near, nameservers=("10.96.0.10",))


def _finding(which: int, phase: int) -> Finding:
    return Finding(
        rule="conntrack_full",
        severity="critical" if which % 2 else "warning",
        subject=Subject(kind="node", name=f"n{which}"),
        title="The conntrack table is nearly full",
        evidence=(Evidence(f"{90_000 + phase} of 100,000", "nf_conntrack_count"),),
    )


def write(
    directory: Path, seconds: int = HOUR_S, tls: bool = False, apart: Path | None = None
) -> None:
    """The session as a console would have written it, figures and all; in `apart` a session of
    each kind of event by itself."""
    made, store = HourOfEvents(tls=tls), Store()
    writer, kinds = SessionWriter(directory), KindWriters(apart)
    pieces = FigurePieces(store)
    for number in range(-1, seconds):
        events = list(made.second(number) if number >= 0 else made.beginning())
        # flows are no part of what is written, and cost most
        store.apply_all(event for event in events if not isinstance(event, ev.PacketBatch))
        if number % PIECES_EVERY == PIECES_EVERY - 1 or number == seconds - 1:
            events += pieces.new()
        writer.write(events)
        kinds.write(events)
    writer.write([ev.RecordingEnd(BEGAN + seconds, "")])
    writer.close()
    kinds.close()


class KindWriters:
    """A session of each kind of event: what it costs by itself. Nothing without a place."""

    def __init__(self, place: Path | None) -> None:
        self._place = place
        self._writers: dict[str, SessionWriter] = {}

    def write(self, events: Iterable[ev.Event]) -> None:
        if self._place is None:
            return
        by_kind: dict[str, list[ev.Event]] = {}
        for event in events:
            by_kind.setdefault(type(event).__name__, []).append(event)
        for kind, some in by_kind.items():
            self._writer(self._place / kind).write(some)

    def _writer(self, directory: Path) -> SessionWriter:
        if directory.name not in self._writers:
            directory.mkdir()
            self._writers[directory.name] = SessionWriter(directory)
        return self._writers[directory.name]

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


def size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def main(arguments: list[str]) -> int:
    given = [one for one in arguments if not one.startswith("-")]
    with tempfile.TemporaryDirectory() as folder:
        directory, apart = Path(given[0] if given else f"{folder}/s"), Path(folder) / "apart"
        directory.mkdir(exist_ok=True)
        apart.mkdir()
        write(directory, tls="--tls" in arguments, apart=apart)
        sizes = {path.name: size(path) for path in apart.iterdir()}
        total = size(directory) / 1e6
    for kind, found in sorted(sizes.items(), key=itemgetter(1), reverse=True):
        print(f"{kind:16} {found / 1e6:6.2f} MB")
    print(f"{'an hour':16} {total:6.2f} MB (bar {BAR_MB})")
    return int(total > BAR_MB)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
