"""What lists say of a recording: nothing comes there any more, and no key starts it."""

from __future__ import annotations

import pytest

from collectors import events as ev
from collectors.capture.direction import Direction
from collectors.capture.flow_problems import NONE, Problem
from collectors.capture.tcp import TcpFlow
from session.store import Store
from tests.support.incident import NODE, sample
from tui import format as fmt
from tui.panels import flows
from tui.panels.counters import CountersPanel
from tui.panels.target_panels import TargetPanels
from tui.widgets.columns import Column
from tui.widgets.row_list import RowList

POD = "pod/shop/web-1"
LIVE_ONLY = ("c starts", "counting", "waiting", "yet", "r counts", "8 shows", "running")


def recorded(key: str, *events: ev.Event) -> TargetPanels:
    store = Store()
    store.apply_all(events)
    return TargetPanels(store, key, "", live=False)


@pytest.mark.parametrize("phase", [None, "running", "ended"])
def test_no_list_of_a_recording_waits_for_something(phase: str | None) -> None:
    events = [ev.CaptureState(1.0, POD, 1, phase, "")] if phase else []  # type: ignore[arg-type]
    panels = recorded(POD, *events)
    for panel in (*panels.by_name.values(), panels.peers):
        text = f"{panel.empty()} {panel.status(0)[0]}"
        assert not [word for word in LIVE_ONLY if word in text], (panel.name, text)


def test_a_replay_says_from_when_its_packets_are() -> None:
    panels = recorded(POD)
    panels.packets.data.packets_from = 1_700_000_000.0
    for name in ("flows", "dns"):
        assert "read from 2" in panels.by_name[name].empty()


def test_a_file_that_cannot_be_read_says_so_at_no_time() -> None:
    panels = recorded("pcap/x", ev.TargetState(0.0, "pcap/x", "failed", "neither pcap nor pcapng"))
    assert panels.packets.empty() == "neither pcap nor pcapng"
    assert fmt.clock(0.0) == fmt.NONE


def test_the_tab_counts_what_the_list_has() -> None:
    store = Store()
    for second in range(3):
        one = sample(second, 100 + second)
        values = {**one.values, "cpu/0/idle": 5 * second, "TcpRetransSegs": 9 * second}
        store.apply(ev.CounterSample(one.at, NODE, one.clock, "1", values))
    panel = CountersPanel(store, NODE)
    assert len(panel.data.moved) > len(panel.rows()) > 0
    assert panel.note() == str(len(panel.rows()))


def test_a_request_on_which_the_client_gave_up_is_a_problem() -> None:
    def none(flow: object) -> Problem:
        return NONE

    flow = TcpFlow.__new__(TcpFlow)
    flow.asked_at = 1_000_000_000
    flow.client = Direction(bytes((10, 0, 0, 1)), 40_000, 0)
    flow.client.fin_at = 3_000_000_000
    assert flows._with_requests(none, flow) == (55, "no answer for 2.0 s")
    flow.client.fin_at = 1_000_001_000
    assert flows._with_requests(none, flow) == NONE, "it waited for no answer"
    flow.asked_at = 0
    assert flows._with_requests(none, flow) == NONE, "that was answered"


def test_plurals() -> None:
    assert fmt.many(1, "query", "queries") == "1 query"
    assert fmt.many(2, "query", "queries") == "2 queries"
    assert (fmt.many(1, "node"), fmt.many(1_200, "node")) == ("1 node", "1,200 nodes")


def test_a_number_is_never_cut() -> None:
    columns = (Column("Q", 6, lambda n: fmt.count(n), right=True), Column("X", 0, lambda n: ""))
    rows = RowList(columns, "", lambda n: n)
    rows.rows = [232_601]
    rows._measure()
    assert {c.title: w for c, w in rows._shown}["Q"] == len("232,601")
