"""Names that are misspelt, and names that are two."""

from __future__ import annotations

from diagnosis.edit_distance import misspelt, near


def test_a_letter_or_two() -> None:
    assert near("wbe", ["web", "api"]) == "web"
    assert misspelt("fronted", ["frontend", "backend"]) == "frontend"
    assert misspelt("web", ["database"]) == ""


def test_names_that_differ_in_a_figure_are_two() -> None:
    assert misspelt("v2", ["v1", "v10"]) == ""
    assert misspelt("job-28", ["job-29"]) == ""
    assert misspelt("jbos-28", ["jobs-28"]) == "jobs-28"
