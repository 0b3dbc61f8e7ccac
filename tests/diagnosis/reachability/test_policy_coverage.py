"""Conformance cases of network-policy-api and the documented features of Calico and Cilium: each
as it is expected."""

from __future__ import annotations

import pytest

from tests.support.policy_coverage import FILES, PAGE, CoverageCase, cases, page

ALL = [(name, case) for name in FILES for case in cases(name)]


@pytest.mark.parametrize(("name", "case"), ALL, ids=[f"{n}: {c.name}" for n, c in ALL])
def test_a_feature_is_evaluated_or_named(name: str, case: CoverageCase) -> None:
    for question, answer in case.answers():
        assert answer.verdict == question.expected, (question, answer.path)
        if question.because:
            assert any(question.because in reason for reason in answer.unknown_because)


def test_the_page_is_what_the_tests_say() -> None:
    assert PAGE.read_text() == page(), "python -m tests.support.policy_coverage"
