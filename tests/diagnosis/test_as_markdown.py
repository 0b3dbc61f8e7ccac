"""Markdown of a report: cells stay cells, code stays code, and a figure is a line of bars."""

from __future__ import annotations

import re

import pytest

from diagnosis.escaping import fenced, in_markdown
from diagnosis.incident.as_markdown import bars, markdown
from diagnosis.incident.model import ReportGraph
from tests.support.reports import hostile_report


def test_what_comes_from_a_cluster_is_no_markup() -> None:
    text = markdown(hostile_report())
    before, _, code = text.partition("````sh")
    outside = before + code.partition("````\n")[2]
    assert (
        "<script" not in outside
        and "<img" not in outside
        and not re.search(r"(?<!\\)\]\(", outside)
    )
    rows = [line for line in outside.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} <= {5, 6, 7}


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("# heading", "\\# heading"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("40.9 %", "40.9 %"),
        ("a\nb", "a b"),
        ("see https://x.example", "see https&#58;//x.example"),
        ("www.x.example", "www&#46;x.example"),
        ("@everyone", "&#64;everyone"),
        ("a|b", "a\\|b"),
        ("[x](y)", "\\[x\\](y)"),
    ],
)
def test_escaping(text: str, escaped: str) -> None:
    assert in_markdown(text) == escaped


def test_a_fence_is_longer_than_those_inside() -> None:
    assert fenced("a\n````\nb") == "`````\na\n````\nb\n`````"


def test_bars_have_a_space_for_a_gap() -> None:
    points = ((0.0, 0.0), (1.0, None), (2.0, 10.0))
    assert bars(ReportGraph("t", "u", "w", "m", points)) == "▁ █"
