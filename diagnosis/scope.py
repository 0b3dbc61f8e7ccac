"""Which findings are said: those of the namespace that was asked for and of what it depends on;
none of what is being deleted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collectors.events import ServiceRow
from collectors.findings import Finding, Subject
from collectors.frozen import frozen
from diagnosis.paths import End
from diagnosis.snapshot import Conversation, Snapshot
from diagnosis.subjects import workload_name

DNS_PORT = 53
Named = tuple[str, str]  # namespace, name


@frozen
class FindingScope:
    """A namespace, what it depends on by name, and the ends outside that it asks."""

    namespace: str
    named: frozenset[Named]
    asked: frozenset[End]

    def has(self, subject: Subject) -> bool:
        if subject.kind == "address":
            return (subject.name, subject.port) in self.asked
        return self._is_near(subject)

    def _is_near(self, subject: Subject) -> bool:
        return subject.namespace in ("", self.namespace) or _named(subject) in self.named


def in_scope(snapshot: Snapshot, findings: Iterable[Finding]) -> list[Finding]:
    deleted = {row.name for row in snapshot.namespaces if row.terminating}
    kept = [one for one in findings if one.subject.namespace not in deleted]
    return _within(snapshot, kept) if snapshot.namespace else kept


def _within(snapshot: Snapshot, findings: Iterable[Finding]) -> list[Finding]:
    scope = _scope(snapshot)
    return [one for one in findings if scope.has(one.subject)]


def _scope(snapshot: Snapshot) -> FindingScope:
    talks = [talk for talk in snapshot.conversations if _is_asked_from(snapshot, talk)]
    named = frozenset((*_dns(snapshot), *_servers(snapshot, talks)))
    return FindingScope(snapshot.namespace, named, frozenset(talk.end for talk in talks))


def _is_asked_from(snapshot: Snapshot, talk: Conversation) -> bool:
    pod = snapshot.by_address.get(talk.client)
    return pod is not None and pod.namespace == snapshot.namespace


def _servers(snapshot: Snapshot, talks: Iterable[Conversation]) -> Iterator[Named]:
    """Services, pods and their workloads that pods of the namespace have asked."""
    for talk in talks:
        yield _named(snapshot.subject(talk.server))
        yield _named(snapshot.workload_subject(talk.server))


def _named(subject: Subject) -> Named:
    return subject.namespace, subject.name


def _dns(snapshot: Snapshot) -> Iterator[Named]:
    """The cluster's DNS, which every pod depends on, asked or not."""
    for service in filter(_answers_dns, snapshot.services):
        yield service.namespace, service.name
        for pod in snapshot.selected(service):
            yield pod.namespace, pod.name
            yield pod.namespace, workload_name(pod)


def _answers_dns(service: ServiceRow) -> bool:
    return any(port.number == DNS_PORT for port in service.targets)
