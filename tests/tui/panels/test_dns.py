"""Why the list of lookups is empty; each that has no answer is counted, as it is listed."""

from __future__ import annotations

from collectors import events as ev
from collectors.capture.dns_transactions import DnsTransaction
from collectors.capture.header_row import HeaderRow
from session.store import Store
from tui.panels.dns import DnsPanel, columns


def test_a_capture_that_runs_is_not_to_be_started() -> None:
    store = Store()
    panel = DnsPanel(store, "pod/shop/web-1")
    assert "c starts" in panel.empty()
    store.apply(ev.CaptureState(1.0, "pod/shop/web-1", 1, "running", ""))
    assert "c starts" not in panel.empty()


def asked(name: str) -> DnsTransaction:
    row = HeaderRow(17, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    lookup = DnsTransaction()
    lookup.begin(row, (name, "A"), over_tcp=False)
    return lookup


def test_those_that_still_wait_are_without_an_answer_too() -> None:
    panel = DnsPanel(Store(), "pod/shop/web-1")
    lookups = panel.data.flows.lookups
    lookups.totals.asked, lookups.totals.answered, lookups.totals.unanswered = 9, 5, 1
    assert "no answer 4 · failed 0 · of 9 queries" in panel.status(9)[0]
    lookups.totals.left_out = 1
    assert "no answer 3 ·" in panel.status(8)[0]


def test_a_problem_says_what_the_result_does_not() -> None:
    cells = {column.title: column.cell for column in columns({}, float)}
    lookup = asked("db")
    assert cells["RESULT"](lookup)[0] == "no answer" and cells["PROBLEM"](lookup)[0] == ""
    lookup.rcode, lookup.retries = 0, 1
    assert cells["RESULT"](lookup)[0] == "NOERROR"
    assert cells["PROBLEM"](lookup)[0] == "asked 2 times"
