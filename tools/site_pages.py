"""Pages of the site that are made from the code: one for each finding, one for each symptom."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from textwrap import dedent

from collectors.kernel.counters import COUNTERS
from diagnosis import thresholds
from diagnosis.guide import Symptom, rule_groups, symptom_trees, symptoms
from diagnosis.guide.rule_groups import RuleGroup
from diagnosis.rule import INPUTS, Rule, SymptomName, Threshold
from diagnosis.rules import TableRow, built_in
from diagnosis.rules.__main__ import template_text
from lab.faults import all_faults
from tools.fix_texts import fix_texts

GROUPS = {name: one for name, one in vars(rule_groups).items() if isinstance(one, RuleGroup)}
GUIDE = (
    "`e` on a target asks for the symptom and, where it needs one, what is to be reached. Probes"
    " run from the pod, and each says what it does and why.\n\n"
)
ENDS = (
    "What the probes show decides which of these are asked, and it ends where something is found."
    "\n\n"
)
_FACTS = re.compile(r"docs/(reference/[\w-]+\.md)((?: (?:#\d+(?:, )?)+)?)")


def pages() -> dict[str, str]:
    """By the path in the site."""
    rows = built_in()
    found = {f"findings/{row.rule.id}.md": finding_page(row) for row in rows}
    found |= {f"symptoms/{one.name}.md": symptom_page(one, rows) for one in symptoms()}
    found["findings/index.md"] = findings_index(rows)
    found["symptoms/index.md"] = symptoms_index()
    return found


# --- a finding


def finding_page(row: TableRow) -> str:
    rule = row.rule
    sections = {
        "What it means": _meaning(row),
        "Evidence": _evidence(rule),
        "Thresholds": _thresholds(rule),
        "Fix": _fix(row),
        "What would disprove it": _sentence(template_text(rule.disproof)) if rule.disproof else "",
        "False friends": _listed(
            rule.false_friends, "It looks the same, and is something else, if:"
        ),
        "Where it is seen": _seen(rule),
    }
    parts = (f"\n## {title}\n\n{text.strip()}\n" for title, text in sections.items() if text)
    return f"# {rule.id}\n\n**{rule.title}.**\n{''.join(parts)}"


def _meaning(row: TableRow) -> str:
    about = " ".join((inspect.getdoc(row.module) or "").partition("\n\n")[0].split())
    rule = row.rule
    usual = f"A {rule.stage}, of scope {rule.scope}; usually {rule.severity}, {rule.confidence}."
    criterion = f"\n\nCriterion: {rule.criterion}." if rule.criterion else ""
    return f"{about}\n\n{usual}{criterion}{_facts(row)}"


def _facts(row: TableRow) -> str:
    found = dict.fromkeys(_FACTS.findall(inspect.getdoc(row.module) or ""))
    links = [f"[{page}](../{page}){numbers}" for page, numbers in found]
    return f"\n\nFacts and their sources: {', '.join(links)}." if links else ""


def _evidence(rule: Rule) -> str:
    return "It reads:\n\n" + "".join(f"- {_input(name)}\n" for name in rule.inputs)


def _input(name: str) -> str:
    if name in INPUTS:
        return f"{name}: {INPUTS[name]}"
    known = COUNTERS.get(name)
    return f"`{name}`: {known.meaning}" if known else f"`{name}`"


def _thresholds(rule: Rule) -> str:
    if not rule.thresholds:
        return ""
    keys = {id(one): key for key, one in thresholds.keys().items()}
    rows = "".join(f"| {_cells(one, keys)} |\n" for one in rule.thresholds)
    note = "\n[thresholds.md](../thresholds.md) says how one is set."
    return f"| figure | source | set as |\n| --- | --- | --- |\n{rows}{note}"


def _cells(threshold: Threshold, keys: dict[int, str]) -> str:
    key = keys.get(id(threshold), "")
    set_as = f"`{key}`" if key and not threshold.fixed else "not"
    return f"{threshold.text} | {threshold.source} | {set_as}"


def _fix(row: TableRow) -> str:
    rule = row.rule
    fix = template_text(rule.fix) if rule.fix else _fixes_of_cases(row)
    verify = f"\n\nIt has helped when: {template_text(rule.verify).strip()}." if rule.verify else ""
    return f"{_sentence(fix)}{verify}"


def _fixes_of_cases(row: TableRow) -> str:
    texts = fix_texts(row.module)
    if not texts:
        return "As the finding says: it depends on the case."
    blocks = "\n\n".join(f"```text\n{text}\n```" for text in texts)
    return f"It depends on the case; a finding says one of these, filled in:\n\n{blocks}"


def _sentence(text: str) -> str:
    return dedent(text).strip()


def _listed(items: Iterable[str], before: str) -> str:
    rows = "".join(f"- {item}\n" for item in items)
    return f"{before}\n\n{rows}" if rows else ""


def _seen(rule: Rule) -> str:
    names = ", ".join(f"[{one.title}](../symptoms/{one.name}.md)" for one in _symptoms_of(rule))
    asked = f" The guide asks for it where {names}." if names else ""
    tried = [name for name, fault in all_faults().items() if rule.id in fault.rules]
    faults = ", ".join(f"`podwire lab --fault {name}`" for name in tried)
    lab = f"\n\nTo see it in the lab: {faults}." if faults else ""
    return f"On the screen `{rule.screen}` (`s` on the finding).{asked}{lab}"


def _symptoms_of(rule: Rule) -> list[Symptom]:
    return [one for one in symptoms() if one.name in rule.symptoms]


def findings_index(rows: Iterable[TableRow]) -> str:
    lines = "".join(
        f"| [{row.rule.id}]({row.rule.id}.md) | {row.rule.title} | {row.rule.scope} |\n"
        for row in rows
    )
    return (
        "# Findings\n\nA page each, made from the rules. [rules.md](../rules.md) has all on one"
        f" page.\n\n| finding | what it is | scope |\n| --- | --- | --- |\n{lines}"
    )


# --- a symptom


def symptom_page(symptom: Symptom, rows: Iterable[TableRow]) -> str:
    named = {row.rule.id: row.rule for row in rows if symptom.name in row.rule.symptoms}
    steps = list(_steps(symptom.name, symptom.start.__name__, named))
    listed = {one for group in steps for one in group.rules}
    rest = [one for one in named if one not in listed]
    return (
        f"# {symptom.title[0].upper()}{symptom.title[1:]}\n\n{_about(symptom)}\n\n"
        f"{GUIDE}## What is looked at, in order\n\n{ENDS}"
        + "".join(_step(number, group, named) for number, group in enumerate(steps, 1))
        + (_step(len(steps) + 1, _others(rest), named) if rest else "")
    )


def _about(symptom: Symptom) -> str:
    text = inspect.getdoc(symptom.start) or ""
    goal = "It asks for a name or an address, and a port." if symptom.needs_goal else ""
    return " ".join((*text.split(), goal)).strip()


def _others(rules: list[str]) -> RuleGroup:
    return RuleGroup(
        "look at everything else that may explain it", "nothing is left out", tuple(rules)
    )


def _step(number: int, group: RuleGroup, named: dict[str, Rule]) -> str:
    rules = [named[one] for one in group.rules if one in named]
    lines = "".join(
        f"    - [{rule.id}](../findings/{rule.id}.md): {rule.title}\n" for rule in rules
    )
    return f"{number}. {group.does[0].upper()}{group.does[1:]}: {group.why}.\n\n{lines}\n"


def _steps(symptom: SymptomName, function: str, named: dict[str, Rule]) -> Iterator[RuleGroup]:
    """The groups that a tree looks at and that have rules of this symptom, as they are written."""
    for name in dict.fromkeys(_groups_in(function, set())):
        if any(one in named for one in GROUPS[name].rules):
            yield GROUPS[name]


def _groups_in(function: str, seen: set[str]) -> Iterator[str]:
    """Also in the functions that it calls."""
    source = getattr(symptom_trees, function, None)
    if function in seen or not inspect.isfunction(source):
        return
    seen.add(function)
    for node in _in_order(ast.parse(inspect.getsource(source))):
        if node.id in GROUPS:
            yield node.id
        else:
            yield from _groups_in(node.id, seen)


def _in_order(tree: ast.AST) -> list[ast.Name]:
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return sorted(names, key=lambda node: (node.lineno, node.col_offset))


def symptoms_index() -> str:
    lines = "".join(f"- [{one.title}]({one.name}.md)\n" for one in symptoms())
    return f"# Symptoms\n\nWhat is to be seen, and what the guide (`e`) looks at for it.\n\n{lines}"
