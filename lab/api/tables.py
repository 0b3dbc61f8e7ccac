"""Tables as kubectl shows them: the columns and cells that the API server computes for `get` and
`get -o wide`.

Columns of priority 1 are shown by `-o wide` only. Printers: kubernetes
pkg/printers/internalversion.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lab.api.metadata import conditions_of, is_ending, labels_of, name_of, node_of
from lab.api.representation import META, partial, whole
from lab.api.resources import Resource
from lab.api.store import Object
from lab.ownership import is_ready

NONE = "<none>"
UNSET = "<unset>"
TABLE: Object = {"kind": "Table", "apiVersion": META, "metadata": {}}
Cells = Callable[[Object], list[Any]]
Column = tuple[str, int]  # name, priority
ROLE = "node-role.kubernetes.io/"
NODE_STATUS = {"True": "Ready", "False": "NotReady"}
DAEMON_NUMBERS = (
    "desiredNumberScheduled",
    "currentNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
)
UNITS = {1: "s", 60: "m", 3600: "h", 86400: "d"}
# (an age below this, its unit, the unit of the rest or 0), all in seconds
AGES = (
    (120, 1, 0),
    (600, 60, 1),
    (10800, 60, 0),
    (8 * 3600, 3600, 60),
    (48 * 3600, 3600, 0),
    (8 * 86400, 86400, 3600),
)


def age(stamp: str | None, at: datetime | None = None) -> str:
    """A short duration as `kubectl get` gives ages (k8s.io/apimachinery duration.HumanDuration)."""
    if not stamp:
        return "<unknown>"
    seconds = ((at or datetime.now(UTC)) - datetime.fromisoformat(stamp)).total_seconds()
    return duration(int(seconds))


def duration(seconds: int) -> str:
    if seconds < 0:
        return "0s" if seconds >= -1 else "<invalid>"
    for below_s, big, small in AGES:
        if seconds < below_s:
            return _two_units(seconds, big, small)
    return f"{seconds // 86400}d"


def _two_units(seconds: int, big: int, small: int) -> str:
    """`3m12s`, `3m`: whole units, with a rest in the smaller one where it is not 0."""
    whole = f"{seconds // big}{UNITS[big]}"
    rest = seconds % big // small if small else 0
    return f"{whole}{rest}{UNITS[small]}" if rest else whole


def _age(item: Object) -> str:
    return age(item["metadata"].get("creationTimestamp"))


def pod_reason(pod: Object) -> str:
    """The STATUS column: the phase, or what keeps it from running."""
    if is_ending(pod):
        return "Terminating"
    reason = _reason(pod)
    if reason == "Completed" and any(map(_runs, _container_statuses(pod))):
        return "Running" if is_ready(pod) else "NotReady"
    return reason


def _reason(pod: Object) -> str:
    state = pod.get("status", {})
    reasons = [*map(_container_reason, _container_statuses(pod)), state.get("reason")]
    return str(next(filter(None, reasons), state.get("phase", "")))


def _container_statuses(pod: Object) -> list[Object]:
    return list(pod.get("status", {}).get("containerStatuses", ()))


def _container_reason(entry: Object) -> str:
    """Why a container waits or has ended; empty for one that runs."""
    waiting, ended = entry["state"].get("waiting", {}), entry["state"].get("terminated", {})
    return str(waiting.get("reason") or ended.get("reason") or (ended and _end_of(ended)) or "")


def _end_of(terminated: Object) -> str:
    """How a container ended whose runtime gives no reason."""
    if signal := terminated.get("signal"):
        return f"Signal:{signal}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _runs(entry: Object) -> bool:
    return bool(entry.get("ready") and "running" in entry["state"])


def _restarts(pod: Object) -> str:
    entries = _container_statuses(pod)
    count = sum(entry.get("restartCount", 0) for entry in entries)
    ended = max(map(_last_end, entries), default="")
    return f"{count} ({age(ended)} ago)" if count and ended else str(count)


def _last_end(entry: Object) -> str:
    """When a container ended before it was restarted; empty if it was not."""
    ended = entry.get("lastState", {}).get("terminated")
    return str(ended["finishedAt"]) if ended else ""


def _pod(pod: Object) -> list[Any]:
    return [
        name_of(pod),
        _ready_containers(pod),
        pod_reason(pod),
        _restarts(pod),
        _age(pod),
        pod.get("status", {}).get("podIP") or NONE,
        node_of(pod) or NONE,
        NONE,
        NONE,
    ]


def _ready_containers(pod: Object) -> str:
    ready = sum(bool(entry.get("ready")) for entry in _container_statuses(pod))
    return f"{ready}/{len(pod['spec']['containers'])}"


def _node(node: Object) -> list[Any]:
    state = node["status"]
    info = state["nodeInfo"]
    return [
        name_of(node),
        _node_status(node),
        _roles(node),
        _age(node),
        info["kubeletVersion"],
        _node_address(state, "InternalIP"),
        _node_address(state, "ExternalIP"),
        info["osImage"],
        info["kernelVersion"],
        info["containerRuntimeVersion"],
    ]


def _node_status(node: Object) -> str:
    status = NODE_STATUS.get(_ready_condition(node), "Unknown")
    return f"{status},SchedulingDisabled" if node["spec"].get("unschedulable") else status


def _ready_condition(node: Object) -> str:
    ready = (one["status"] for one in conditions_of(node) if one["type"] == "Ready")
    return next(ready, "")


def _roles(node: Object) -> str:
    roles = (label.removeprefix(ROLE) for label in labels_of(node) if label.startswith(ROLE))
    return ",".join(sorted(roles)) or NONE


def _node_address(state: Object, kind: str) -> str:
    known = state.get("addresses", ())
    return next((str(one["address"]) for one in known if one["type"] == kind), NONE)


def _ports(service: Object) -> str:
    return ",".join(map(_port, service["spec"].get("ports", ()))) or NONE


def _port(port: Object) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node}/{port.get('protocol', 'TCP')}"


def labels_text(labels: dict[str, str] | None) -> str:
    return ",".join(f"{k}={v}" for k, v in sorted((labels or {}).items())) or NONE


def selector_text(selector: Object | None) -> str:
    """A LabelSelector in the form that `kubectl get` shows and `-l` accepts."""
    given = selector or {}
    labels = [f"{key}={value}" for key, value in sorted(given.get("matchLabels", {}).items())]
    terms = map(_term_text, given.get("matchExpressions", ()))
    return ",".join([*labels, *terms]) or NONE


def _term_text(term: Object) -> str:
    key, operator = term["key"], term["operator"]
    if operator in ("In", "NotIn"):
        return f"{key} {operator.lower()} ({','.join(term.get('values', ()))})"
    return str(key) if operator == "Exists" else f"!{key}"


def _service(service: Object) -> list[Any]:
    spec = service["spec"]
    return [
        name_of(service),
        spec.get("type", "ClusterIP"),
        spec.get("clusterIP") or NONE,
        ",".join(spec.get("externalIPs", [])) or NONE,
        _ports(service),
        _age(service),
        labels_text(spec.get("selector")),
    ]


def _slice(item: Object) -> list[Any]:
    ports = ",".join(str(port.get("port", "*")) for port in item.get("ports", ()))
    addresses = [one for end in item.get("endpoints", ()) for one in end["addresses"]]
    shown = _first_three(addresses)
    return [name_of(item), item["addressType"], ports or UNSET, shown or UNSET, _age(item)]


def _first_three(texts: list[str]) -> str:
    more = f" + {len(texts) - 3} more..." if len(texts) > 3 else ""
    return ",".join(texts[:3]) + more


def _daemon(item: Object) -> list[Any]:
    state, pod = item.get("status", {}), item["spec"]["template"]["spec"]
    return [
        name_of(item),
        *(state.get(number, 0) for number in DAEMON_NUMBERS),
        labels_text(pod.get("nodeSelector")),
        _age(item),
        *_template(item),
    ]


def _template(item: Object) -> list[Any]:
    containers = item["spec"]["template"]["spec"]["containers"]
    selector = selector_text(item["spec"].get("selector"))
    return [_joined(containers, "name"), _joined(containers, "image"), selector]


def _joined(items: list[Object], field: str) -> str:
    return ",".join(item[field] for item in items)


def _deployment(item: Object) -> list[Any]:
    state = item.get("status", {})
    return [
        name_of(item),
        f"{state.get('readyReplicas', 0)}/{item['spec'].get('replicas', 1)}",
        state.get("updatedReplicas", 0),
        state.get("availableReplicas", 0),
        _age(item),
        *_template(item),
    ]


def _replica_set(item: Object) -> list[Any]:
    state = item.get("status", {})
    return [
        name_of(item),
        item["spec"].get("replicas", 1),
        state.get("replicas", 0),
        state.get("readyReplicas", 0),
        _age(item),
        *_template(item),
    ]


def _event(item: Object) -> list[Any]:
    what = item.get("involvedObject", {})
    return [
        age(item.get("lastTimestamp")),
        item.get("type", ""),
        item.get("reason", ""),
        f"{what.get('kind', '').lower()}/{what.get('name', '')}",
        item.get("message", "").strip(),
    ]


def _policy(item: Object) -> list[Any]:
    return [name_of(item), selector_text(item["spec"].get("podSelector")), _age(item)]


def _columns(text: str) -> list[Column]:
    """`Name Ready -IP -Readiness_Gates`: a leading dash marks what only -o wide shows."""
    return [_column(word) for word in text.split()]


def _column(word: str) -> Column:
    return word.lstrip("-").replace("_", " "), int(word.startswith("-"))


TABLES: dict[str, tuple[list[tuple[str, int]], Cells]] = {
    "pods": (
        _columns("Name Ready Status Restarts Age -IP -Node -Nominated_Node -Readiness_Gates"),
        _pod,
    ),
    "nodes": (
        _columns(
            "Name Status Roles Age Version -Internal-IP -External-IP -OS-Image -Kernel-Version "
            "-Container-Runtime"
        ),
        _node,
    ),
    "namespaces": (
        _columns("Name Status Age"),
        lambda i: [name_of(i), i["status"]["phase"], _age(i)],
    ),
    "services": (_columns("Name Type Cluster-IP External-IP Port(s) Age -Selector"), _service),
    "endpointslices": (_columns("Name AddressType Ports Endpoints Age"), _slice),
    "networkpolicies": (_columns("Name Pod-Selector Age"), _policy),
    "daemonsets": (
        _columns(
            "Name Desired Current Ready Up-to-date Available Node_Selector Age -Containers -Images "
            "-Selector"
        ),
        _daemon,
    ),
    "deployments": (
        _columns("Name Ready Up-to-date Available Age -Containers -Images -Selector"),
        _deployment,
    ),
    "replicasets": (
        _columns("Name Desired Current Ready Age -Containers -Images -Selector"),
        _replica_set,
    ),
    "configmaps": (
        _columns("Name Data Age"),
        lambda i: [name_of(i), len(i.get("data", {})), _age(i)],
    ),
    "events": (_columns("Last_Seen Type Reason Object Message"), _event),
}
DEFAULT = (
    _columns("Name Created_At"),
    lambda i: [name_of(i), i["metadata"].get("creationTimestamp")],
)
NUMBERS = frozenset(("Desired", "Current", "Up-to-date", "Available", "Data"))


def table(
    resource: Resource, items: list[Object], include: str = "Metadata", headers: bool = True
) -> Object:
    """A meta.k8s.io/v1 Table, without its list metadata. `include`: None, Metadata or Object of
    each row."""
    columns, cells = TABLES.get(resource.plural, DEFAULT)
    definitions = [_definition(resource.kind, *column) for column in columns]
    return {
        **TABLE,
        "columnDefinitions": definitions if headers else None,
        "rows": [{"cells": cells(item), **_included(resource, item, include)} for item in items],
    }


def _included(resource: Resource, item: Object, include: str) -> Object:
    if include == "None":
        return {}
    return {"object": whole(resource, item) if include == "Object" else partial(item)}


def _definition(kind: str, name: str, priority: int) -> Object:
    return {
        "name": name,
        "type": "integer" if name in NUMBERS else "string",
        "format": "name" if name == "Name" else "",
        "description": f"{name} of the {kind}.",
        "priority": priority,
    }
