"""A Service sends to a port on which nothing listens (SIGNATURES 5.11 #17)."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import PodRow, ServicePort, ServiceRow
from diagnosis.finding import Evidence, Finding
from diagnosis.snapshot import Snapshot, listed


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for service in snapshot.services:
        pods = snapshot.selected(service)
        for port in service.targets if pods else ():
            declared = {p.number for pod in pods for p in pod.ports if p.protocol == port.protocol}
            names = {p.name for pod in pods for p in pod.ports if p.protocol == port.protocol}
            wrong = int(port.target) not in declared if port.target.isdecimal() else port.target not in names
            if wrong and (declared or not port.target.isdecimal()):
                yield _finding(snapshot, service, port, pods, sorted(declared))


def _finding(
    snapshot: Snapshot, service: ServiceRow, port: ServicePort, pods: list[PodRow], declared: list[int]
) -> Finding:
    name, addresses = f"{service.namespace}/{service.name}", {ip for pod in pods for ip in (pod.ips or (pod.ip,))}
    number = int(port.target) if port.target.isdecimal() else 0
    refused = sum(c.refused for c in snapshot.conversations if c.server in addresses and c.port == number)
    refused += sum(c.refused for c in snapshot.conversations if c.server in service.ips and c.port == port.number)
    have = listed(map(str, declared), 5) or "none"
    evidence = [
        Evidence(
            f"port {port.number}/{port.protocol} goes to targetPort {port.target}", f"Service {name}", snapshot.at
        ),
        Evidence(f"its pods declare: {have}", "containerPort of the pods", snapshot.at),
    ]
    if refused:
        evidence.append(Evidence(f"{refused} connections were refused by the pods", "capture", snapshot.at))
    right = str(declared[0]) if declared else "PORT"
    return Finding(
        "target_port", "critical" if refused or not number else "warning", f"{name} {port.number}/{port.protocol}",
        f"targetPort {port.target} is no port of the Service's pods", tuple(evidence),
        "a port that no container declares", "certain" if refused or not number else "possible",
        "the program listens on it although its container does not declare it: ss -ltn in the pod",
        f"kubectl -n {service.namespace} patch service {service.name} --type merge -p "
        f"'{{\"spec\":{{\"ports\":[{{\"port\":{port.number},\"protocol\":\"{port.protocol}\",\"targetPort\":{right}}}]}}}}'",
        "shell", f"ss -ltn in a pod of {name} shows the target port", "services",
    )  # fmt: skip
