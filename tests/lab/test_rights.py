"""Verdicts with narrowed rights: a few of the questions of `python -m tests.lab.rights`."""

from __future__ import annotations

from lab.supervisor import Lab
from tests.lab.rights import QUESTIONS, RIGHTS, Right, checks, compared

FEW = (
    ("base/idle", "shop/catalog", "8080"),
    ("shop/search", "svc/shop/backend", "80"),
    ("10.0.77.11", "shop/backend", "8080"),
)


def test_no_answer_is_a_guess(own_lab: Lab) -> None:
    assert set(FEW) <= set(QUESTIONS)
    counts, wrong = compared(own_lab, RIGHTS, FEW)
    assert not wrong, "\n".join(wrong)
    assert counts["unknown"] > 10, "in these worlds what is not seen decides"
    said = list(checks(own_lab, (Right("networkpolicies", own_namespace=True), Right("pods"))))
    assert not said, "\n".join(said)
