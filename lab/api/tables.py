"""Tables as kubectl shows them: the columns and cells that the API server computes for `get` and
`get -o wide`.

Columns of priority 1 are shown by `-o wide` only. Printers: kubernetes
pkg/printers/internalversion.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lab.api.resources import Resource
from lab.api.store import Object
from lab.ownership import is_ready

NONE = "<none>"
META = "meta.k8s.io/v1"
Cells = Callable[[Object], list[Any]]
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
    seconds = int(((at or datetime.now(UTC)) - datetime.fromisoformat(stamp)).total_seconds())
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
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    state = pod.get("status", {})
    entries = state.get("containerStatuses", [])
    reasons = list(filter(None, map(_container_reason, entries)))
    reason: str = reasons[0] if reasons else state.get("reason") or state.get("phase", "")
    if reason == "Completed" and any(map(_runs, entries)):
        return "Running" if is_ready(pod) else "NotReady"
    return reason


def _container_reason(entry: Object) -> str:
    """Why a container waits or has ended; empty for one that runs."""
    waiting, ended = entry["state"].get("waiting", {}), entry["state"].get("terminated", {})
    reason: str = waiting.get("reason") or ended.get("reason") or ""
    if reason or not ended:
        return reason
    if ended.get("signal"):
        return f"Signal:{ended['signal']}"
    return f"ExitCode:{ended.get('exitCode', 0)}"


def _runs(entry: Object) -> bool:
    return bool(entry.get("ready") and "running" in entry["state"])


def _restarts(pod: Object) -> str:
    entries = pod.get("status", {}).get("containerStatuses", [])
    count = sum(e.get("restartCount", 0) for e in entries)
    ends = [
        e["lastState"]["terminated"]["finishedAt"]
        for e in entries
        if e.get("lastState", {}).get("terminated")
    ]
    return f"{count} ({age(max(ends))} ago)" if count and ends else str(count)


def _pod(pod: Object) -> list[Any]:
    state, spec = pod.get("status", {}), pod["spec"]
    ready = sum(bool(e.get("ready")) for e in state.get("containerStatuses", []))
    return [
        pod["metadata"]["name"],
        f"{ready}/{len(spec['containers'])}",
        pod_reason(pod),
        _restarts(pod),
        _age(pod),
        state.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        NONE,
        NONE,
    ]


def _node(node: Object) -> list[Any]:
    state, labels = node["status"], node["metadata"].get("labels", {})
    ready = {c["type"]: c["status"] for c in state.get("conditions", [])}.get("Ready")
    status = {"True": "Ready", "False": "NotReady"}.get(str(ready), "Unknown")
    if node["spec"].get("unschedulable"):
        status += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    roles = ",".join(sorted(k.removeprefix(prefix) for k in labels if k.startswith(prefix))) or NONE
    address = {a["type"]: a["address"] for a in state.get("addresses", [])}
    info = state["nodeInfo"]
    return [
        node["metadata"]["name"],
        status,
        roles,
        _age(node),
        info["kubeletVersion"],
        address.get("InternalIP", NONE),
        address.get("ExternalIP", NONE),
        info["osImage"],
        info["kernelVersion"],
        info["containerRuntimeVersion"],
    ]


def _ports(service: Object) -> str:
    texts = []
    for port in service["spec"].get("ports", []):
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(texts) or NONE


def labels_text(labels: dict[str, str] | None) -> str:
    return ",".join(f"{k}={v}" for k, v in sorted((labels or {}).items())) or NONE


def selector_text(selector: Object | None) -> str:
    """A LabelSelector in the form that `kubectl get` shows and `-l` accepts."""
    parts = [f"{k}={v}" for k, v in sorted((selector or {}).get("matchLabels", {}).items())]
    for term in (selector or {}).get("matchExpressions", []):
        values = ",".join(term.get("values", []))
        operator = term["operator"]
        if operator in ("In", "NotIn"):
            parts.append(f"{term['key']} {operator.lower()} ({values})")
        else:
            parts.append(("" if operator == "Exists" else "!") + term["key"])
    return ",".join(parts) or NONE


def _service(service: Object) -> list[Any]:
    spec = service["spec"]
    return [
        service["metadata"]["name"],
        spec.get("type", "ClusterIP"),
        spec.get("clusterIP") or NONE,
        ",".join(spec.get("externalIPs", [])) or NONE,
        _ports(service),
        _age(service),
        labels_text(spec.get("selector")),
    ]


def _slice(item: Object) -> list[Any]:
    ports = ",".join(str(p.get("port", "*")) for p in item.get("ports", [])) or "<unset>"
    addresses = [a for e in item.get("endpoints", []) for a in e["addresses"]]
    shown = ",".join(addresses[:3]) + (
        f" + {len(addresses) - 3} more..." if len(addresses) > 3 else ""
    )
    return [item["metadata"]["name"], item["addressType"], ports, shown or "<unset>", _age(item)]


def _daemon(item: Object) -> list[Any]:
    state, template = item.get("status", {}), item["spec"]["template"]["spec"]
    numbers = [
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    ]
    return [
        item["metadata"]["name"],
        *(state.get(n, 0) for n in numbers),
        labels_text(template.get("nodeSelector")),
        _age(item),
        *_template(item),
    ]


def _template(item: Object) -> list[Any]:
    containers = item["spec"]["template"]["spec"]["containers"]
    return [
        ",".join(c["name"] for c in containers),
        ",".join(c["image"] for c in containers),
        selector_text(item["spec"].get("selector")),
    ]


def _deployment(item: Object) -> list[Any]:
    state = item.get("status", {})
    return [
        item["metadata"]["name"],
        f"{state.get('readyReplicas', 0)}/{item['spec'].get('replicas', 1)}",
        state.get("updatedReplicas", 0),
        state.get("availableReplicas", 0),
        _age(item),
        *_template(item),
    ]


def _replica_set(item: Object) -> list[Any]:
    state = item.get("status", {})
    return [
        item["metadata"]["name"],
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
    return [item["metadata"]["name"], selector_text(item["spec"].get("podSelector")), _age(item)]


def _columns(text: str) -> list[tuple[str, int]]:
    """`Name Ready -IP -Readiness_Gates`: a leading dash marks what only -o wide shows."""
    return [
        (word.lstrip("-").replace("_", " "), int(word.startswith("-"))) for word in text.split()
    ]


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
        lambda i: [i["metadata"]["name"], i["status"]["phase"], _age(i)],
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
        lambda i: [i["metadata"]["name"], len(i.get("data", {})), _age(i)],
    ),
    "events": (_columns("Last_Seen Type Reason Object Message"), _event),
}
DEFAULT = (
    _columns("Name Created_At"),
    lambda i: [i["metadata"]["name"], i["metadata"].get("creationTimestamp")],
)
NUMBERS = frozenset(("Desired", "Current", "Up-to-date", "Available", "Data"))


def table(
    resource: Resource, items: list[Object], include: str = "Metadata", headers: bool = True
) -> Object:
    """A meta.k8s.io/v1 Table, without its list metadata. `include`: None, Metadata or Object of
    each row."""
    columns, cells = TABLES.get(resource.plural, DEFAULT)
    rows = []
    for item in items:
        row: Object = {"cells": cells(item)}
        if include == "Object":
            row["object"] = {"kind": resource.kind, "apiVersion": resource.group_version, **item}
        elif include != "None":
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": item["metadata"],
            }
        rows.append(row)
    definitions = [
        {
            "name": name,
            "type": "integer" if name in NUMBERS else "string",
            "format": "name" if name == "Name" else "",
            "description": f"{name} of the {resource.kind}.",
            "priority": priority,
        }
        for name, priority in columns
    ]
    return {
        "kind": "Table",
        "apiVersion": META,
        "metadata": {},
        "columnDefinitions": definitions if headers else None,
        "rows": rows,
    }
