"""A pod's readiness comes and goes: it leaves and joins the endpoints of its Services.

A readiness probe that fails now and again, as under load within its timeout of 1 s, costs the
connections of each moment in which no other endpoint is ready.
Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import PodRow, ServiceRow
from collectors.findings import Evidence, Finding
from diagnosis.readiness_flips import ReadinessFlips
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._services import age
from diagnosis.snapshot import Conversation, Snapshot, listed
from diagnosis.subjects import pod_subject, service_subject

LEAST = Threshold(
    "at least", 4, "changes of a pod's readiness in 120 s, without a restart", CONVENTION
)
RULE = Rule(
    id="flapping",
    title="A pod's readiness comes and goes",
    scope="pod",
    stage="cause",
    inputs=("pods", "events", "Services"),
    symptoms=("connect", "timeout", "load"),
    screen="pods",
    thresholds=(LEAST,),
    false_friends=(
        "it started, or ends, or its container was restarted: each is one change",
        "the program is unready on purpose, as a leader that hands over",
    ),
    confidence="certain",
    fix="# what its readiness probe depends on; a longer timeoutSeconds and failureThreshold, so "
    "that one late answer is not a failure; more replicas\n"
    "kubectl -n {namespace} describe pod {name}",
    fix_kind="shell",
    verify="kubectl -n {namespace} get pod {name} -w: READY does not change",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    pods = {(pod.namespace, pod.name): pod for pod in snapshot.pods} if snapshot.flips else {}
    for flips in snapshot.flips:
        pod = pods.get((flips.namespace, flips.name))
        services = _services(snapshot, pod) if pod and _is_to_serve(pod) else []
        if pod and services and flips.count >= LEAST.value:
            yield _finding(snapshot, pod, flips, services)


def _is_to_serve(pod: PodRow) -> bool:
    return not pod.ended and pod.phase != "Terminating"


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What asked for a Service of which no other endpoint is ready."""
    service = snapshot.service_by_address.get(talk.server)
    return service is not None and any(
        service in _services(snapshot, pod) and _is_alone(snapshot, pod, service)
        for pod in _pods_of(snapshot, finding)
    )


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That endpoints of its Service are out, where only those of pods like it are."""
    return other.rule == "endpoints" and any(
        service_subject(service) == other.subject and _all_flap(snapshot, service)
        for pod in _pods_of(snapshot, finding)
        for service in _services(snapshot, pod)
    )


def _pods_of(snapshot: Snapshot, finding: Finding) -> list[PodRow]:
    return [pod for pod in snapshot.pods if pod_subject(pod) == finding.subject]


def _all_flap(snapshot: Snapshot, service: ServiceRow) -> bool:
    """Whether each pod of it that is not ready comes and goes."""
    flapping = {(one.namespace, one.name) for one in snapshot.flips if one.count >= LEAST.value}
    pods = snapshot.selected(service)
    return all(pod.all_ready or (pod.namespace, pod.name) in flapping for pod in pods)


def _services(snapshot: Snapshot, pod: PodRow) -> list[ServiceRow]:
    """Those whose endpoints it leaves while it is not ready."""
    found = (service for service in snapshot.services if service.selects(pod))
    return [service for service in found if not service.publish_not_ready]


def _is_alone(snapshot: Snapshot, pod: PodRow, service: ServiceRow) -> bool:
    ready, _ = snapshot.endpoints(service)
    return not set(ready) - {pod.ip, *pod.ips}


def _finding(
    snapshot: Snapshot, pod: PodRow, flips: ReadinessFlips, services: list[ServiceRow]
) -> Finding:
    names = listed(f"svc/{one.namespace}/{one.name}" for one in services)
    is_alone = any(_is_alone(snapshot, pod, service) for service in services)
    return RULE.finding(
        subject=pod_subject(pod),
        severity="critical" if is_alone else "warning",
        title=f"Its readiness comes and goes, {flips.count} changes in {flips.seconds:.0f} s: it "
        f"leaves and joins the endpoints of {names}",
        evidence=_evidence(snapshot, pod, flips),
        namespace=pod.namespace,
        name=pod.name,
    )


def _evidence(snapshot: Snapshot, pod: PodRow, flips: ReadinessFlips) -> Iterator[Evidence]:
    """Of the time at which it left last: what is over is known by that."""
    per_minute = 60 * flips.count / max(flips.seconds, 1.0)
    yield Evidence(f"{per_minute:.0f} changes a minute, none by a restart", "pods", flips.lost)
    if probe := snapshot.probe(pod):
        text = f"{probe.message} ({probe.count} times, last {age(snapshot.at - probe.last)})"
        yield Evidence(text, "the kubelet, of its probe", flips.lost)
