"""A Service has no endpoint that answers (SIGNATURES 5.11 #17)."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import PodRow, ServiceRow
from diagnosis.finding import Evidence, Finding
from diagnosis.names import near
from diagnosis.snapshot import Snapshot, listed


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


def _finding(snapshot: Snapshot, service: ServiceRow, waiting: list[str]) -> Finding:
    name = f"{service.namespace}/{service.name}"
    selector = ",".join(f"{key}={value}" for key, value in service.selector)
    pods = snapshot.selected(service)
    asked = [c for c in snapshot.conversations if c.server in service.ips]
    evidence = [Evidence(f"0 ready endpoints, {len(waiting)} not ready", f"EndpointSlices of {name}", snapshot.at)]
    if asked:
        evidence.append(
            Evidence(f"asked by {listed(snapshot.name(c.client) for c in asked)}: "
                     f"{sum(c.refused for c in asked)} refused, {sum(c.unanswered for c in asked)} unanswered",
                     "capture", snapshot.at)
        )  # fmt: skip
    if not pods:
        near = _near(snapshot, service)
        title = f"The Service has no endpoints: its selector {selector} matches no pod"
        evidence.append(Evidence(f"no pod of {service.namespace} is labelled {selector}{near}", "pods", snapshot.at))
        fix = f"kubectl -n {service.namespace} edit service {service.name}  # correct spec.selector ({selector})"
    else:
        title = f"No endpoint of the Service is ready: {_states(pods)}"
        evidence.append(Evidence(listed((f"{p.name} {p.phase} {p.ready}" for p in pods), 4), "pods", snapshot.at))
        probe = next((said for p in pods if (said := snapshot.probe(p))), None)
        if probe is not None:
            told = f"{probe.message} ({probe.count} times, last {_ago(snapshot.at - probe.last)})"
            evidence.append(Evidence(told, f"the kubelet, of {probe.pod}", snapshot.at))
        told = next((p.told for p in pods if p.told), "")
        if told:
            evidence.append(Evidence(told, "the kubelet, of the container", snapshot.at))
        fix = f"kubectl -n {service.namespace} describe pod {pods[0].name}  # what its readiness probe depends on"
    return Finding(
        "endpoints", "critical" if asked or is_dns(service) or pods else "warning", name, title, tuple(evidence),
        "no ready address in any EndpointSlice", "certain", "ready endpoints exist and answer directly", fix, "shell",
        f"kubectl -n {service.namespace} get endpointslices -l kubernetes.io/service-name={service.name}", "services",
    )  # fmt: skip


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
        values = {dict(p.labels).get(key, "") for p in snapshot.pods if p.namespace == service.namespace} - {"", value}
        if alike := near(value, values):
            return f"; there are pods labelled {key}={alike}"
    return ""
