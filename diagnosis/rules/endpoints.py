"""A Service has no endpoint that answers, or some are out.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import PodRow, ProbeRow, ServiceRow
from collectors.findings import Evidence, Finding
from collectors.plural import counted, plural
from diagnosis.edit_distance import near
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._services import age, is_dns
from diagnosis.snapshot import Conversation, Snapshot, listed
from diagnosis.subjects import service_subject

FAILURES = Threshold("where some are out: at least", 3, "failures of a probe", CONVENTION)
RECENT = Threshold("the last within", 120, "s", CONVENTION)
NO_ANSWER = ("i/o timeout", "deadline exceeded", "no route", "unreachable")
STARTING = Threshold("of a pod older than", 60, "s", CONVENTION)
DONE = ("Succeeded", "Completed")
# pods of some clusters alone: a cloud that runs the control plane, k3s and what stands in for
# kube-proxy have none; charts of monitoring make a Service of each all the same
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler")
BEGINNING = ("Pending", "ContainerCreating", "PodInitializing", "Running")
RULE = Rule(
    id="endpoints",
    title="A Service has no endpoint that is ready, or some endpoints are out",
    scope="Service",
    stage="cause",
    inputs=("Services", "pods", "events", "capture"),
    symptoms=("connect", "timeout", "name"),
    screen="services",
    criterion="no ready address in any EndpointSlice",
    thresholds=(FAILURES, RECENT, STARTING),
    false_friends=(
        "ready endpoints exist and answer directly",
        "they come and go with a rollout",
        "a part of the control plane that is not a pod of this cluster, for a monitoring to ask",
    ),
    confidence="certain",
    fix_kind="shell",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    if not snapshot.slices and not snapshot.pods:
        return
    for service in snapshot.services:
        if _selects_pods(service) and _is_known(snapshot, service):
            yield from _of_service(snapshot, service)


def _selects_pods(service: ServiceRow) -> bool:
    return bool(service.selector) and service.type != "ExternalName"


def _is_known(snapshot: Snapshot, service: ServiceRow) -> bool:
    """Whether its endpoints were listed, and where no pod of it is known the pods, too."""
    at, namespace = snapshot.blind.at, service.namespace
    pods_seen = bool(snapshot.selected(service)) or at("pods", namespace) is None
    return pods_seen and at("endpointslices", namespace) is None


def _of_service(snapshot: Snapshot, service: ServiceRow) -> Iterator[Finding]:
    ready, waiting = snapshot.endpoints(service)
    if ready and waiting:
        yield from _some_out(snapshot, service, ready, waiting)
        return
    by_design = ready or (waiting and service.publish_not_ready) or _is_idle(snapshot, service)
    if not by_design:
        yield _none_ready(snapshot, service, waiting)


def _is_idle(snapshot: Snapshot, service: ServiceRow) -> bool:
    """Whether what it selects is scaled to zero, has run to its end, starts for the first time, or
    is not a pod of this cluster, and nobody asks for it."""
    if any(talk.server in service.ips for talk in snapshot.conversations):
        return False
    is_without = bool(_scaled_to_zero(snapshot, service) or _has_succeeded(snapshot, service))
    return is_without or _all_start(snapshot, service) or _is_no_pod_here(snapshot, service)


def _is_no_pod_here(snapshot: Snapshot, service: ServiceRow) -> bool:
    """Whether it is a headless Service, which only its metrics are read by, of a component that
    not every cluster has as a pod."""
    named = {value for _, value in service.selector} & set(COMPONENTS)
    return service.headless and bool(named) and not snapshot.selected(service)


def _has_succeeded(snapshot: Snapshot, service: ServiceRow) -> bool:
    """Whether all that it selects are pods of a Job that is done."""
    pods = [pod for pod in snapshot.pods if service.selects(pod)]
    return bool(pods) and all(pod.ended and pod.phase in DONE for pod in pods)


def _all_start(snapshot: Snapshot, service: ServiceRow) -> bool:
    pods = snapshot.selected(service)
    return bool(pods) and all(_starts(snapshot, pod) for pod in pods)


def _starts(snapshot: Snapshot, pod: PodRow) -> bool:
    """Whether it is known to be young, and has not failed."""
    is_young = bool(pod.created) and snapshot.at - pod.created <= STARTING.value
    return is_young and not pod.restarts and pod.phase in BEGINNING


def _scaled_to_zero(snapshot: Snapshot, service: ServiceRow) -> list[str]:
    """The workloads that its selector matches and that are to have no pods."""
    return [row.name for row in snapshot.scaled if service.selects(row)]


# --- some are out


def _some_out(
    snapshot: Snapshot, service: ServiceRow, ready: list[str], waiting: list[str]
) -> Iterator[Finding]:
    failing = list(_failing_probes(snapshot, service, waiting))
    if not failing:
        return
    yield _some_out_finding(snapshot, service, ready, waiting, failing)


def _some_out_finding(
    snapshot: Snapshot,
    service: ServiceRow,
    ready: list[str],
    waiting: list[str],
    failing: list[ProbeRow],
) -> Finding:
    return RULE.finding(
        subject=service_subject(service),
        title=f"{len(failing)} of {len(ready) + len(waiting)} endpoints are out: their probes fail",
        evidence=_some_out_evidence(snapshot, service, ready, waiting, failing),
        disproof=RULE.false_friends[1],
        fix=f"kubectl -n {service.namespace} describe pod {failing[0].pod}",
        verify=_list_slices(service),
    )


def _some_out_evidence(
    snapshot: Snapshot,
    service: ServiceRow,
    ready: list[str],
    waiting: list[str],
    failing: list[ProbeRow],
) -> Iterator[Evidence]:
    counts = f"{len(ready)} ready endpoints, {len(waiting)} not ready"
    yield snapshot.fact(counts, _slices(service))
    for row in failing[:3]:
        yield _probe_fact(snapshot, row)


def _failing_probes(
    snapshot: Snapshot, service: ServiceRow, waiting: list[str]
) -> Iterator[ProbeRow]:
    """Of the pods that are not ready and go on failing; a pod that starts is none of them."""
    for pod in snapshot.selected(service):
        if pod.ip not in waiting or snapshot.at - pod.created <= STARTING.value:
            continue
        row = snapshot.probe(pod)
        if row is None or row.count < FAILURES.value or _stands_by(pod, row):
            continue
        if snapshot.at - row.last < RECENT.value:
            yield row


def _stands_by(pod: PodRow, row: ProbeRow) -> bool:
    """Whether it was never ready and says so at once: a standby beside the leader. Where probes get
    no answer, the path to it is in doubt."""
    return pod.never_ready and not any(text in row.message for text in NO_ANSWER)


# --- none is ready


def _none_ready(snapshot: Snapshot, service: ServiceRow, waiting: list[str]) -> Finding:
    pods = snapshot.selected(service)
    asked = [talk for talk in snapshot.conversations if talk.server in service.ips]
    title, about_pods, fix = (
        _pods_not_ready(snapshot, service, pods) if pods else _matches_nothing(snapshot, service)
    )
    return RULE.finding(
        subject=service_subject(service),
        severity="critical" if asked or is_dns(service) or pods else "warning",
        title=title,
        evidence=_none_ready_evidence(snapshot, service, waiting, about_pods, asked),
        disproof=RULE.false_friends[0],
        fix=fix,
        verify=_list_slices(service),
    )


def _none_ready_evidence(
    snapshot: Snapshot,
    service: ServiceRow,
    waiting: list[str],
    about_pods: list[Evidence],
    asked: list[Conversation],
) -> Iterator[Evidence]:
    counts = snapshot.fact(f"0 ready endpoints, {len(waiting)} not ready", _slices(service))
    yield counts
    yield from _clients(snapshot, asked)
    yield from about_pods


def _clients(snapshot: Snapshot, asked: list[Conversation]) -> Iterator[Evidence]:
    if asked:
        clients = listed(snapshot.name(talk.client) for talk in asked)
        refused = sum(talk.refused for talk in asked)
        unanswered = sum(talk.unanswered for talk in asked)
        text = f"asked by {clients}: {refused} refused, {unanswered} unanswered"
        yield snapshot.fact(text, "capture")


def _matches_nothing(snapshot: Snapshot, service: ServiceRow) -> tuple[str, list[Evidence], str]:
    """(title, evidence, fix) of a selector that matches no pod."""
    if idle := _scaled_to_zero(snapshot, service):
        return (
            f"The Service has no endpoints: {listed(idle)} is scaled to zero, and it is asked for",
            [snapshot.fact(f"{listed(idle)}: 0 replicas", "Deployments, StatefulSets")],
            f"kubectl -n {service.namespace} get deployments,statefulsets {idle[0]}  # scale it "
            "up, or have its clients not ask",
        )
    selector = service.selector_text
    text = f"no pod of {service.namespace} is labelled {selector}{_near(snapshot, service)}"
    return (
        f"The Service has no endpoints: its selector {selector} matches no pod",
        [snapshot.fact(text, "pods")],
        f"kubectl -n {service.namespace} edit service {service.name}  # correct spec.selector "
        f"({selector})",
    )


def _pods_not_ready(
    snapshot: Snapshot, service: ServiceRow, pods: list[PodRow]
) -> tuple[str, list[Evidence], str]:
    """(title, evidence, fix) of pods that the selector matches and that are not ready."""
    lost = _lost_nodes(snapshot, pods)
    if lost:
        return (
            f"No endpoint of the Service is ready: {listed(lost)}, where its pods are, "
            f"{'is' if len(lost) == 1 else 'are'} not ready",
            list(_why_not_ready(snapshot, pods)),
            f"kubectl describe node {lost[0]}  # its conditions: the kubelet does not report, or "
            "the machine is gone",
        )
    if all(pod.all_ready and pod.phase == "Running" for pod in pods):
        return (
            "No endpoint of the Service is ready: the containers of "
            f"{counted(len(pods), 'pod')} are, the {plural(len(pods), 'pod is', 'pods are')} not",
            list(_why_not_ready(snapshot, pods)),
            f"kubectl -n {service.namespace} get pod {pods[0].name} -o wide  # its readiness gates "
            "(a load balancer's controller sets them), or an EndpointSlice that is not written",
        )
    return (
        f"No endpoint of the Service is ready: {_states(snapshot, pods)}",
        list(_why_not_ready(snapshot, pods)),
        f"kubectl -n {service.namespace} describe pod {pods[0].name}  # what its readiness probe "
        "depends on",
    )


def _lost_nodes(snapshot: Snapshot, pods: list[PodRow]) -> list[str]:
    """The nodes of these pods, where none of them is ready; [] where one is, or is not known."""
    state = {node.name: node.ready for node in snapshot.nodes}
    nodes = sorted({pod.node for pod in pods})
    return nodes if not any(state.get(node, True) for node in nodes) else []


def _why_not_ready(snapshot: Snapshot, pods: list[PodRow]) -> Iterator[Evidence]:
    states = listed((f"{pod.name} {pod.phase} {pod.ready}" for pod in pods), 4)
    yield snapshot.fact(states, "pods")
    probe = next((row for pod in pods if (row := snapshot.probe(pod))), None)
    if probe is not None:
        yield _probe_fact(snapshot, probe)
    if reason := next((pod.message for pod in pods if pod.message), ""):
        yield snapshot.fact(reason, "the kubelet, of the container")


def _probe_fact(snapshot: Snapshot, row: ProbeRow) -> Evidence:
    text = f"{row.message} ({row.count} times, last {age(snapshot.at - row.last)})"
    return snapshot.fact(text, f"the kubelet, of {row.pod}")


def _states(snapshot: Snapshot, pods: list[PodRow]) -> str:
    others = [pod for pod in pods if pod.phase != "Running"]
    if not others:
        return f"{counted(len(pods), 'pod')} {_running(len(pods), _fails_probes(snapshot, pods))}"
    return listed(f"{pod.name} is {pod.phase}" for pod in others)


def _running(count: int, fails_probes: bool) -> str:
    """What so many pods do, which are not ready. Without a probe of which the kubelet said that it
    failed, it may not have passed yet."""
    if fails_probes:
        return plural(
            count, "runs, and its readiness probe fails", "run, and their readiness probes fail"
        )
    return plural(count, "runs, and is not ready", "run, and are not ready")


def _fails_probes(snapshot: Snapshot, pods: list[PodRow]) -> bool:
    said = map(snapshot.probe, pods)
    return any(row is not None and row.message.startswith("Readiness") for row in said)


def _near(snapshot: Snapshot, service: ServiceRow) -> str:
    """A pod's label that differs in its value only, where one is: the typing error itself."""
    labels = [dict(pod.labels) for pod in snapshot.pods if pod.namespace == service.namespace]
    for key, value in service.selector:
        values = {own.get(key, "") for own in labels} - {"", value}
        if alike := near(value, values):
            return f"; there are pods labelled {key}={alike}"
    return ""


def _slices(service: ServiceRow) -> str:
    return f"EndpointSlices of {service.namespace}/{service.name}"


def _list_slices(service: ServiceRow) -> str:
    return (
        f"kubectl -n {service.namespace} get endpointslices -l "
        f"kubernetes.io/service-name={service.name}"
    )
