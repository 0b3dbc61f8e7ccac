"""`python -m diagnosis.rules > docs/rules.md`: the rules' reference, from what they declare."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from textwrap import indent

from diagnosis.rule import INPUTS, SYMPTOMS, Rule
from diagnosis.rules import built_in

HEAD = """# Rules

Made from `diagnosis/rules/*.py` by `python -m diagnosis.rules > docs/rules.md`; edit the files, not
this page. A rule is a cause, a symptom that another finding may explain, or advice. Rates are those
of the last 15 s. `[thresholds]` of the configuration sets a threshold by the key that is given
after *Set as* (docs/thresholds.md).

| rule | what it finds | scope | stage |
| --- | --- | --- | --- |
"""


def page() -> str:
    rules = [row.rule for row in built_in()]
    for rule in rules:
        for sentence in no_symptoms(rule):
            raise SystemExit(f"diagnosis/rules/{rule.id}.py: {sentence}")
    rows = "".join(
        f"| [`{rule.id}`](#{rule.id}) | {rule.title} | {rule.scope} | {rule.stage} |\n"
        for rule in rules
    )
    return HEAD + rows + "".join(f"\n{_section(rule)}" for rule in rules)


def no_symptoms(rule: Rule) -> Iterator[str]:
    """A sentence for each symptom that a rule names and that there is not."""
    for name in rule.symptoms:
        if name not in SYMPTOMS:
            yield f"{name!r} is not a symptom: there are {', '.join(SYMPTOMS)}."


def set_as(rule: Rule) -> list[str]:
    """The keys of a configuration that set its thresholds, in their order."""
    from diagnosis.thresholds import keys

    by_threshold = {id(one): key for key, one in keys().items() if not one.fixed}
    return [by_threshold[id(one)] for one in rule.thresholds if id(one) in by_threshold]


def _section(rule: Rule) -> str:
    return f"## {rule.id}\n\n{rule.title}.\n\n" + "".join(f"- {line}\n" for line in _lines(rule))


def _lines(rule: Rule) -> Iterator[str]:
    yield f"**Scope, stage**: {rule.scope}, {rule.stage}; seen on the screen `{rule.screen}`."
    if rule.criterion:
        yield f"**Criterion**: {rule.criterion}."
    if rule.thresholds:
        yield f"**Thresholds**: {rule.figures_text}."
    if keys := ", ".join(f"`{key}`" for key in set_as(rule)):
        yield f"**Set as**: {keys}."
    yield f"**Inputs**: {', '.join(map(_input, rule.inputs))}."
    if rule.symptoms:
        yield f"**Symptoms**: {'; '.join(SYMPTOMS[name] for name in rule.symptoms)}."
    if rule.false_friends:
        yield f"**False friends**: it is something else if {', or if '.join(rule.false_friends)}."
    if rule.disproof:
        yield f"**Disproof**:{template_text(rule.disproof)}."
    usual = f"{rule.severity}, {rule.confidence}"
    yield f"**Severity, confidence**: {usual}, unless a case says otherwise."
    if rule.fix:
        yield f"**Fix** ({rule.fix_kind}):{template_text(rule.fix)}"
    if rule.verify:
        yield f"**Verify**:{template_text(rule.verify)}."


class _Placeholders(dict[str, object]):
    """Each stands for itself."""

    def __missing__(self, name: str) -> str:
        return f"<{name}>"


def template_text(template: str) -> str:
    """A line, or a block where it has several."""
    text = template.format_map(_Placeholders()).rstrip("\n")
    if "\n" not in text:
        return f" `{text}`" if "<" in text else f" {text}"
    block = f"```text\n{text}\n```"
    return "\n\n" + indent(block, "  ")


def _input(name: str) -> str:
    return name if name in INPUTS else f"`{name}`"


if __name__ == "__main__":
    sys.stdout.write(page())
