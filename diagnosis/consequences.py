"""Symptoms under the cause that explains them.

A cause and a symptom at the same time are not one thing: they are joined where every conversation
that the symptom is about fails because of that cause. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from collectors.findings import Finding, Subject
from diagnosis.snapshot import Conversation, Snapshot, TargetView

DNS_PORT = 53
# what says where, and not why: explained by causes, and explaining those after them
EXPLAINING = ("node_unreachable", "endpoint_failing", "packet_loss", "service_failing")
NEARLY_ALL = 0.9  # of the failures; the rest may be chance
Key = tuple[str, Subject]
CausesOf = Mapping[Key, Finding | None]
Explains = Callable[[Snapshot, Finding, Conversation], bool]
ExplainsFinding = Callable[[Snapshot, Finding, Finding], bool]
NOTHING: Mapping[str, ExplainsFinding] = {}


def joined(
    snapshot: Snapshot,
    findings: Iterable[Finding],
    explains: Mapping[str, Explains],
    explains_finding: Mapping[str, ExplainsFinding] = NOTHING,
    earlier: Sequence[Finding] = (),
) -> list[Finding]:
    """The findings, without those that are explained: they are in a cause's `consequences`, or
    follow from one that was found `earlier`. `explains` and `explains_finding` are by the id of the
    cause's rule."""
    known = list(findings)
    keys = {one.key for one in known}
    everything = [*known, *(one for one in earlier if one.key not in keys)]
    causes = sorted((one for one in everything if one.rule in explains), key=_rank)
    followed = {one.key: _followed(snapshot, one, everything, explains_finding) for one in known}
    causes_of = {
        one.key: _cause_of(snapshot, one, _not_due_to(one, causes, followed), explains)
        or followed[one.key]
        for one in known
    }
    return _under_causes(known, causes_of)


def _not_due_to(
    finding: Finding, causes: Iterable[Finding], followed: CausesOf
) -> Iterator[Finding]:
    """Without what a rule says to follow from this finding: that is more exact than connections
    that both are about."""
    return (cause for cause in causes if followed.get(cause.key) is not finding)


def _under_causes(known: Iterable[Finding], causes_of: CausesOf) -> list[Finding]:
    under: dict[Key, list[str]] = {}
    left = []
    for finding in known:
        first = _first_cause(finding, causes_of)
        if first is None:
            left.append(finding)
        else:
            under.setdefault(first.key, []).append(f"{finding.where}: {finding.title}")
    return [_with(finding, under.get(finding.key, ())) for finding in left]


def _first_cause(finding: Finding, causes_of: CausesOf) -> Finding | None:
    """The cause of its cause, and so on; None for one that has none, or is part of a circle: what
    is nobody's consequence is never left unsaid."""
    first, passed = causes_of[finding.key], {finding.key}
    while first is not None and (further := causes_of.get(first.key)) is not None:
        if first.key in passed:
            return None
        passed.add(first.key)
        first = further
    return first


def _with(finding: Finding, consequences: Iterable[str]) -> Finding:
    listed = tuple(dict.fromkeys(consequences))
    return replace(finding, consequences=listed) if listed else finding


def _cause_of(
    snapshot: Snapshot,
    symptom: Finding,
    causes: Iterable[Finding],
    explains: Mapping[str, Explains],
) -> Finding | None:
    """The first cause that explains nearly all that the symptom is about."""
    if not _is_explainable(symptom):
        return None
    fails = FAILS.get(symptom.rule, has_failed)
    talks = talks_of(snapshot, symptom, explains.get(symptom.rule))
    total = sum(map(fails, talks))
    for cause in causes if total else ():
        if _rank(cause) >= _rank(symptom):
            continue
        explained = (fails(talk) for talk in talks if explains[cause.rule](snapshot, cause, talk))
        if sum(explained) >= NEARLY_ALL * total:
            return cause
    return None


def talks_of(snapshot: Snapshot, symptom: Finding, own: Explains | None) -> list[Conversation]:
    """What a symptom is about: by its own rule, where that says it."""
    if own is None:
        return failing(snapshot, symptom)
    fails = FAILS.get(symptom.rule, has_failed)
    return [t for t in snapshot.conversations if fails(t) and own(snapshot, symptom, t)]


def _followed(
    snapshot: Snapshot,
    finding: Finding,
    known: Iterable[Finding],
    explains_finding: Mapping[str, ExplainsFinding],
) -> Finding | None:
    """Another finding that this one follows from, whatever its stage."""
    for cause in known:
        explained = explains_finding.get(cause.rule)
        if explained is not None and cause is not finding and explained(snapshot, cause, finding):
            return cause
    return None


def _rank(finding: Finding) -> int:
    """A cause explains all symptoms; a symptom those behind it."""
    if not _is_explainable(finding):
        return 0
    nearest = EXPLAINING.index(finding.rule) if finding.rule in EXPLAINING else len(EXPLAINING)
    return 1 + nearest


def _is_explainable(finding: Finding) -> bool:
    return finding.stage == "symptom" or finding.rule in EXPLAINING


def failing(snapshot: Snapshot, symptom: Finding) -> list[Conversation]:
    """The conversations that a symptom is about: those that fail as it says with its server; of a
    pod or node without a port those that it saw fail."""
    fails = FAILS.get(symptom.rule, has_failed)
    subject = symptom.subject
    if subject.port:
        return [t for t in snapshot.conversations if fails(t) and _is_of(snapshot, t, subject)]
    return list(filter(fails, _seen_by(snapshot, subject)))


def _seen_by(snapshot: Snapshot, subject: Subject) -> Iterator[Conversation]:
    """By its own capture; of a pod that has none by those of others."""
    for view in snapshot.targets:
        if view.subject == subject:
            yield from view.conversations or _of_pod(snapshot, view)


def _of_pod(snapshot: Snapshot, view: TargetView) -> Iterator[Conversation]:
    own = view.pod.addresses if view.pod is not None else ()
    return (talk for talk in snapshot.conversations if talk.client in own or talk.server in own)


def _is_of(snapshot: Snapshot, talk: Conversation, subject: Subject) -> bool:
    return subject in (snapshot.subject(*talk.end), snapshot.workload_subject(*talk.end))


def has_failed(talk: Conversation) -> int:
    """By any rule; clients reset connections that were answered as well, as probers do."""
    return max(fails(talk) for rule, fails in FAILS.items() if rule != "conntrack_invalid")


def _is_silent(talk: Conversation) -> int:
    return max(talk.unanswered, talk.answers_stopped + talk.answers_passed)


def _is_silent_dns(talk: Conversation) -> int:
    """A question from a port of its own is one packet, which no client repeats."""
    return max(0, talk.flows - talk.answered) if talk.port == DNS_PORT else 0


FAILS: Mapping[str, Callable[[Conversation], int]] = {
    "unanswered": _is_silent,
    "endpoint_failing": lambda talk: max(
        _is_silent(talk), talk.refused, talk.server_resets, talk.flows - talk.answered
    ),
    "packet_loss": lambda talk: max(_is_silent(talk), talk.retransmitted, talk.refused),
    "refused": lambda talk: talk.refused,
    "udp_refused": lambda talk: talk.udp_errors,
    "service_failing": lambda talk: max(talk.unanswered, talk.refused, talk.flows - talk.answered),
    "retransmits": lambda talk: talk.retransmitted + talk.unanswered,
    "resets": lambda talk: talk.server_resets,
    "conntrack_invalid": lambda talk: talk.client_resets,
    "slow_server": lambda talk: talk.slow,
    "dns_unanswered": _is_silent_dns,
    "dns_slow": _is_silent_dns,
    "dns_failing": _is_silent_dns,
}  # by the id of the symptom's rule
