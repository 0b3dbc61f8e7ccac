"""The one stream: bounded, counted, lossless on disk."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from collectors import events as ev
from collectors.recording.event_codec import Malformed, decode
from collectors.recording.event_log import Recorder, read
from collectors.stream import AT_ONCE, PACKETS, Stream, Subscription, packets_in


@given(st.text(max_size=200))
def test_no_line_breaks_the_reader(text: str) -> None:
    with pytest.raises(Malformed):
        decode(text)


def test_every_event_is_frozen_and_slotted() -> None:
    kinds = [k for k in vars(ev).values() if isinstance(k, type) and dataclasses.is_dataclass(k)]
    assert len(kinds) > 12
    for kind in kinds:
        value, field = object.__new__(kind), dataclasses.fields(kind)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field, 1)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(value, field)
        assert "__slots__" in vars(kind) and not hasattr(value, "__dict__"), kind


def test_a_recording_is_private_and_a_torn_end_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    recorder = Recorder(path)
    marks: list[ev.Event] = [ev.Mark(float(n), "", "a", f"m{n}") for n in range(3)]
    recorder.write(marks)
    recorder.close()
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("a") as file:
        file.write('{"_":"Mark","at":9,"tar')
    first, *events = read(path)
    assert isinstance(first, ev.RecordingStart)
    assert events == marks


async def test_a_slow_consumer_loses_and_knows_it_and_slows_nobody() -> None:
    """Its losses are events: others have them at once, it has them where the gap is."""
    stream = Stream()
    slow = stream.subscribe(size=10, name="slow")
    fast = stream.subscribe(size=1000, name="fast")
    for number in range(100):
        stream.publish(ev.Mark(float(number), "pod/a/b", "", ""))
    assert (slow.dropped, fast.dropped) == (90, 0)
    assert [event.at for event in slow.pending()] == [float(number) for number in range(10)]
    stream.close()
    seen = [event async for batch in slow.batches() for event in batch]
    *before, gap = seen
    assert [event.at for event in before] == [float(number) for number in range(10)]
    assert isinstance(gap, ev.ConsumerDrop)
    assert (gap.consumer, gap.target, gap.events, gap.packets) == ("slow", "pod/a/b", 90, 0)
    others = [event async for batch in fast.batches() for event in batch]
    assert sum(isinstance(event, ev.Mark) for event in others) == 100
    drops = [event for event in others if isinstance(event, ev.ConsumerDrop)]
    assert sum(drop.events for drop in drops) == 90
    assert all("10 events" in drop.cause for drop in drops)


def of_packets(at: float, packets: int) -> ev.PacketBatch:
    return ev.PacketBatch(at, "node/n1", 1, 1, (ev.Packet(0, b"", 0),) * packets)


async def test_of_a_flood_packets_are_lost_and_nothing_else() -> None:
    """Not some thousand batches of any size wait for a consumer that is too slow for them."""
    stream = Stream()
    slow = stream.subscribe(size=10_000, name="slow", paced=True)
    for number in range(200):
        stream.publish(of_packets(number, 1_000))
        stream.publish(ev.Mark(number, "", "", ""))
    waiting = sum(packets_in(event) for event in slow.pending())
    assert waiting == PACKETS and slow.dropped == 200 - PACKETS // 1_000
    assert sum(isinstance(event, ev.Mark) for event in slow.pending()) == 200
    assert not stream.has_room()
    drained = [batch async for batch in _some(slow, 3)]
    assert all(sum(map(packets_in, batch)) <= AT_ONCE for batch in drained)
    assert stream.has_room()
    stream.publish(of_packets(300, 7))
    *_, gap, last = slow.pending()
    assert isinstance(gap, ev.ConsumerDrop) and last.at == 300
    assert gap.packets == 200_000 - PACKETS and gap.cause == "50,000 packets waited for it"


async def _some(subscription: Subscription, number: int) -> AsyncIterator[list[ev.Event]]:
    async for batch in subscription.batches():
        yield batch
        number -= 1
        if not number:
            return


def test_two_slow_consumers_do_not_report_each_other_for_ever() -> None:
    stream = Stream()
    for name in ("one", "two"):
        stream.subscribe(size=1, name=name)
    batch = ev.PacketBatch(0.0, "pod/a/b", 1, 1, (ev.Packet(0, b"", 0),) * 3)
    for _ in range(1_000):
        stream.publish(batch)
    assert stream.published < 1_010


async def test_order_is_kept_across_batches() -> None:
    session = Stream()
    subscription = session.subscribe()
    seen: list[float] = []

    async def consume() -> None:
        async for batch in subscription.batches():
            seen.extend(e.at for e in batch)

    task = asyncio.create_task(consume())
    for number in range(50):
        session.publish(ev.Mark(float(number), "", "", ""))
        if number % 7 == 0:
            await asyncio.sleep(0)
    session.close()
    await task
    assert seen == [float(n) for n in range(50)]
