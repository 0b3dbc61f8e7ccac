"""A Service sends to a port on which nothing listens: by what the containers declare and, where a
pod is open here, by its own listen sockets, which are certain.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.events import PodRow, ServicePort, ServiceRow
from collectors.findings import Evidence, Finding, Subject
from collectors.frozen import frozen
from collectors.sockets.rows import SocketRow
from collectors.target import pod_key
from diagnosis.paths import End
from diagnosis.reachability.parties import port_number
from diagnosis.rule import Rule
from diagnosis.rules._service_paths import endpoints
from diagnosis.snapshot import Snapshot, TargetView, listed
from diagnosis.subjects import service_subject

LOOPBACK = ("127.", "::1")
# to which iptables in the pod redirect what comes in: istio.io/latest/docs/ops/deployment/
# application-requirements, linkerd.io/2/reference/proxy-configuration
SIDECARS = (15006, 4143)
RULE = Rule(
    id="target_port",
    title="A Service sends to a port on which nothing listens",
    scope="Service",
    stage="cause",
    inputs=("Services", "pods", "sockets", "capture"),
    symptoms=("connect", "reset"),
    screen="services",
    criterion="a listen socket on the target port; a port that no container declares, where no "
    "pod is open",
    false_friends=(
        "the program opens the port later, or on demand",
        "the program listens on it although its container does not declare it: ss -ltn in the pod",
        "a headless Service, of which clients use the addresses alone",
        "a mesh's proxy gets what comes in (15006 of Istio, 4143 of Linkerd)",
    ),
    severity="critical",
    confidence="certain",
    fix_kind="shell",
)


@frozen
class Listening:
    """What an open pod's listen sockets say of one port of a Service. `found` is None where that is
    not known: a name that no container has, or sockets that were not read yet."""

    view: TargetView
    number: int
    found: bool | None
    only: str = ""  # the address on which it listens there, where no connection comes to
    others: tuple[int, ...] = ()

    @property
    def instead(self) -> str:
        if self.only:
            local = f"[{self.only}]" if ":" in self.only else self.only
            return f"{local}:{self.number} only"
        return listed(map(str, self.others), 5) or "nothing"


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    views = {view.key: view for view in snapshot.of_kind("pod") if view.sockets}
    for service in snapshot.services:
        if pods := snapshot.selected(service):
            yield from _of_service(snapshot, service, pods, views)


def _of_service(
    snapshot: Snapshot, service: ServiceRow, pods: list[PodRow], views: dict[str, TargetView]
) -> Iterator[Finding]:
    watched = _watched(_endpoints(service, pods), views)
    for index, port in enumerate(service.targets):
        if _is_answered(snapshot, service, port):
            continue
        if service.headless and not _refused(snapshot, service, port, pods):
            continue  # its clients ask pods at a port of their own choice
        listening = [_listening(view, service, port) for view in watched]
        if port.protocol == "TCP" and _all_known(listening):
            yield from _by_sockets(service, index, listening)
        else:
            yield from _by_declaration(snapshot, service, index, pods)


def _is_answered(snapshot: Snapshot, service: ServiceRow, port: ServicePort) -> bool:
    """Whether some endpoint answers on the target port: it is right, whatever others do."""
    known = set(endpoints(snapshot, service, port))
    return port.protocol == "TCP" and not known.isdisjoint(_answering(snapshot))


def _answering(snapshot: Snapshot) -> Iterator[End]:
    return (talk.end for talk in snapshot.conversations if talk.answered)


def _endpoints(service: ServiceRow, pods: list[PodRow]) -> list[PodRow]:
    """Those that connections go to: a standby that is not ready need not listen."""
    ready = [pod for pod in pods if pod.all_ready]
    return pods if service.publish_not_ready or not ready else ready


def _watched(pods: list[PodRow], views: dict[str, TargetView]) -> list[TargetView]:
    keys = (pod_key(pod.namespace, pod.name) for pod in pods)
    return [views[key] for key in keys if key in views]


def _all_known(listening: list[Listening]) -> bool:
    return bool(listening) and all(one.found is not None for one in listening)


# --- by listen sockets


def _listeners(view: TargetView) -> list[SocketRow]:
    tcp = (row for row in view.sockets if row.protocol.startswith("tcp"))
    return [row for row in tcp if row.state == "LISTEN"]


def _listening(view: TargetView, service: ServiceRow, port: ServicePort) -> Listening:
    number = port_number(view.pod, port.target, port.protocol) if view.pod else None
    sockets = _listeners(view)
    if number is None or not sockets or _has_sidecar(sockets):
        return Listening(view, number or 0, None)
    reachable = {row.local_port for row in sockets if _is_reached(row, service)}
    return Listening(
        view=view,
        number=number,
        found=number in reachable,
        only=next((row.local for row in sockets if row.local_port == number), ""),
        others=tuple(sorted(reachable)),
    )


def _is_reached(row: SocketRow, service: ServiceRow) -> bool:
    """Whether what is sent to the pod's address of the Service's family comes to that socket: one
    of IPv4 alone has no IPv6 (of IPv6, with or without IPv4: ipv6(7), IPV6_V6ONLY)."""
    is_of_family = service.families != ("IPv6",) or ":" in row.local or row.local == "*"
    return is_of_family and not row.local.startswith(LOOPBACK)


def _has_sidecar(sockets: list[SocketRow]) -> bool:
    """Whether a mesh's proxy gets all that comes in: it hands it on to loopback as well."""
    return any(row.local_port in SIDECARS for row in sockets)


def _by_sockets(service: ServiceRow, index: int, listening: list[Listening]) -> Iterator[Finding]:
    bad = next((one for one in listening if not one.found), None)
    pod = bad.view.pod if bad is not None else None
    if bad is None or pod is None or pod.phase != "Running":  # one that starts does not listen yet
        return
    if bad.only or not any(one.found for one in listening):  # else the port is right
        yield _by_sockets_finding(service, index, bad, pod)


def _by_sockets_finding(service: ServiceRow, index: int, bad: Listening, pod: PodRow) -> Finding:
    port = service.targets[index]
    fix, command = _fix(service, index, bad)
    return RULE.finding(
        subject=_subject(service, port),
        title=f"The program in {pod.name} listens on {bad.instead}"
        if bad.only
        else f"Nothing listens on targetPort {port.target} in {pod.name}: it listens on "
        f"{bad.instead}",
        evidence=_by_sockets_evidence(service, bad, port),
        disproof=RULE.false_friends[0],
        fix=fix,
        fix_kind="shell" if command else "text",
        verify=f"ss -ltn in the pod shows {bad.number}",
        screen="sockets",
    )


def _by_sockets_evidence(
    service: ServiceRow, bad: Listening, port: ServicePort
) -> Iterator[Evidence]:
    yield replace(bad.view.fact(_path(port), _source(service)), scope="")
    yield bad.view.fact(f"listen sockets: {bad.instead}", "ss -ltn")


def _fix(service: ServiceRow, index: int, bad: Listening) -> tuple[str, bool]:
    """What to do, and whether that is a command."""
    if bad.only:
        everywhere = "::" if service.families == ("IPv6",) else "0.0.0.0"
        return (
            f"Make the program listen on the pod's address or {everywhere}, port {bad.number}",
            False,
        )
    if bad.others:
        return _patch(service, index, bad.others[0]), True
    return f"Make the program listen on port {bad.number}, or correct targetPort", False


# --- by what containers declare


def _by_declaration(
    snapshot: Snapshot, service: ServiceRow, index: int, pods: list[PodRow]
) -> Iterator[Finding]:
    port = service.targets[index]
    ports = [own for pod in pods for own in pod.ports if own.protocol == port.protocol]
    declared = sorted({own.number for own in ports})
    if port.target.isdecimal():
        if declared and int(port.target) not in declared:
            yield _undeclared(snapshot, service, index, pods, declared)
    elif port.target not in {own.name for own in ports}:
        yield _undeclared(snapshot, service, index, pods, declared)


def _undeclared(
    snapshot: Snapshot, service: ServiceRow, index: int, pods: list[PodRow], declared: list[int]
) -> Finding:
    port = service.targets[index]
    named = not port.target.isdecimal()
    refused = _refused(snapshot, service, port, pods)
    have = listed(map(str, declared), 5) or "none"
    evidence = [
        snapshot.fact(_path(port), _source(service)),
        snapshot.fact(f"its pods declare: {have}", "containerPort of the pods"),
    ]
    if refused:
        evidence.append(snapshot.fact(f"{refused} connections were refused by the pods", "capture"))
    return RULE.finding(
        subject=_subject(service, port),
        severity="critical" if refused or named else "warning",
        title=f"targetPort {port.target} is not a port of the Service's pods",
        evidence=evidence,
        confidence="certain" if refused or named else "possible",
        disproof=RULE.false_friends[1],
        fix=_patch(service, index, declared[0] if declared else "PORT"),
        verify=f"ss -ltn in a pod of {service.namespace}/{service.name} shows the target port",
    )


def _refused(snapshot: Snapshot, service: ServiceRow, port: ServicePort, pods: list[PodRow]) -> int:
    """Connections to the Service's port, or to the target port of its pods, that were refused."""
    number = int(port.target) if port.target.isdecimal() else 0
    ends = {(ip, number) for pod in pods for ip in (pod.ips or (pod.ip,))}
    ends |= {(ip, port.number) for ip in service.ips}
    return sum(t.refused for t in snapshot.conversations if (t.server, t.port) in ends)


# --- in words


def _subject(service: ServiceRow, port: ServicePort) -> Subject:
    return replace(service_subject(service), detail=f"{port.number}/{port.protocol}")


def _path(port: ServicePort) -> str:
    return f"port {port.number}/{port.protocol} goes to targetPort {port.target}"


def _source(service: ServiceRow) -> str:
    return f"Service {service.namespace}/{service.name}"


def _patch(service: ServiceRow, index: int, right: int | str) -> str:
    """Of one port by its place: a merge would replace the whole list."""
    value = right if isinstance(right, int) else f'"{right}"'
    return (
        f"kubectl -n {service.namespace} patch service {service.name} --type json "
        f'-p \'[{{"op":"replace","path":"/spec/ports/{index}/targetPort","value":{value}}}]\''
    )
