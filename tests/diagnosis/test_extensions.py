"""Rules of other packages: what is found, and the sentence for everything that is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diagnosis import extensions, rules
from diagnosis.extensions import Extensions, loaded
from diagnosis.snapshot import Snapshot, TargetView
from tests.support.packages import install, points_in, rule

FILLED = {"conntrack_count": 600, "conntrack_max": 1000}
OWN = rules.ids()


def node(**values: int) -> Snapshot:
    view = TargetView("node/n1", "node", "n1", 100.0, "node", values=values or FILLED)
    return Snapshot(100.0, (view,))


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is loaded of a package with these modules; each of the tests has a package of its own."""

    def of(modules: dict[str, str], name: str = "") -> Extensions:
        package = name or f"pkg-{abs(hash(str(tmp_path)))}-{len(list(tmp_path.iterdir()))}"
        place = tmp_path / package
        install(place, modules, package)
        monkeypatch.syspath_prepend(str(place))
        return loaded(points_in(place), OWN)

    return of


def test_a_rule_of_a_package_finds(load: Any) -> None:
    found = load({"acme_table": rule("acme_table")}, "acme-found")
    assert (found.packages, found.problems) == ("acme-found 1.0 (acme_table)", ())
    (finding,) = found.rules[0].evaluate(node())
    assert (finding.rule, finding.where) == ("acme_table", "n1")
    assert finding.evidence[0].text == "600 of 1,000 entries"
    assert not list(found.rules[0].evaluate(node(conntrack_count=1, conntrack_max=1000)))


BROKEN = {
    "import no_such_module": "it cannot be imported: ModuleNotFoundError: No module named 'no_su",
    "def broken(": "it cannot be imported: SyntaxError",
    "import sys; sys.exit(3)": "it cannot be imported: SystemExit: 3",
    "import time; time.sleep(60)": "it cannot be imported: it needs more than 0.5 s",
    "RULE = 3": "it has no RULE = Rule(…)",
    rule("acme_table").replace("def evaluate", "def evalute"): "it has no function evaluate(snapsh",
    rule("another"): "its id 'another' is not the name of its entry point",
    rule("acme_table").replace('"node"', '"machine"', 1): "its scope 'machine' is none of pod, nod",
    rule("acme_table").replace(
        '("load",)', '("slwo",)'
    ): "'slwo' is not a symptom: there are connect",
    rule("acme_table").replace('("load",)', '"load"'): "its symptoms are not a tuple of texts",
    rule("acme_table").replace("(FULL,)", "(3,)"): "its thresholds are not a tuple of Threshold",
    rule("acme_table").replace('"Ask the team that owns the node"', "3"): "its fix is not text",
    'API = "2.0"\n'
    + rule("acme_table"): "it was written for version 2.0 of diagnosis.api: here is",
    'API = "1.9"\n'
    + rule("acme_table"): "it was written for version 1.9 of diagnosis.api: here is",
    'API = "new"\n' + rule("acme_table"): "its API 'new' is not a version such as '1.0'.",
}


@pytest.mark.parametrize(("text", "why"), BROKEN.items(), ids=[why[:40] for why in BROKEN.values()])
def test_what_cannot_be_a_rule_is_left_out_in_a_sentence(
    load: Any, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    monkeypatch.setattr(extensions, "IMPORT_S", 0.5)
    found = load({"acme_table": text, "acme_well": rule("acme_well")})
    assert [one.rule.id for one in found.rules] == ["acme_well"], "the other one stays"
    (sentence,) = found.problems
    assert sentence.startswith("The rule 'acme_table' of pkg-") and " is left out: " in sentence
    assert why in sentence


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("conntrack_full", "podwire has a rule of that name"),
        ("Acme", "its name is not of 3 to 40 small letters, digits and _"),
    ],
)
def test_a_name_that_cannot_be(load: Any, name: str, why: str) -> None:
    found = load({name: rule(name)})
    assert not found.rules and why in found.problems[0] and found.refused_ids == {name}


def test_of_two_packages_with_one_name_the_first_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first-of-two", "second-of-two"):
        install(tmp_path, {"acme_table": rule("acme_table")}, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = loaded(points_in(tmp_path), OWN)
    assert found.packages == "first-of-two 1.0 (acme_table)"
    assert found.problems == (
        "The rule 'acme_table' of second-of-two 1.0 is left out: first-of-two 1.0 has a rule of that"
        " name.",
    )


YIELD = "yield RULE.finding(subject=node.subject, evidence=(fact,))"
FAILING = {
    "1 / 0; yield": "failed: ZeroDivisionError: division by zero (acme_table.py, line",
    "yield 3": "failed: it yields 'int', which is not a Finding",
    'yield RULE.finding(subject="n1", evidence=(fact,))': "failed: of a finding its subject is not a S",
    "yield RULE.finding(subject=node.subject, evidence=())": "failed: of a finding its evidence is",
    'yield RULE.finding(subject=node.subject, evidence=("x",))': "its evidence is not made of Evid",
    'yield RULE.finding(subject=node.subject, evidence=(fact,), severity="bad")': "'bad' is none of",
    f"for _ in range(2000): {YIELD}": "failed: it has more than 1,000 findings at once",
    "raise SystemExit; yield": "failed: SystemExit",
}


@pytest.mark.parametrize(("line", "why"), FAILING.items(), ids=[line[:40] for line in FAILING])
def test_what_fails_while_it_looks_is_said_once_and_asked_again(
    load: Any, line: str, why: str
) -> None:
    text = rule("acme_table")
    assert YIELD in text
    found = load({"acme_table": text.replace(YIELD, line), "acme_well": rule("acme_well")})
    failing, well = found.rules
    assert list(failing.evaluate(node())) == [] and list(failing.evaluate(node())) == []
    assert len(list(well.evaluate(node()))) == 1
    (sentence,) = found.problems
    assert sentence.startswith("The rule 'acme_table' of pkg-") and why in sentence
    assert list(failing.evaluate(node(conntrack_count=1, conntrack_max=1000))) == []


def test_what_is_too_slow_is_stopped_and_not_asked_again(
    load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extensions, "EVALUATE_S", 0.3)
    endless = "CALLS.append(1)\n            while True: pass\n            yield"
    text = "CALLS = []\n" + rule("acme_table").replace(YIELD, endless)
    (slow,) = load({"acme_table": text}).rules
    assert [list(slow.evaluate(node())) for _ in range(3)] == [[], [], []]
    assert len(slow.module.CALLS) == 1
    assert slow.fault.endswith(": it needs more than 0.3 s: it is not asked again.")


def test_of_one_subject_the_first_finding_is_kept(load: Any) -> None:
    twice = f"for _ in (1, 2): {YIELD}"
    found = load({"acme_table": rule("acme_table").replace(YIELD, twice)})
    assert len(list(found.rules[0].evaluate(node()))) == 1
    assert "finds the same subject twice: n1: the first is kept" in found.problems[0]


def test_its_text_is_made_safe(load: Any) -> None:
    text = (
        rule("acme_table")
        .replace("Ask the team", "Ask\\nthe \\x1b[31mteam")
        .replace("The table is", "The \\u202etable is")
    )
    ((finding,),) = (list(one.evaluate(node())) for one in load({"acme_table": text}).rules)
    assert finding.fix.startswith("Ask\nthe ␛[31mteam") and "\u202e" not in finding.title
