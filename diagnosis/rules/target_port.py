"""A Service sends to a port on which nothing listens: by what the containers declare and, where a pod is
open here, by its own listening sockets, which are certain.

Facts: docs/reference/failures.md #17.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.events import PodRow, ServicePort, ServiceRow
from collectors.findings import Evidence, Finding
from diagnosis.reachability.network_policy import port_number
from diagnosis.snapshot import Snapshot, TargetView, listed
from diagnosis.subjects import service_subject

LOOPBACK = ("127.", "::1")


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    views = {
        (v.pod.namespace, v.pod.name): v for v in snapshot.of_kind("pod") if v.pod and v.sockets
    }
    for service in snapshot.services:
        pods = snapshot.selected(service)
        for index, port in enumerate(service.targets if pods else ()):
            seen = [(pod, view) for pod in pods if (view := views.get((pod.namespace, pod.name)))]
            listening = [_listens(pod, view, port) for pod, view in seen]
            if port.protocol == "TCP" and listening and all(told is not None for told in listening):
                bad = [
                    (pod, view, told)
                    for (pod, view), told in zip(seen, listening, strict=True)
                    if told
                ]
                if bad and pod_is_ready(bad[0][0]):
                    yield _not_listening(service, port, index, *bad[0])
                continue
            declared = {p.number for pod in pods for p in pod.ports if p.protocol == port.protocol}
            names = {p.name for pod in pods for p in pod.ports if p.protocol == port.protocol}
            wrong = (
                int(port.target) not in declared
                if port.target.isdecimal()
                else port.target not in names
            )
            if wrong and (declared or not port.target.isdecimal()):
                yield _undeclared(snapshot, service, port, index, pods, sorted(declared))


def pod_is_ready(pod: PodRow) -> bool:
    """Whether its containers run: one that is starting does not listen yet."""
    return pod.phase == "Running"


def _listens(pod: PodRow, view: TargetView, port: ServicePort) -> str | None:
    """'' where the pod listens on the Service's target, else on what it listens instead; None where that is not known
    (a name that no container has, or no listen socket at all, since sockets were not read yet)."""
    number = port_number(pod, port.target, port.protocol)
    sockets = [
        row for row in view.sockets if row.state == "LISTEN" and row.protocol.startswith("tcp")
    ]
    if number is None or not sockets:
        return None
    own = [row for row in sockets if row.local_port == number]
    if any(not row.local.startswith(LOOPBACK) for row in own):
        return ""
    others = listed(
        (
            str(n)
            for n in sorted({r.local_port for r in sockets if not r.local.startswith(LOOPBACK)})
        ),
        5,
    )
    return f"127.0.0.1:{number} only" if own else others or "nothing"


def _patch(service: ServiceRow, index: int, right: int | str) -> str:
    """Of one port by its place: a merge would replace the whole list."""
    value = right if isinstance(right, int) else f'"{right}"'
    return (
        f"kubectl -n {service.namespace} patch service {service.name} --type json "
        f'-p \'[{{"op":"replace","path":"/spec/ports/{index}/targetPort","value":{value}}}]\''
    )


def _not_listening(
    service: ServiceRow, port: ServicePort, index: int, pod: PodRow, view: TargetView, instead: str
) -> Finding:
    number = port_number(pod, port.target, port.protocol) or 0
    local = instead.endswith("only")
    words = instead.split(", ")
    fix = (
        _patch(service, index, int(words[0]))
        if words[0].isdecimal()
        else (
            f"Make the program listen on the pod's address or 0.0.0.0, port {number}"
            if local
            else f"Make the program listen on port {number}, or correct targetPort"
        )
    )
    return Finding(
        rule="target_port",
        severity="critical",
        subject=replace(service_subject(service), detail=f"{port.number}/{port.protocol}"),
        title=f"The program in {pod.name} listens on {instead}"
        if local
        else f"Nothing listens on targetPort {port.target} in {pod.name}: it listens on {instead}",
        evidence=(
            Evidence(
                f"port {port.number}/{port.protocol} goes to targetPort {port.target}",
                f"Service {service.namespace}/{service.name}",
                view.at,
            ),
            view.fact(f"listen sockets: {instead}", "ss -ltn"),
        ),
        threshold="a listen socket on the target port",
        confidence="certain",
        disproof="the program opens the port later, or on demand",
        fix=fix,
        fix_kind="shell" if words[0].isdecimal() else "text",
        verify=f"ss -ltn in the pod shows {number}",
        screen="sockets",
    )


def _undeclared(
    snapshot: Snapshot,
    service: ServiceRow,
    port: ServicePort,
    index: int,
    pods: list[PodRow],
    declared: list[int],
) -> Finding:
    name, addresses = (
        f"{service.namespace}/{service.name}",
        {ip for pod in pods for ip in (pod.ips or (pod.ip,))},
    )
    number = int(port.target) if port.target.isdecimal() else 0
    refused = sum(
        c.refused for c in snapshot.conversations if c.server in addresses and c.port == number
    )
    refused += sum(
        c.refused
        for c in snapshot.conversations
        if c.server in service.ips and c.port == port.number
    )
    have = listed(map(str, declared), 5) or "none"
    evidence = [
        Evidence(
            f"port {port.number}/{port.protocol} goes to targetPort {port.target}",
            f"Service {name}",
            snapshot.at,
        ),
        Evidence(f"its pods declare: {have}", "containerPort of the pods", snapshot.at),
    ]
    if refused:
        evidence.append(
            Evidence(f"{refused} connections were refused by the pods", "capture", snapshot.at)
        )
    return Finding(
        rule="target_port",
        severity="critical" if refused or not number else "warning",
        subject=replace(service_subject(service), detail=f"{port.number}/{port.protocol}"),
        title=f"targetPort {port.target} is no port of the Service's pods",
        evidence=tuple(evidence),
        threshold="a port that no container declares",
        confidence="certain" if refused or not number else "possible",
        disproof="the program listens on it although its container does not declare it: ss -ltn in the pod",
        fix=_patch(service, index, declared[0] if declared else "PORT"),
        fix_kind="shell",
        verify=f"ss -ltn in a pod of {name} shows the target port",
        screen="services",
    )
