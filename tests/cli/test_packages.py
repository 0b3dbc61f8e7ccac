"""Rules of a package that is installed beside podwire, through its commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.incident import full_table, written
from tests.support.packages import install, rule, run_with

BROKEN = "import no_such_module"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "site-packages"
    install(place, {"acme_table": rule("acme_table")})
    install(place, {"acme_broken": BROKEN}, "broken-rules")
    return place


def configure(place: Path, text: str) -> None:
    path = place / "config" / "podwire" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_check_finds_by_it_and_names_what_is_left_out(place: Path, tmp_path: Path) -> None:
    recording = written(tmp_path / "incident.jsonl", full_table())
    done = run_with(place, "check", "-o", "json", "--from", str(recording))
    assert done.returncode == 1, done.stderr
    body = json.loads(done.stdout)
    found = {one["rule"]: one for one in body["findings"]}
    assert {"acme_table", "conntrack_full"} <= set(found)
    assert found["acme_table"]["where"] == "n1"
    assert found["acme_table"]["threshold"].startswith("from 50 % of the table")
    assert "rules of packages: acme-rules 1.0 (acme_table)" in body["notes"]
    (left_out,) = (note for note in body["notes"] if "left out" in note)
    assert left_out.startswith(
        "The rule 'acme_broken' of broken-rules 1.0 is left out: it cannot be"
    )


def test_thresholds_of_it_are_set_and_where_is_said(place: Path, tmp_path: Path) -> None:
    recording = written(tmp_path / "incident.jsonl", full_table())
    configure(
        place,
        '[thresholds]\nacme_table.full = 100\n"conntrack_full.warning" = 99\nacme_broken.least = 4\n',
    )
    done = run_with(place, "check", "-o", "json", "--from", str(recording))
    assert done.returncode == 1, done.stderr
    body = json.loads(done.stdout)
    thresholds = {one["rule"]: one["threshold"] for one in body["findings"]}
    where = f"set in {place}/config/podwire/config.toml; by default"
    assert thresholds["acme_table"] == (
        f"from 100 % of the table ({where} 50, a convention, not from a source)"
    )
    assert f"warning from 99 % of the table ({where} 75, node" in thresholds["conntrack_full"]
    assert "The threshold 'acme_broken.least' is not used: its rule is left out." in body["notes"]


def test_an_unknown_threshold_is_a_usage_error(place: Path, tmp_path: Path) -> None:
    recording = written(tmp_path / "incident.jsonl", full_table())
    configure(place, "[thresholds]\nacme_table.ful = 100\n")
    done = run_with(place, "check", "--from", str(recording))
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no threshold 'acme_table.ful'. There are acme_table.full." in done.stderr


def test_the_version_names_the_package(place: Path) -> None:
    first, second, third = run_with(place, "--version").stdout.splitlines()
    assert first.startswith("podwire ")
    assert second == "rules of packages: acme-rules 1.0 (acme_table)"
    assert third.startswith("The rule 'acme_broken' of broken-rules 1.0 is left out: ")


def test_without_packages_nothing_is_said(tmp_path: Path) -> None:
    recording = written(tmp_path / "incident.jsonl", full_table())
    assert len(run_with(tmp_path, "--version").stdout.splitlines()) == 1
    body = json.loads(run_with(tmp_path, "check", "-o", "json", "--from", str(recording)).stdout)
    assert body["notes"] == []


def test_the_guide_asks_it_for_its_symptoms(place: Path) -> None:
    (place / "asked.py").write_text(
        "from diagnosis import rules\nprint('acme_table' in rules.of_symptom('load'))\n"
        "print('acme_table' in rules.of_symptom('name'))\n"
    )
    assert run_with(place, module="asked").stdout.split() == ["True", "False"]


def test_what_fails_while_it_looks_is_in_the_notes(tmp_path: Path) -> None:
    place = tmp_path / "site-packages"
    failing = rule("acme_table").replace("    for node in", "    1 / 0\n    for node in")
    install(place, {"acme_table": failing})
    recording = written(tmp_path / "incident.jsonl", full_table())
    done = run_with(place, "check", "-o", "json", "--from", str(recording))
    body = json.loads(done.stdout)
    assert [one["rule"] for one in body["findings"]].count("conntrack_full") == 1
    (note,) = (one for one in body["notes"] if "failed" in one)
    assert note.startswith(
        "The rule 'acme_table' of acme-rules 1.0 failed: ZeroDivisionError: division by zero"
    )
