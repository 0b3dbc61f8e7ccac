"""The panel of the node: its figures are those that rules compare."""

from __future__ import annotations

from collectors.events import CounterSample, NeighbourRow, NetworkState
from diagnosis.rules.neighbour_table import LIMIT
from session.target_data import TargetData
from tui.panels.node import neighbours
from tui.widgets.columns import Cell

SAMPLE = CounterSample(1.0, "node/n1", 1.0, "1", {"arp_entries": 1_000, f"sysctl {LIMIT}": 1_024})


def entries(permanent: bool) -> Cell:
    """Of a table of 1,000, of which 990 are of one kind."""
    rows = tuple(
        NeighbourRow(f"10.0.{number >> 8}.{number & 255}", "eth0", "02:77", permanent)
        for number in range(990)
    )
    state = NetworkState(1.0, "node/n1", neighbours=rows, kernel="6.1.0")
    _, line, *_ = neighbours(TargetData("node/n1", sample=SAMPLE, network=state))
    return line.figures[0]


def test_permanent_entries_do_not_fill_the_neighbour_table() -> None:
    """As in the rule neighbour_table, whose threshold it is."""
    assert entries(permanent=False) == ("1,000", "bad")
    assert entries(permanent=True) == ("10", "")
