"""What another package finds is held against what podwire can show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from collectors.findings import Evidence, Finding, Subject
from diagnosis.foreign_findings import checked
from diagnosis.guarded import CallFailed
from diagnosis.rules.conntrack_full import RULE

SUBJECT = Subject(kind="pod", namespace="shop", name="web-1")
GOOD = RULE.finding(subject=SUBJECT, evidence=(Evidence("a", "b", 1.0, "c"),), fix="1\n2")


def test_a_good_one_stays_as_it_is() -> None:
    assert checked(RULE, GOOD) == GOOD


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"severity": "bad"}, "of a finding its severity 'bad' is none of critical, warning, info"),
        ({"screen": "nowhere"}, "its screen 'nowhere' is none of"),
        ({"stage": "reason"}, "its stage 'reason' is none of cause, symptom, advice"),
        ({"rule": "refused"}, "it yields a finding of the rule 'refused'"),
        ({"title": ""}, "it has no title"),
        ({"verify": None}, "its verify is not text"),
        ({"subject": None}, "its subject is not a Subject"),
        ({"subject": replace(SUBJECT, kind=cast(Any, "car"))}, "its subject is not a Subject"),
        ({"subject": replace(SUBJECT, port=cast(Any, "80"))}, "its subject has a field of the wr"),
        ({"subject": replace(SUBJECT, name=cast(Any, ["x"]))}, "its subject has a field of the wr"),
        ({"evidence": ()}, "its evidence is empty"),
        ({"evidence": (Evidence("a", "b", 1.0),) * 101}, "evidence has more than 100 figures"),
        ({"evidence": [1]}, "its evidence is not made of Evidence"),
        ({"evidence": (Evidence("a", "b", float("nan")),)}, "its evidence is not made of Evidence"),
    ],
)
def test_a_wrong_field_is_said(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(CallFailed, match=says):
        checked(RULE, replace(GOOD, **wrong))


def test_consequences_are_podwires_to_say() -> None:
    assert checked(RULE, replace(GOOD, consequences=("x: y",))).consequences == ()


def test_long_and_unsafe_text_is_cut_and_visible() -> None:
    found: Finding = checked(RULE, replace(GOOD, title="x" * 5_000, fix="\x07" * 9_000))
    assert len(found.title) == 512 and len(found.fix) == 8_000 and "\x07" not in found.fix
