"""A node that does not forward."""

from __future__ import annotations

from dataclasses import replace

from diagnosis import rules
from tests.support.loss_snapshots import SILENT, seen
from tests.support.rules import finder

evaluate = finder("forwarding")


def test_a_node_that_does_not_forward() -> None:
    views = seen(None, None)
    off = replace(views.targets[0], values={"IpForwarding": 2})
    assert [f.where for f in evaluate(replace(views, targets=(off, views.targets[1])))] == ["n1"]
    assert not list(evaluate(views))


def test_what_its_pods_do_not_reach_follows_from_it() -> None:
    views = seen(replace(SILENT, passed=9), replace(SILENT, stopped=9))
    first, second = views.targets
    off = replace(second, values={"IpForwarding": 2})
    (finding,) = rules.findings(replace(views, targets=(first, off)))
    assert finding.rule == "forwarding" and len(finding.consequences) == 1
    assert [one.rule for one in rules.findings(views)] == ["unanswered"]
