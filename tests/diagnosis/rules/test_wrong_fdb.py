"""A forwarding entry that leads to an address of nobody; more of it in test_stale_vtep."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis.snapshot import Conversation
from tests.diagnosis.rules.test_stale_vtep import HERE, SECOND, THERE, near, snapshot, view
from tests.support.rules import finder
from tests.support.snapshots import API, POD

evaluate = finder("wrong_fdb")
WRONG = view("n1", 1, HERE, *near(THERE, "10.9.9.2"))
FAILS = Conversation("TCP", POD.ip, API.ip, 80, flows=5, unanswered=5)


def test_the_other_node_is_open_and_has_no_such_address() -> None:
    (finding,) = evaluate(snapshot(WRONG, SECOND))
    assert finding.confidence == "certain" and "10.9.9.2" in finding.title


def test_the_entry_is_right() -> None:
    assert not evaluate(snapshot(view("n1", 1, HERE, *near(THERE)), SECOND))


@pytest.mark.alike
def test_an_underlay_with_addresses_of_its_own() -> None:
    """Behind a NAT, where the two talk to each other or nobody asks."""
    assert not evaluate(snapshot(WRONG))
    works = replace(FAILS, unanswered=0, answered=5)
    assert not evaluate(snapshot(replace(WRONG, conversations=(works,))))


def test_what_fails_elsewhere() -> None:
    inside = replace(FAILS, server="10.1.0.6")
    assert not evaluate(snapshot(replace(WRONG, conversations=(inside,))))
    assert evaluate(snapshot(replace(WRONG, conversations=(FAILS,))))


def test_no_entry_is_another_finding() -> None:
    neighbour, _ = near(THERE)
    assert not evaluate(snapshot(view("n1", 1, HERE, neighbour), SECOND))


def test_a_node_that_is_open_and_behind_a_nat() -> None:
    """Its public address is on none of its interfaces, and connections are made."""
    works = Conversation("TCP", POD.ip, API.ip, 80, flows=5, answered=5, opened=95.0)
    assert not evaluate(snapshot(replace(WRONG, conversations=(works,)), SECOND))
    for other in (replace(works, opened=50.0), replace(works, unanswered=2)):
        assert evaluate(snapshot(replace(WRONG, conversations=(other,)), SECOND))
