"""A console under load, for benchmarks.console: 20,000 packets/s through the decoder, 5,000
sockets, four graphs. It is the program's own app; only its evidence is made up. python -m
benchmarks.consoleload [--record] [--calm] [--share FILE]

`--record` writes the session as the program does; `--calm`: 200 packets/s and 2,000 sockets;
`--share` shares it, and writes each second what it costs to a file; `--costs` writes that alone;
`--piped N`: N packets/s, which a process of its own writes (benchmarks.packet_writer)."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import psutil

from benchmarks.feed import counter_sample, socket_rows
from benchmarks.packet_writer import HEAD, batch
from cli.main import collect_garbage_rarely, reduce_repaints_over_ssh, switch_threads_often
from collectors import events as ev
from collectors.capture.pcap import PcapReader
from collectors.loop_turn import LoopTurn
from collectors.stream import Stream
from session.controller import Controller
from session.recording import SessionRecording
from session.running_session import new_session
from session.store import Store
from tests.support.replay import opened

RATE, SOCKETS, EVERY_S = (200, 2_000, 6) if "--calm" in sys.argv else (20_000, 5_000, 16)
BURST_S = 0.05 if "--calm" in sys.argv else 0.01  # an exec frame holds 32 KiB at most
KEY, NODE = "pod/shop/loaded", "node/node1"
PIPED_BYTES = 32_768  # an exec frame


def option(name: str) -> str:
    """What follows a name on the command line; '' where it is not there."""
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else ""


async def packets(session: Stream) -> None:
    """As collectors.capture does: bytes to packets, a batch an arrival."""
    reader = PcapReader()
    list(reader.feed(HEAD))
    session.publish(ev.CaptureState(time.time(), KEY, 1, "running", ""))
    due = time.monotonic()
    while True:
        _publish(session, reader, batch(int(RATE * BURST_S)))
        due += BURST_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def piped_packets(session: Stream, rate: int) -> None:
    """The same of another process, at most as fast as they are read."""
    reader = PcapReader()
    argv = (sys.executable, "-m", "benchmarks.packet_writer", str(rate))
    writer = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    assert writer.stdout is not None
    session.publish(ev.CaptureState(time.time(), KEY, 1, "running", ""))
    turn = LoopTurn()
    try:
        while data := await writer.stdout.read(PIPED_BYTES):
            await turn.share()
            _publish(session, reader, data)
    finally:
        writer.kill()


def _publish(session: Stream, reader: PcapReader, data: bytes) -> None:
    packets = tuple(reader.feed(data))
    session.publish(ev.PacketBatch(time.time(), KEY, 1, 1, packets))


async def samples(session: Stream) -> None:
    number = 0
    for key in (KEY, NODE):
        session.publish(ev.TargetState(time.time(), key, "live"))
    while True:
        for key in (KEY, NODE):
            session.publish(counter_sample(key, time.time(), number))
        if number % EVERY_S == 0:
            session.publish(ev.SocketSnapshot(time.time(), KEY, socket_rows(SOCKETS, number)))
        number += 1
        await asyncio.sleep(1.0)


class Loaded(Controller):
    """With its recording, where that is asked for."""

    recording: SessionRecording | None = None

    def start(self) -> None:
        if "--share" in sys.argv:
            self.sharing.begin()
        if costs := option("--share") or option("--costs"):
            self.tasks.spawn(self._say_costs(Path(costs)))
        if "--record" in sys.argv:
            self.recording = SessionRecording(new_session(), self.stream, self.store)
        super().start()
        rate = int(option("--piped") or 0)
        self.tasks.spawn(piped_packets(self.stream, rate) if rate else packets(self.stream))
        self.tasks.spawn(samples(self.stream))

    async def _say_costs(self, path: Path) -> None:
        process, share = psutil.Process(), self.sharing.share
        while True:
            costs = {
                "memory": process.memory_info().rss / 2**20,
                "cpu": sum(process.cpu_times()[:2]),
                "descriptors": process.num_fds(),
                "packets": self.store.target(KEY).packets_seen,
                "published": self.stream.published,
                "drops": dict(self.store.drops),
                "refused": share.refused if share else 0,
                "people": [[one.pid, one.lost] for one in share.people] if share else [],
            }
            (new := path.with_suffix(".new")).write_text(json.dumps(costs))
            new.replace(path)
            await asyncio.sleep(1.0)


def main() -> None:
    reduce_repaints_over_ssh()
    collect_garbage_rarely()
    switch_threads_often()
    store, session = Store(), Stream()
    control = Loaded(store, session)
    store.target(KEY), store.target(NODE)
    asyncio.run(_run(control))


async def _run(control: Loaded) -> None:
    await opened(control, KEY).run_async(mouse=False)
    await control.close()
    if control.recording is not None:
        await control.recording.finished()


if __name__ == "__main__":
    main()
