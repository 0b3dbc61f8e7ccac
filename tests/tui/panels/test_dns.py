"""Why the list of lookups is empty."""

from __future__ import annotations

from collectors import events as ev
from session.store import Store
from tui.panels.dns import DnsPanel


def test_a_capture_that_runs_is_not_to_be_started() -> None:
    store = Store()
    panel = DnsPanel(store, "pod/shop/web-1")
    assert "c starts" in panel.empty()
    store.apply(ev.CaptureState(1.0, "pod/shop/web-1", 1, "running", ""))
    assert "c starts" not in panel.empty()
