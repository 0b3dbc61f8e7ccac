"""A pod restarts because of what it needs from the network.

Facts: docs/reference/failures.md; Popeye, k8sgpt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collectors.events import PodRow
from collectors.findings import Evidence, Finding
from diagnosis.snapshot import Snapshot, listed
from diagnosis.subjects import pod_subject

LOOPS = ("CrashLoopBackOff", "Error", "StartError")
_NETWORK = re.compile(
    r"no such host|not resolve|name resolution|getaddrinfo|NXDOMAIN|connection refused|timed? ?out|unreachable|dial tcp"
    r"|probe failed|lookup ",
    re.IGNORECASE,
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for pod in snapshot.pods:
        if pod.phase in LOOPS and pod.restarts:
            yield from _one(snapshot, pod)


def _one(snapshot: Snapshot, pod: PodRow) -> Iterator[Finding]:
    addresses = set(pod.ips or (pod.ip,))
    missing = sorted(
        {
            asked
            for target in snapshot.targets
            if target.lookups
            for client, names in target.lookups.missing.items()
            if client in addresses
            for asked in names
        },
        key=len,
    )
    refused = [
        c for c in snapshot.conversations if c.client in addresses and (c.refused or c.unanswered)
    ]
    evidence = [Evidence(f"{pod.phase}, {pod.restarts} restarts", "pod status", snapshot.at)]
    if pod.message:
        evidence.append(Evidence(pod.message, "the kubelet, of the container", snapshot.at))
    if probe := snapshot.probe(pod):
        evidence.append(
            Evidence(
                f"{probe.message} ({probe.count} times)", "the kubelet, of its probe", snapshot.at
            )
        )
    if missing:
        evidence.append(
            Evidence(
                f"names it asks for and that do not exist: {listed(missing)}",
                "capture, port 53",
                snapshot.at,
            )
        )
    if refused:
        ends = listed(f"{snapshot.name(c.server)}:{c.port}" for c in refused)
        evidence.append(Evidence(f"refused or unanswered: {ends}", "capture", snapshot.at))
    if missing:
        title = f"It restarts because {missing[0]} does not resolve"
    elif refused:
        first = refused[0]
        title = f"It restarts because {snapshot.name(first.server)}:{first.port} does not answer"
    elif _NETWORK.search(pod.message):
        title = "It restarts because of the network, as it says itself"
    else:
        title = "It restarts again and again"
    known = bool(missing or refused or _NETWORK.search(pod.message))
    yield Finding(
        rule="crash_loop",
        severity="critical" if known else "warning",
        subject=pod_subject(pod),
        title=title,
        evidence=tuple(evidence),
        threshold="CrashLoopBackOff",
        confidence="certain" if missing else "likely" if known else "possible",
        disproof="its log names another reason",
        fix=f"kubectl -n {pod.namespace} logs {pod.name} --previous --tail 30",
        fix_kind="shell",
        verify="the pod runs and is ready",
        screen="pods",
    )
