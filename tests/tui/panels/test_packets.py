"""The status line of the packets: the kernel's drops are packets; what podwire lost is said by consumer."""

from __future__ import annotations

from collectors import events as ev
from session.store import Store
from tui.panels.packets import PacketsPanel

KEY = "pod/shop/web-1"


def status(*events: ev.Event) -> tuple[str, bool]:
    store = Store()
    store.apply(ev.CaptureState(at=1.0, target=KEY, capture=1, phase="running", filter=""))
    for event in events:
        store.apply(event)
    return PacketsPanel(store, KEY).status(0)


def drop(consumer: str, events: int) -> ev.ConsumerDrop:
    return ev.ConsumerDrop(
        at=2.0,
        target=KEY,
        consumer=consumer,
        events=events,
        packets=0,
        since=1.0,
        cause="slow disk",
    )


def test_nothing_was_dropped() -> None:
    assert status() == (" filter: everything · running · 0 packets · kernel dropped 0", False)


def test_each_consumer_is_named_with_the_events_that_it_missed() -> None:
    text, bad = status(drop("the recorder", 1200), drop("the recorder", 34))
    assert text.endswith("kernel dropped 0 · the recorder missed 1,234 events")
    assert bad
    assert "podwire" not in text
