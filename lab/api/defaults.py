"""The fields that an API server fills in where a pod's author left them out (kubectl relies on some)."""

from __future__ import annotations

from lab.api.store import Object

POD_SPEC: Object = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "serviceAccountName": "default",
    "serviceAccount": "default",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "priority": 0,
    "enableServiceLinks": True,
    "preemptionPolicy": "PreemptLowerPriority",
}
CONTAINER: Object = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "imagePullPolicy": "IfNotPresent",
}


def container(spec: Object) -> Object:
    return {**CONTAINER, **spec}


def pod(item: Object) -> Object:
    """`item` with every default in place."""
    spec = {**POD_SPEC, **item["spec"]}
    spec["containers"] = [container(c) for c in spec["containers"]]
    return {**item, "spec": spec}
