"""One definition a figure: what it is made of, that it is bounded, and that graph and rule agree."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from collectors.kernel.counters import COUNTERS
from collectors.kernel.deltas import between
from collectors.kernel.derived_figures import (
    CONNTRACK_FILL,
    DROPS,
    FIGURES,
    RETRANSMIT_SHARE,
    DerivedFigure,
)
from diagnosis.rules import retransmits
from diagnosis.snapshot import Snapshot
from session.series import figures
from session.snapshot_builder import view
from session.store import Store
from tests.support.samples import sample


@pytest.mark.parametrize("figure", FIGURES.values(), ids=lambda figure: figure.name)
def test_a_figure_is_made_of_counters_that_the_table_knows(figure: DerivedFigure) -> None:
    names = [*figure.counters, *figure.less, *([figure.of] if figure.of else [])]
    unknown = [name for name in names if "*" not in name and name not in COUNTERS]
    assert not unknown and figure.meaning and figure.unit
    assert all(name in figure.formula for name in names)


def test_syns_are_not_data() -> None:
    change = {"TcpRetransSegs": 30, "TcpExtTCPSynRetrans": 28, "TcpExtTCPOrigDataSent": 100}
    share = RETRANSMIT_SHARE.share(change)
    assert share is not None and (share.part, share.whole, share.percent) == (2, 100, 2.0)


def test_a_reset_makes_a_share_unknown() -> None:
    change = {"TcpRetransSegs": 30, "TcpExtTCPSynRetrans": None, "TcpExtTCPOrigDataSent": 100}
    assert RETRANSMIT_SHARE.share(change) is None


def test_drops_of_every_interface_are_added() -> None:
    change = {"dev/eth0/rx_drop": 2, "dev/eth1/tx_drop": 3, "dev/eth0/rx_packets": 9}
    assert DROPS.amount(change) == 5


def test_levels_are_known_from_the_first_sample_and_rates_are_not() -> None:
    first = sample(1, conntrack_count=90, conntrack_max=100, TcpRetransSegs=7)
    values = figures(between(None, first), first)
    assert values["=conntrack_fill"] == 90 and "=retransmits" not in values
    assert CONNTRACK_FILL.formula == "conntrack_count / conntrack_max"


@given(*(st.integers(0, 5_000) for _ in range(3)))
def test_the_graph_and_the_rule_say_the_same(retransmitted: int, syns: int, sent: int) -> None:
    store = Store()
    store.apply(sample(1, TcpRetransSegs=0, TcpExtTCPSynRetrans=0, TcpExtTCPOrigDataSent=0))
    last = sample(
        2,
        TcpRetransSegs=retransmitted,
        TcpExtTCPSynRetrans=syns,
        TcpExtTCPOrigDataSent=sent,
    )
    store.apply(last)
    data = store.target("t")
    drawn = data.series("retransmit_share").current
    assert drawn is None or 0 <= drawn <= 100
    share = RETRANSMIT_SHARE.share(view(data, None, ()).deltas)
    judged = share.percent if share else 0.0
    assert math.isclose(drawn or 0.0, judged or 0.0)


def test_more_retransmitted_than_sent_is_said_in_counts() -> None:
    target = view(Store().target("pod/shop/web-1"), None, ())
    change = {"TcpRetransSegs": 274, "TcpExtTCPOrigDataSent": 120}
    target = replace(target, values={"TcpRetransSegs": 1}, deltas=change, seconds=15.0)
    (finding,) = retransmits.evaluate(Snapshot(100.0, (target,)))
    assert "274" in finding.title and "120" in finding.title and "%" not in finding.title


@pytest.mark.parametrize("figure", FIGURES.values(), ids=lambda figure: figure.name)
def test_the_reference_gives_its_formula(figure: DerivedFigure) -> None:
    page = (Path(__file__).parents[2] / "docs/reference/counters.md").read_text()
    assert f"| {figure.name} | {figure.unit} | `{figure.formula}` | {figure.meaning} |" in page
