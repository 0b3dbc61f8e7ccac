"""The table of rules: every row is complete, every id that is named exists, the page is up to date."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from inspect import getsource
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any, cast

import pytest

from collectors.findings import Evidence, Stage, Subject
from diagnosis import rules
from diagnosis.rule import CONVENTION, Rule, Threshold, level
from diagnosis.rules import conntrack_full
from diagnosis.rules.__main__ import page
from diagnosis.snapshot import Snapshot
from lab.faults import all_faults
from tests.support.configured_machines import CONFIGURED
from tests.support.rule_sources import missing_parts, source_problems
from tests.support.rules import miscalled, of_file, problems, unknown_ids, unlisted, untested
from tests.support.snapshots import pod

ROOT = Path(__file__).parent.parent.parent
FILES = {
    path.stem
    for path in (ROOT / "diagnosis" / "rules").glob("*.py")
    if not path.stem.startswith("_")
}
TESTS = ROOT / "tests" / "diagnosis" / "rules"
FIX = "Fewer sockets that hold unread data (ss -tm), or a larger net.ipv4.tcp_mem"
GOOD = conntrack_full.RULE


def wrong(module: ModuleType, name: str) -> list[str]:
    """All that is wrong with a rule's module, in sentences."""
    if parts := of_file(name, missing_parts(module)):
        return parts
    if lists := of_file(name, unlisted(module.RULE)):
        return lists
    calls = of_file(name, miscalled(module.RULE, getsource(module)))
    return [*problems(module.RULE, name), *calls, *of_file(name, source_problems(module))]


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_rule_does_what_it_declares(name: str) -> None:
    found = wrong(import_module(f"diagnosis.rules.{name}"), name)
    found += of_file(name, untested(name, TESTS))
    assert not found, "\n".join(found)


def test_every_file_is_one_rule_and_is_found_by_itself() -> None:
    ids = [row.rule.id for row in rules.table()]
    strangers = ", ".join(sorted(set(ids) - FILES))
    assert not strangers, f"no file of diagnosis/rules is called as the rules {strangers}"
    assert sorted(ids) == sorted(FILES)


def module_of(text: str, path: Path) -> ModuleType:
    path.write_text(text)
    spec = spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def example() -> str:
    """The rule that CONTRIBUTING.md writes."""
    (text,) = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    return dedent(text)


def test_the_example_of_a_rule_is_one_and_overwrites_none(tmp_path: Path) -> None:
    (name,) = re.findall(r'id="(\w+)"', example())
    module = module_of(example(), tmp_path / f"{name}.py")
    shipped = import_module(f"diagnosis.rules.{name}").RULE if name in FILES else module.RULE
    assert shipped.title == module.RULE.title, f"CONTRIBUTING.md: {name} exists, as another rule."
    assert not wrong(module, name)
    (counter,) = module.RULE.inputs
    few, many = (
        list(module.evaluate(Snapshot(100.0, (pod(deltas={counter: count}),)))) for count in (2, 3)
    )
    assert not few and [finding.rule for finding in many] == [name]


@pytest.mark.parametrize(
    ("right", "mistake", "sentence"),
    [
        ("def evaluate(", "def evalute(", "it has no function evaluate(snapshot), which yields"),
        ("RULE = Rule(", "ROLE = Rule(", "it has no RULE = Rule(…)."),
        (
            'stage="cause"',
            'stage="reason"',
            "the stage 'reason' is none of cause, symptom, advice.",
        ),
        ('scope="pod"', 'scope="pods"', "the scope 'pods' is none of pod, node, pod or node,"),
        ('screen="counters"', 'screen="counter"', "the screen 'counter' is none of conntrack,"),
        ('verify="', 'title="', "a finding without verify: what shows that the fix has helped?"),
        ('fix="', 'title="', "a finding without a fix."),
        (
            'verify="TCPAbortOnMemory no longer increases"',
            'verify=""',
            "a finding without verify: what",
        ),
        (f'fix="{FIX}"', 'fix=" "', "a finding without a fix."),
        ('of_kind("pod")', 'of_kind("pdo")', "of_kind('pdo') finds nothing: there are pod, node,"),
        ('severity="critical"', 'severity="bad"', "a finding has the severity 'bad': there are"),
        ("< LEAST.value", "< 5", "'pod.delta(COUNTER) < 5' compares with a figure that is no"),
        ("< LEAST.value", "== 0", "the threshold 'at least 3 connections aborted in 15 s' is decl"),
        ("LEAST,)", 'Threshold("x", 1, "y", "z"),)', "the threshold 'x 1 y' has no name by which"),
        (
            'least", 3',
            'least", -3',
            "the threshold 'at least -3 connections aborted in 15 s' is be",
        ),
        ('("reset", "load")', '("reset")', "its symptoms are 'reset' and not a tuple of texts"),
        ('"load"', '"reset"', "its symptoms have 'reset' twice."),
        ("=(LEAST,)", "=LEAST", "and not a tuple of Thresholds"),
        ("=(LEAST,)", '=(), criterion="x"', "the threshold LEAST is not among the thresholds of"),
        ('least", 3', 'least", "3"', "the threshold 'at least' is '3', which is no number."),
        ('"connections aborted in 15 s"', '""', "the threshold 'at least 3' has no unit"),
        ("RULE = Rule(", "MANY = 5\nSEEN = 4 < MANY\nRULE = Rule(", "MANY is compared and is no"),
        ('(pod.counter(COUNTER, "/proc/net/netstat"),)', "()", "a finding without evidence"),
        ("delta(COUNTER)", 'delta("UdpNoPortz")', "there is none. Is 'UdpNoPorts' meant?"),
        ("delta(COUNTER)", 'delta("UdpNoPorts")', "'UdpNoPorts', which is not among its inputs."),
        ("inputs=(COUNTER,)", 'inputs=("UdpNoPortz",)', "Is 'UdpNoPorts' meant?"),
    ],
)
def test_a_rule_that_is_written_wrongly_is_said_in_a_sentence(
    tmp_path: Path, right: str, mistake: str, sentence: str
) -> None:
    assert right in example()
    module = module_of(example().replace(right, mistake, 1), tmp_path / "tcp_memory.py")
    found = wrong(module, "tcp_memory")
    assert any(sentence in text for text in found), found


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"id": "conntrack"}, "the id 'conntrack' is not the name of the file."),
        ({"title": "It is full."}, "the title is a sentence without its full stop."),
        ({"thresholds": ()}, "it has neither a criterion nor a threshold."),
        (
            {"thresholds": (Threshold("from", 75, "%", ""),)},
            "the threshold 'from 75 %' has no source: name it, or CONVENTION.",
        ),
        (
            {"thresholds": (Threshold("from", 75, "%", "x"),)},
            "the threshold 'from 75 %' has the source 'x', which cannot be looked up: name "
            "a document, a file or a project, or CONVENTION.",
        ),
        (
            {"thresholds": (Threshold("at least", 0, "pods", CONVENTION),)},
            "the threshold 'at least 0 pods' is always met: name the lowest value that matters.",
        ),
        (
            {"symptoms": ()},
            "it has no symptoms: name those that the guide evaluates it for: connect, timeout, slow, reset, "
            "name, nodes, large, load.",
        ),
        (
            {"symptoms": ("slwo",)},
            "'slwo' is not a symptom: there are connect, timeout, slow, reset, name, nodes, large, load.",
        ),
        ({"inputs": ()}, "it has no inputs."),
        (
            {"verify": "it falls below 75 %"},
            "its verify has the threshold '75 %', which users may set: say it without.",
        ),
        (
            {"false_friends": ()},
            "it has no false friends: name what looks the same and is harmless, or something else.",
        ),
        (
            {"inputs": ("conntrak_count",)},
            "'conntrak_count' is no input and no counter. Is 'conntrack_count' meant?",
        ),
    ],
)
def test_what_is_declared_wrongly_is_said_in_a_sentence(
    wrong: dict[str, Any], sentence: str
) -> None:
    assert problems(replace(GOOD, **wrong), "conntrack_full") == [
        f"diagnosis/rules/conntrack_full.py: {sentence}"
    ]


def test_a_rule_without_a_test_is_said_in_a_sentence(tmp_path: Path) -> None:
    assert list(untested("x", tmp_path)) == ["it has no test: tests/diagnosis/rules/test_x.py."]
    (tmp_path / "test_x.py").write_text("def helper() -> None: ...\n")
    assert list(untested("x", tmp_path)) == ["tests/diagnosis/rules/test_x.py has no test in it."]
    (tmp_path / "test_x.py").write_text("def test_it() -> None: ...\n")
    assert list(untested("x", tmp_path)) == [
        "tests/diagnosis/rules/test_x.py has no test with the marker `alike`: what looks most like "
        "it, and is healthy?"
    ]
    marked = "@pytest.mark.alike\ndef test_it() -> None: ...\n"
    (tmp_path / "test_x.py").write_text(f"def test_that() -> None: ...\n{marked}")
    assert not list(untested("x", tmp_path))


def test_a_rule_of_a_stage_that_there_is_not_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The table can be made, so that the sentence on its stage can be read."""
    stageless = replace(GOOD, stage=cast(Stage, "reason"))
    monkeypatch.setattr(conntrack_full, "RULE", stageless)
    rows = rules.table.__wrapped__()
    assert len(rows) == len(FILES) and rows[-1].rule is stageless
    assert problems(stageless, "conntrack_full") == [
        "diagnosis/rules/conntrack_full.py: the stage 'reason' is none of cause, symptom, advice."
    ]


def test_the_page_of_a_rule_with_a_wrong_symptom_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = replace(GOOD, symptoms=cast(Any, ("slwo",)))
    monkeypatch.setattr(conntrack_full, "RULE", wrong)
    with pytest.raises(SystemExit, match=r"conntrack_full.py: 'slwo' is not a symptom: there are"):
        page()


def test_rules_that_faults_name_exist() -> None:
    for fault in all_faults().values():
        assert fault.rules, f"lab/faults/{fault.name}.toml names no rule that finds it"
        named = unknown_ids((*fault.rules, *fault.also), f"lab/faults/{fault.name}.toml")
        assert not named, "\n".join(named)
    assert not unknown_ids(
        (case.rule for case in CONFIGURED.values()), "tests/support/configured_machines.py"
    )


def test_an_unknown_rule_is_said_in_a_sentence() -> None:
    assert unknown_ids(["refused", "retransmit"], "a fault") == [
        "a fault names the rule 'retransmit': there is none. Is 'retransmits' meant?"
    ]


def test_rules_that_documents_name_exist() -> None:
    for path in (ROOT / "docs" / "figures.md", ROOT / "docs" / "detection.md"):
        named = re.findall(r"rules\.md#(\w+)", path.read_text())
        assert named and not unknown_ids(named, path.name)


def test_the_page_of_rules_is_up_to_date() -> None:
    assert (ROOT / "docs" / "rules.md").read_text() == page(), (
        "run: python -m diagnosis.rules > docs/rules.md"
    )


def test_a_finding_has_what_its_rule_declares() -> None:
    rule = Rule(
        id="r",
        title="Something is wrong",
        scope="pod",
        stage="symptom",
        inputs=("capture",),
        symptoms=("slow",),
        screen="flows",
        criterion="a comparison",
        thresholds=(
            Threshold("warning from", 1, "%", CONVENTION),
            Threshold("critical from", 5_000, "%", CONVENTION),
            Threshold("at least", 3, "segments", "RFC 9293"),
        ),
        false_friends=("it is Monday", "it rains"),
    )
    subject = Subject(kind="pod", namespace="shop", name="web-1")
    finding = rule.finding(
        subject=subject, severity="warning", evidence=(Evidence("x", "y"),), fix="Wait"
    )
    assert (finding.rule, finding.title, finding.screen, finding.stage) == (
        "r",
        "Something is wrong",
        "flows",
        "symptom",
    )
    assert finding.threshold == (
        f"a comparison; warning from 1 %, critical from 5,000 % ({CONVENTION}); "
        "at least 3 segments (RFC 9293)"
    )
    assert finding.disproof == "it is Monday, or it rains"
    assert (finding.severity, finding.confidence) == ("warning", "likely")
    assert finding.key == ("r", subject)


def test_a_template_is_filled() -> None:
    rule = replace(GOOD, fix="echo '{{}}' > {path}", verify="cat {path}", confidence="possible")
    subject = Subject(kind="cluster", name="x")
    finding = rule.finding(subject=subject, evidence=(), path="/p")
    assert (finding.fix, finding.verify) == ("echo '{}' > /p", "cat /p")
    assert finding.confidence == "possible"


def test_severity_comes_from_thresholds() -> None:
    found = [
        level(value, conntrack_full.WARNING, conntrack_full.CRITICAL) for value in (74.9, 75, 90)
    ]
    assert found == [None, "warning", "critical"]
