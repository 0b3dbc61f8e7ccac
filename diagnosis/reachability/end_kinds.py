"""Kinds of objects that can be an end, by the names that kubectl has for them: po, deployments,
deployment.apps, sts.v1.apps."""

from __future__ import annotations

POD, SERVICE, NODE = "Pod", "Service", "Node"
NAMES = {
    POD: ("pod", "pods", "po"),
    SERVICE: ("svc", "service", "services"),
    NODE: ("node", "nodes", "no"),
    "Deployment": ("deploy", "deployment", "deployments"),
    "StatefulSet": ("sts", "statefulset", "statefulsets"),
    "DaemonSet": ("ds", "daemonset", "daemonsets"),
    "ReplicaSet": ("rs", "replicaset", "replicasets"),
    "ReplicationController": ("rc", "replicationcontroller", "replicationcontrollers"),
    "Job": ("job", "jobs"),
    "CronJob": ("cj", "cronjob", "cronjobs"),
}
GROUPS = dict.fromkeys((POD, SERVICE, NODE, "ReplicationController"), "")
GROUPS |= dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), "apps")
GROUPS |= dict.fromkeys(("Job", "CronJob"), "batch")
NAMESPACE = ("ns", "namespace", "namespaces")
_KINDS = {name: kind for kind, names in NAMES.items() for name in names}


def kind_of(text: str) -> str:
    """The kind that a text names, '' for none."""
    name, dot, group = text.lower().partition(".")
    kind = _KINDS.get(name, "")
    if not kind or not dot:
        return kind
    version, _, of_version = group.partition(".")
    own = GROUPS[kind]
    return kind if own in (group, of_version if version == "v1" else None) else ""


def short_name(kind: str) -> str:
    """As people write it: svc, deploy, sts."""
    return NAMES[kind][0] if kind in NAMES else kind
