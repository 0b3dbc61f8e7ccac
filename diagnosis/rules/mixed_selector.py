"""A Service selects pods of another workload, which do not serve its port: a share of its
connections is refused.

A selector over two workloads that both serve is healthy: blue and green, a canary.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from collectors.events import PodRow, ServicePort, ServiceRow
from collectors.findings import Evidence, Finding
from collectors.frozen import frozen
from diagnosis.reachability.parties import port_number
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._connections import LEAST
from diagnosis.rules._service_paths import service_paths
from diagnosis.snapshot import Conversation, Snapshot, listed
from diagnosis.subjects import service_subject

OLDER = Threshold("of pods older than", 20, "s: a program opens its port late", CONVENTION)
RULE = Rule(
    id="mixed_selector",
    title="A Service selects pods of another workload, where nothing listens on its target port",
    scope="Service",
    stage="cause",
    inputs=("Services", "pods", "capture"),
    symptoms=("connect", "reset"),
    screen="services",
    criterion="two workloads behind one selector: pods of one answer, all of the other refuse and "
    "declare no such port",
    thresholds=(LEAST, OLDER),
    false_friends=("both workloads are meant to serve, and one of them is broken",),
    severity="critical",
    confidence="certain",
    fix_kind="shell",
    verify="kubectl -n {namespace} get endpointslices -l kubernetes.io/service-name={name}: the "
    "pods that serve, and no others",
)


Counts = Mapping[tuple[str, int, str], tuple[int, int]]  # refused, answered


@frozen
class PodOutcome:
    """What became of connections to one pod of a Service."""

    pod: PodRow
    refused: int
    answered: int


@frozen
class MixedService:
    """A port of a Service; `others` are those of its pods that refuse, and are of other workloads
    than those that answer."""

    service: ServiceRow
    port: ServicePort
    outcomes: list[PodOutcome]
    others: list[PodOutcome]


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    """One for each group of pods that do not serve, whatever number of Services selects them."""
    counts = _counts(snapshot)
    found: dict[tuple[str, ...], list[MixedService]] = {}
    for service in snapshot.services:
        for mixed in _of_service(snapshot, service, counts):
            uids = tuple(sorted(one.pod.uid for one in mixed.others))
            found.setdefault(uids, []).append(mixed)
    for services in found.values():
        yield _finding(snapshot, *services)


def _of_service(snapshot: Snapshot, service: ServiceRow, counts: Counts) -> Iterator[MixedService]:
    pods = [pod for pod in snapshot.selected(service) if _is_endpoint(pod)]
    if len({_group(pod) for pod in pods}) < 2:
        return
    for port in service.targets:
        outcomes = [_outcome(pod, port, counts) for pod in pods]
        if (mixed := _mixed(snapshot, service, port, outcomes)) is not None:
            yield mixed


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """Connections to the Service, and to a pod that does not serve."""
    subject, pod = finding.subject, snapshot.by_address.get(talk.server)
    for service in snapshot.services:
        if (service.namespace, service.name) != (subject.namespace, subject.name):
            continue
        is_own = pod is not None and pod in snapshot.selected(service)
        return talk.server in service.ips or (is_own and not talk.answered)
    return False


def _is_endpoint(pod: PodRow) -> bool:
    return bool(pod.ip) and pod.phase == "Running" and pod.all_ready


def _group(pod: PodRow) -> str:
    """Its workload; of pods that nothing owns, what they run."""
    return pod.workload or pod.program or pod.name


def _counts(snapshot: Snapshot) -> Counts:
    found: dict[tuple[str, int, str], tuple[int, int]] = {}
    for talk in snapshot.conversations:
        key = (talk.server, talk.port, talk.protocol)
        refused, answered = found.get(key, (0, 0))
        found[key] = (refused + talk.refused, answered + talk.answered)
    return found


def _outcome(pod: PodRow, port: ServicePort, counts: Counts) -> PodOutcome:
    number = port_number(pod, port.target, port.protocol) or 0
    refused, answered = counts.get((pod.ip, number, port.protocol), (0, 0))
    return PodOutcome(pod, refused, answered)


def _mixed(
    snapshot: Snapshot, service: ServiceRow, port: ServicePort, outcomes: list[PodOutcome]
) -> MixedService | None:
    serving = {_group(one.pod) for one in outcomes if one.answered}
    others = [
        one
        for one in outcomes
        if one.refused >= LEAST.value
        and _group(one.pod) not in serving
        and snapshot.at - one.pod.created > OLDER.value
        and not _declares(one.pod, port)
    ]
    return MixedService(service, port, outcomes, others) if serving and others else None


def _declares(pod: PodRow, port: ServicePort) -> bool:
    """Whether it is meant to serve, as a canary whose program failed is."""
    number = port_number(pod, port.target, port.protocol)
    return any((own.number, own.protocol) == (number, port.protocol) for own in pod.ports)


def _finding(snapshot: Snapshot, first: MixedService, *more: MixedService) -> Finding:
    service = first.service
    names = listed(one.pod.name for one in first.others)
    return RULE.finding(
        subject=replace(service_subject(service), port=first.port.number),
        title=f"The Service selects {names} as well, of another workload, where nothing listens on "
        f"{first.port.target}: {_share(snapshot, first)}connections are refused",
        evidence=_evidence(snapshot, first, more),
        fix=_fix(first),
        namespace=service.namespace,
        name=service.name,
    )


def _share(snapshot: Snapshot, mixed: MixedService) -> str:
    """Of the connections to the Service, as their clients' nodes saw them; '' where none is open.
    What is seen at the endpoints alone is not the whole."""
    rows = [
        path.row
        for path in service_paths(snapshot)
        if (path.service, path.port) == (mixed.service, mixed.port)
    ]
    others = {ip for one in mixed.others for ip in (one.pod.ip, *one.pod.ips)}
    whole = sum(row.connections for row in rows)
    refused = sum(row.refused for row in rows if row.endpoint in others)
    return f"{refused} of {whole} " if refused else ""


def _fix(mixed: MixedService) -> str:
    service, pod = mixed.service, mixed.others[0].pod
    return (
        f"# a label that only the pods that serve have: in their template, and in the selector\n"
        f"kubectl -n {service.namespace} edit service {service.name}  "
        f"# {service.selector_text} is too wide\n# at once: remove the label from the other pod\n"
        f"kubectl -n {pod.namespace} label pod {pod.name} {service.selector[0][0]}-"
    )


def _evidence(
    snapshot: Snapshot, first: MixedService, more: tuple[MixedService, ...]
) -> Iterator[Evidence]:
    for one in first.others[:3]:
        owner = one.pod.workload or "nothing owns it, and it runs something else"
        text = f"{one.pod.name} ({owner}): {one.refused} refused, {one.answered} answered"
        yield snapshot.fact(text, "capture, pods")
    rest = [one for one in first.outcomes if one not in first.others]
    names = listed(f"{one.pod.name} ({one.answered} answered)" for one in rest)
    yield snapshot.fact(f"the others: {names}", "capture, pods")
    for mixed in (first, *more)[:4]:
        source = f"Service {mixed.service.namespace}/{mixed.service.name}"
        yield snapshot.fact(
            f"the selector {mixed.service.selector_text} matches all of them", source
        )
