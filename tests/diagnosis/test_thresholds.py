"""Thresholds that a configuration sets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from collectors.errors import ConfigError
from diagnosis import rules, thresholds
from diagnosis.extensions import Extensions
from diagnosis.rule import Threshold
from diagnosis.rules import conntrack_full
from diagnosis.rules.__main__ import set_as
from diagnosis.snapshot import Snapshot, TargetView
from tests.support.declared_thresholds import as_declared
from tests.support.rule_sources import loaded

WHERE = "~/.config/podwire/config.toml"


@pytest.fixture(autouse=True)
def unset() -> Iterator[None]:
    with as_declared():
        yield


def filled(percent: int) -> Snapshot:
    values = {"conntrack_count": percent * 10, "conntrack_max": 1_000}
    return Snapshot(100.0, (TargetView("node/n1", "node", "n1", 100.0, "node", values=values),))


def test_a_threshold_that_is_set_counts_and_is_said_on_the_finding() -> None:
    assert not list(conntrack_full.evaluate(filled(60)))
    assert thresholds.set_values({"conntrack_full.warning": 55.0}, WHERE) == []
    (finding,) = conntrack_full.evaluate(filled(60))
    assert finding.severity == "warning"
    assert finding.threshold.startswith(
        f"warning from 55 % of the table (set in {WHERE}; by default 75, node_exporter mixin); "
        "critical from 90 % of the table (node-problem-detector)"
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"conntrack_full.warnin": 3},
            "there is no threshold 'conntrack_full.warnin'. There are co",
        ),
        (
            {"conntrack_ful.warning": 3},
            "there is no threshold 'conntrack_ful.warning'. Is 'conntrac",
        ),
        (
            {"nothing_like.it": 3},
            "there is no threshold 'nothing_like.it'. docs/rules.md lists them",
        ),
        (
            {"endpoint_failing.least": 3},
            "the threshold 'endpoint_failing.least' cannot be set: more",
        ),
        (
            {"conntrack_full.warning": 0},
            "the threshold 'conntrack_full.warning' must be more than 0",
        ),
        (
            {"conntrack_full.warning": 600},
            "'conntrack_full.warning' is a share: it must be at most",
        ),
        ({"conntrack_full.warning": float("nan")}, "must be more than 0, and less than"),
        ({"conntrack_full.warning": float("inf")}, "must be more than 0, and less than"),
    ],
)
def test_what_cannot_be_set_is_a_sentence_and_sets_nothing(
    values: dict[str, float], says: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        thresholds.set_values({"conntrack_full.critical": 99.0, **values}, WHERE)
    assert str(refused.value).startswith(f"{WHERE}: ") and says in str(refused.value)
    assert conntrack_full.CRITICAL.value == 90


def test_every_threshold_has_a_key() -> None:
    """One alone, also where several rules share it."""
    known = thresholds.keys()
    declared = [one for row in rules.built_in() for one in row.rule.thresholds]
    assert {id(one) for one in declared} == {id(one) for one in known.values()}
    assert len({id(one) for one in known.values()}) == len(known)
    assert known["connections.least"] is known["connections.least"]
    shared = {row.rule.id for row in rules.built_in() if "connections.least" in set_as(row.rule)}
    assert {"refused", "resets", "unanswered"} <= shared


def is_made(threshold: Threshold) -> bool:
    """Whether nothing but its declaration reads it, as it is the value of another module."""
    modules = list(thresholds._modules())
    names = [(m, n) for m in modules for n, value in vars(m).items() if value is threshold]
    return not any(name in loaded(module) for module, name in names)


def test_what_can_be_set_is_what_rules_read() -> None:
    """A key that changes nothing would be believed to."""
    wrong = [key for key, one in thresholds.keys().items() if one.fixed != is_made(one)]
    assert not wrong


def test_one_of_a_rule_that_is_left_out_is_said_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = Extensions((), ("x",), frozenset({"acme_table"}))
    monkeypatch.setattr(rules, "extensions", lambda: broken)
    said = thresholds.set_values({"acme_table.full": 3.0, "conntrack_full.warning": 55.0}, WHERE)
    assert said == ["The threshold 'acme_table.full' is not used: its rule is left out."]
    assert conntrack_full.WARNING.value == 55
