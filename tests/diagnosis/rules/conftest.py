"""A test with the marker `alike` shows the nearest picture on which its module's rule is silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from collectors.findings import Finding
from diagnosis import rules
from diagnosis.snapshot import Snapshot

Evaluate = Callable[[Snapshot], Iterator[Finding]]


@pytest.fixture(autouse=True)
def the_rule_was_asked_and_is_silent(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Of tests with the marker: a test that never asks its rule shows nothing."""
    if request.node.get_closest_marker("alike") is None:
        yield
        return
    rule, counts = request.path.stem.removeprefix("test_"), list[int]()
    rows = tuple(
        replace(row, evaluate=counted(row.evaluate, counts)) if row.rule.id == rule else row
        for row in rules.table()
    )
    monkeypatch.setattr(rules, "table", lambda: rows)
    yield
    assert 0 in counts, f"the rule {rule} was asked {len(counts)} times, and was never silent"


def counted(evaluate: Evaluate, counts: list[int]) -> Evaluate:
    """The same, which keeps how much it finds of each snapshot that knows anything."""

    def kept(snapshot: Snapshot) -> Iterator[Finding]:
        found = list(evaluate(snapshot))
        if any((snapshot.targets, snapshot.pods, snapshot.services, snapshot.settings)):
            counts.append(len(found))
        return iter(found)

    return kept
