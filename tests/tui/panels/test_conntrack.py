"""The table is counted when that is asked for; the figures beside it are of the present."""

from __future__ import annotations

from collectors import events as ev
from session.store import Store
from tui import format as fmt
from tui.panels.conntrack import ConntrackPanel

NODE = "node/n1"


def test_it_says_when_the_entries_were_counted() -> None:
    store = Store()
    panel = ConntrackPanel(store, NODE)
    store.apply(ev.ConntrackTable(33.0, NODE, 1_200, ()))
    at = fmt.clock(33.0)
    assert panel.status(0)[0].startswith(f" whole node · 1,200 entries at {at} · ")
    for seconds in range(50, 70):
        values = {"conntrack_max": 4_000, "conntrack_count": 3_981 + seconds - 50}
        store.apply(ev.CounterSample(seconds, NODE, seconds, "host", values))
    text = panel.status(0)[0]
    assert f" · 1,200 of 4,000 entries (30.0 %) at {at} · full now · " in text
