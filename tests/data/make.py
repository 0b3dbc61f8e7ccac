"""Makes the recorded data of the tests from a run of the lab: `python -m tests.data.make`.

session.jsonl: attach to a frontend pod and its node, healthy for some seconds, then packet loss, a gap, and back.
lab.pcap: the packets of that session, as the console saves them.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from collectors import events as ev
from collectors.capture.pcap import PcapWriter
from collectors.cluster.api.connection import connect
from collectors.events import Event
from collectors.recording.event_log import Recorder
from collectors.stream import Stream
from lab.supervisor import Lab
from session.controller import Controller
from session.store import Store
from session.target_data import PacketLine

HERE = Path(__file__).parent
KEPT_PACKETS = 400


async def gather(kubeconfig: str) -> tuple[list[Event], Store]:
    store, session, kept = Store(), Stream(), []
    control = Controller(store, session)
    subscription = session.subscribe()
    control.open(await connect(kubeconfig), is_lab=True)
    control.start()
    await asyncio.sleep(1)
    pods = [
        r for r in store.rows("pods") if isinstance(r, ev.PodRow) and r.name.startswith("frontend")
    ]
    control.targets.watch_pod(pods[0])
    control.targets.watch_node(pods[0].node)
    await asyncio.sleep(14)
    await control.require_cluster().turn_fault("packet-loss", True)
    await asyncio.sleep(14)
    await control.require_cluster().turn_fault("packet-loss", False)
    await asyncio.sleep(6)
    kept = subscription.pending()
    await control.close()
    return kept, store


def trimmed(events: list[Event]) -> list[Event]:
    """Few packets and sockets: the files stay small."""
    left, result = KEPT_PACKETS, []
    for event in events:
        if isinstance(event, ev.PacketBatch):
            packets = event.packets[:left]
            left -= len(packets)
            if not packets:
                continue
            event = ev.PacketBatch(event.at, event.target, event.capture, event.linktype, packets)
        result.append(event)
    last = {}
    for place, event in enumerate(result):
        if isinstance(event, ev.SocketSnapshot):
            last[event.target] = place
    return [
        e
        for n, e in enumerate(result)
        if not isinstance(e, ev.SocketSnapshot) or last[e.target] == n
    ]


def main() -> None:
    with Lab() as lab:
        events, store = asyncio.run(gather(str(lab.kubeconfig)))
    for name in ("session.jsonl", "lab.pcap"):
        (HERE / name).unlink(missing_ok=True)
    recorder = Recorder(HERE / "session.jsonl")
    recorder.write(trimmed(events))
    recorder.close()
    pod = next(key for key in store.targets if key.startswith("pod/"))
    kept = store.target(pod).packets[:KEPT_PACKETS]
    lines = [line for line in kept if isinstance(line, PacketLine)]
    writer = PcapWriter(HERE / "lab.pcap", lines[0].linktype)
    writer.write([line.packet for line in lines])
    writer.close()


if __name__ == "__main__":
    main()
