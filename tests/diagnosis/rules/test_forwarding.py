"""A node that does not forward."""

from __future__ import annotations

from dataclasses import replace

from tests.support.loss_snapshots import seen
from tests.support.rules import finder

evaluate = finder("forwarding")


def test_a_node_that_does_not_forward() -> None:
    views = seen(None, None)
    off = replace(views.targets[0], values={"IpForwarding": 2})
    assert [f.where for f in evaluate(replace(views, targets=(off, views.targets[1])))] == ["n1"]
    assert not list(evaluate(views))
