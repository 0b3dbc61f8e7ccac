"""IPVS and ports that are used again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import (
    RuleCount,
)
from tests.support.network_snapshots import (
    counted,
    network_snapshot,
    only,
)
from tests.support.rules import finder

evaluate = finder("ipvs_reuse")


def test_ipvs_on_an_old_kernel() -> None:
    view = replace(
        counted(RuleCount("ipvs", 30, 10, 0)), values={"sysctl net.ipv4.vs.conn_reuse_mode": 1}
    )
    assert only(list(evaluate(network_snapshot(view=view))), "ipvs_reuse").fix_kind == "sysctl"
    assert view.network is not None
    new = replace(view, network=replace(view.network, kernel="6.1.0"))
    assert not list(evaluate(network_snapshot(view=new)))


@pytest.mark.alike
def test_a_kernel_that_the_node_s_object_says_or_nobody() -> None:
    view = replace(
        counted(RuleCount("ipvs", 30, 10, 0)), values={"sysctl net.ipv4.vs.conn_reuse_mode": 1}
    )
    silent = replace(view, network=None)
    moment = network_snapshot(view=silent)
    assert not evaluate(moment)
    old = tuple(replace(row, kernel="4.19.0-25-amd64") for row in moment.nodes)
    finding = only(evaluate(replace(moment, nodes=old)), "ipvs_reuse")
    assert finding.evidence[1].text == "kernel 4.19.0-25-amd64"
