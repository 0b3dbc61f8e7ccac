"""A Service has no endpoint that answers.

Facts: docs/reference/failures.md #17.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import PodRow, ServiceRow
from collectors.findings import Evidence, Finding
from diagnosis.edit_distance import near
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot, listed
from diagnosis.subjects import service_subject

STARTING_S, RECENT_S, FAILURES = 60.0, 120.0, 3


def is_dns(service: ServiceRow) -> bool:
    return any(port.number == 53 for port in service.targets)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    known = {row.kind for row in snapshot.slices}
    for service in snapshot.services:
        if not service.selector or service.type == "ExternalName" or not (known or snapshot.pods):
            continue
        ready, waiting = snapshot.endpoints(service)
        if not ready and not (service.publish_not_ready and waiting):
            yield _finding(snapshot, service, waiting)
        elif ready and waiting:
            yield from _some(snapshot, service, ready, waiting)


def _some(
    snapshot: Snapshot, service: ServiceRow, ready: list[str], waiting: list[str]
) -> Iterator[Finding]:
    """Some are out because their probes go on failing; a pod that starts is none of them."""
    name = f"{service.namespace}/{service.name}"
    out = [
        p
        for p in snapshot.selected(service)
        if p.ip in waiting and snapshot.at - p.created > STARTING_S
    ]
    said = [
        row
        for p in out
        if (row := snapshot.probe(p))
        and row.count >= FAILURES
        and snapshot.at - row.last < RECENT_S
    ]
    if not said:
        return
    yield Finding(
        rule="endpoints",
        severity="warning",
        subject=service_subject(service),
        title=f"{len(said)} of {len(ready) + len(waiting)} endpoints are out: their probes fail",
        evidence=(
            Evidence(
                f"{len(ready)} ready endpoints, {len(waiting)} not ready",
                f"EndpointSlices of {name}",
                snapshot.at,
            ),
            *(
                Evidence(
                    f"{row.message} ({row.count} times, last {_ago(snapshot.at - row.last)})",
                    f"the kubelet, of {row.pod}",
                    snapshot.at,
                )
                for row in said[:3]
            ),
        ),
        threshold=f"{FAILURES} failures, the last within {RECENT_S:.0f} s, of a pod older than {STARTING_S:.0f} s: {CONVENTION}",
        confidence="certain",
        disproof="they come and go with a rollout",
        fix=f"kubectl -n {service.namespace} describe pod {said[0].pod}",
        fix_kind="shell",
        verify=f"kubectl -n {service.namespace} get endpointslices -l kubernetes.io/service-name={service.name}",
        screen="services",
    )


def _finding(snapshot: Snapshot, service: ServiceRow, waiting: list[str]) -> Finding:
    name = f"{service.namespace}/{service.name}"
    selector = ",".join(f"{key}={value}" for key, value in service.selector)
    pods = snapshot.selected(service)
    asked = [c for c in snapshot.conversations if c.server in service.ips]
    evidence = [
        Evidence(
            f"0 ready endpoints, {len(waiting)} not ready", f"EndpointSlices of {name}", snapshot.at
        )
    ]
    if asked:
        evidence.append(
            Evidence(
                f"asked by {listed(snapshot.name(c.client) for c in asked)}: "
                f"{sum(c.refused for c in asked)} refused, {sum(c.unanswered for c in asked)} unanswered",
                "capture",
                snapshot.at,
            )
        )
    if not pods:
        near = _near(snapshot, service)
        title = f"The Service has no endpoints: its selector {selector} matches no pod"
        evidence.append(
            Evidence(
                f"no pod of {service.namespace} is labelled {selector}{near}", "pods", snapshot.at
            )
        )
        fix = f"kubectl -n {service.namespace} edit service {service.name}  # correct spec.selector ({selector})"
    else:
        title = f"No endpoint of the Service is ready: {_states(pods)}"
        evidence.append(
            Evidence(
                listed((f"{p.name} {p.phase} {p.ready}" for p in pods), 4), "pods", snapshot.at
            )
        )
        probe = next((said for p in pods if (said := snapshot.probe(p))), None)
        if probe is not None:
            told = f"{probe.message} ({probe.count} times, last {_ago(snapshot.at - probe.last)})"
            evidence.append(Evidence(told, f"the kubelet, of {probe.pod}", snapshot.at))
        told = next((p.message for p in pods if p.message), "")
        if told:
            evidence.append(Evidence(told, "the kubelet, of the container", snapshot.at))
        fix = f"kubectl -n {service.namespace} describe pod {pods[0].name}  # what its readiness probe depends on"
    return Finding(
        rule="endpoints",
        severity="critical" if asked or is_dns(service) or pods else "warning",
        subject=service_subject(service),
        title=title,
        evidence=tuple(evidence),
        threshold="no ready address in any EndpointSlice",
        confidence="certain",
        disproof="ready endpoints exist and answer directly",
        fix=fix,
        fix_kind="shell",
        verify=f"kubectl -n {service.namespace} get endpointslices -l kubernetes.io/service-name={service.name}",
        screen="services",
    )


def _ago(seconds: float) -> str:
    return f"{max(0, seconds):.0f} s ago" if seconds < 120 else f"{seconds / 60:.0f} min ago"


def _states(pods: list[PodRow]) -> str:
    running = [p for p in pods if p.phase == "Running"]
    if len(running) == len(pods):
        return f"{len(pods)} pods run, and their readiness probes fail"
    return listed(f"{p.name} is {p.phase}" for p in pods if p.phase != "Running")


def _near(snapshot: Snapshot, service: ServiceRow) -> str:
    """A pod's label that differs in its value only, where one is: the typing error itself."""
    for key, value in service.selector:
        values = {
            dict(p.labels).get(key, "") for p in snapshot.pods if p.namespace == service.namespace
        } - {"", value}
        if alike := near(value, values):
            return f"; there are pods labelled {key}={alike}"
    return ""
