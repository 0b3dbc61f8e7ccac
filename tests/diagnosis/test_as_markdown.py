"""Markdown of a report: cells stay cells, code stays code, and a figure is a line of bars."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from diagnosis.escaping import fenced, in_markdown
from diagnosis.incident.as_markdown import bars, markdown
from diagnosis.incident.model import ReportGraph
from tests.support.reports import BEGAN, hostile_report


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
        ("2023-11-14 22:13:20", "2023-11-14 22:13:20"),
        ("+ item", "\\+ item"),
        ("7) item", "7\\) item"),
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


def test_within_a_day_times_have_no_date() -> None:
    text = markdown(hostile_report("x"))
    assert "From 22:13:20 to 22:14:20 (1 min 0 s), all times UTC" in text
    assert "| 22:13:41 to the end | gap |" in text and text.count("2023-11-14") == 1


def test_of_several_days_each_time_has_its_date() -> None:
    """Midnight is 6,400 s after the beginning."""
    made = hostile_report("x")
    (one,) = made.findings
    long = replace(made, ended=BEGAN + 7_000, findings=[replace(one, until=BEGAN + 6_500)])
    text = markdown(long)
    assert "From 2023-11-14 22:13:20 to 2023-11-15 00:10:00" in text
    assert "2023-11-14 22:13:30 to 2023-11-15 00:01:40" in text
    assert "| 2023-11-14 22:13:41 to the end | gap |" in text
    assert not re.search(r"(?<!2023-11-1\d )(?<!to )\b\d\d:\d\d:\d\d", text)
    same = replace(long, findings=[replace(one, until=BEGAN + 20)])
    assert "2023-11-14 22:13:30 to 22:13:40" in markdown(same), "the date of the end is the same"
