"""Rules of other packages: entry points of the group `podwire.rules`, each a module with `RULE` and
`evaluate(snapshot)`, named by the rule's id.

What is wrong with one of them is a sentence that names its package, and nothing else stops: it is
left out, or its findings are missing from that look. docs/extending.md is written for who makes
one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from itertools import islice
from types import ModuleType

from collectors.findings import Finding
from collectors.frozen import frozen
from collectors.sanitize import sanitize
from diagnosis import RULES_GROUP
from diagnosis.foreign_findings import checked, declaration_problem
from diagnosis.guarded import CallFailed, CallTooSlow, within
from diagnosis.rule import Rule
from diagnosis.snapshot import Snapshot

API = (1, 0)  # of diagnosis/api.py: major where something goes or changes, minor where it is added
IMPORT_S = 5.0
EVALUATE_S = 2.0  # the rules look every two seconds
MOST_FINDINGS = 1_000  # of a rule, at once
_ID = re.compile(r"[a-z][a-z0-9_]{2,39}")


class ForeignRule:
    """A rule of a package. `fault` is a sentence, '' while nothing went wrong."""

    def __init__(self, rule: Rule, module: ModuleType, package: str) -> None:
        self.rule, self.module, self.package = rule, module, package
        self.fault = ""
        self._is_off = False
        self._evaluate: Callable[[Snapshot], Iterable[object]] = module.evaluate

    def evaluate(self, snapshot: Snapshot) -> Iterator[Finding]:
        """Its findings; none where it fails, and none any more once it was too slow."""
        return iter(() if self._is_off else self._findings(snapshot))

    def _findings(self, snapshot: Snapshot) -> list[Finding]:
        try:
            return within(EVALUATE_S, lambda: self._collected(snapshot))
        except CallTooSlow as error:
            self._is_off = True
            self.fault = f"{self._named}: {error}: it is not asked again."
        except CallFailed as error:
            self.fault = self.fault or f"{self._named} failed: {error}: its findings are missing."
        return []

    def _collected(self, snapshot: Snapshot) -> list[Finding]:
        found = list(islice(self._evaluate(snapshot), MOST_FINDINGS + 1))
        if len(found) > MOST_FINDINGS:
            raise CallFailed(f"it has more than {MOST_FINDINGS:,} findings at once")
        kept: dict[object, Finding] = {}
        for finding in (checked(self.rule, one) for one in found):
            if kept.setdefault(finding.key, finding) is not finding:
                self.fault = self.fault or f"{self._named} {_twice(finding)}"
        return list(kept.values())

    @property
    def _named(self) -> str:
        return f"The rule {self.rule.id!r} of {self.package}"


@frozen
class Extensions:
    """`refused` are sentences, and `refused_ids` the names of the entry points that they are of."""

    rules: tuple[ForeignRule, ...] = ()
    refused: tuple[str, ...] = ()
    refused_ids: frozenset[str] = frozenset()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong by now, in sentences."""
        return (*self.refused, *(one.fault for one in self.rules if one.fault))

    @property
    def packages(self) -> str:
        """`acme-rules 1.0 (acme_queue, acme_retry)`; '' of none."""
        named: dict[str, list[str]] = {}
        for one in self.rules:
            named.setdefault(one.package, []).append(one.rule.id)
        return ", ".join(f"{package} ({', '.join(ids)})" for package, ids in named.items())


def _twice(finding: Finding) -> str:
    return (
        f"finds the same subject twice: {finding.where}: the first is kept; detail of the subject "
        "says which is which."
    )


def installed(own: Collection[str]) -> Extensions:
    """Those of the environment; `own` are the ids of podwire's rules."""
    return loaded(entry_points(group=RULES_GROUP), own)


def loaded(points: Iterable[EntryPoint], own: Collection[str]) -> Extensions:
    """By name of package and rule, so that the same one of two with one id stays."""
    rules: dict[str, ForeignRule] = {}
    refused: dict[str, str] = {}
    for point in sorted(points, key=lambda one: (_package(one), one.name)):
        try:
            rules[point.name] = _loaded(point, rules, own)
        except CallFailed as error:
            name, package = sanitize(point.name, 60), _package(point)
            refused[point.name] = f"The rule {name!r} of {package} is left out: {error}."
    return Extensions(tuple(rules.values()), tuple(refused.values()), frozenset(refused))


def _loaded(point: EntryPoint, rules: dict[str, ForeignRule], own: Collection[str]) -> ForeignRule:
    if not _ID.fullmatch(point.name):
        raise CallFailed("its name is not of 3 to 40 small letters, digits and _")
    if point.name in own:
        raise CallFailed("podwire has a rule of that name")
    if point.name in rules:
        raise CallFailed(f"{rules[point.name].package} has a rule of that name")
    try:
        module = within(IMPORT_S, point.load)
    except CallFailed as error:
        raise CallFailed(f"it cannot be imported: {error}") from None
    if why := _api_problem(module) or declaration_problem(module, point.name):
        raise CallFailed(why)
    return ForeignRule(module.RULE, module, _package(point))


def _api_problem(module: object) -> str:
    """`API` is optional: the version of diagnosis.api that the module was written for."""
    wanted = getattr(module, "API", "1.0")
    major, _, minor = str(wanted).partition(".")
    known = ".".join(map(str, API))
    if not (major.isdecimal() and minor.isdecimal()):
        return f"its API {sanitize(wanted, 20)!r} is not a version such as {known!r}"
    is_known = int(major) == API[0] and int(minor) <= API[1]
    return (
        "" if is_known else f"it was written for version {wanted} of diagnosis.api: here is {known}"
    )


def _package(point: EntryPoint) -> str:
    dist = point.dist
    return sanitize(f"{dist.name} {dist.version}", 80) if dist else "an unknown package"
