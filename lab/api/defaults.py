"""What an API server fills in where an object's author left it out (kubectl relies on some), and
checks."""

from __future__ import annotations

import hashlib
import secrets
import string

from lab.api.status import invalid
from lab.api.store import Object

SUFFIX = "bcdfghjklmnpqrstvwxz2456789"  # k8s.io/apimachinery rand: no vowels, nothing misread
ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
NAMESPACE = {
    "path": "namespace",
    "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
}
TOKEN_SOURCES: list[Object] = [
    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    {"downwardAPI": {"items": [NAMESPACE]}},
]
POD_SPEC: Object = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "serviceAccountName": "default",
    "serviceAccount": "default",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "tolerations": [
        {
            "key": f"node.kubernetes.io/{k}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 300,
        }
        for k in ("not-ready", "unreachable")
    ],
    "priority": 0,
    "enableServiceLinks": True,
    "preemptionPolicy": "PreemptLowerPriority",
}
CONTAINER: Object = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}


def suffix(count: int = 5) -> str:
    return "".join(secrets.choice(SUFFIX) for _ in range(count))


def container(spec: Object) -> Object:
    latest = ":" not in spec.get("image", "").rpartition("/")[2] or spec["image"].endswith(
        ":latest"
    )
    ports = (
        {"ports": [{"protocol": "TCP", **p} for p in spec["ports"]]} if spec.get("ports") else {}
    )
    return {**CONTAINER, "imagePullPolicy": "Always" if latest else "IfNotPresent", **spec, **ports}


def pod(item: Object) -> Object:
    """`item` with every default in place, and the volume that admission adds for the service
    account's token."""
    given = item["spec"]
    spec = {**POD_SPEC, **given}
    if given.get("tolerations"):
        spec["tolerations"] = given["tolerations"]
    token = f"kube-api-access-{hashlib.sha256(item['metadata']['name'].encode()).hexdigest()[:5]}"
    mount = {"name": token, "readOnly": True, "mountPath": ACCOUNT_PATH}
    spec["containers"] = [
        {**container(c), "volumeMounts": [*c.get("volumeMounts", ()), mount]}
        for c in given["containers"]
    ]
    volume = {"name": token, "projected": {"sources": TOKEN_SOURCES, "defaultMode": 420}}
    spec["volumes"] = [*given.get("volumes", ()), volume]
    return {**item, "spec": spec}


def service(item: Object) -> Object:
    spec = {
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "internalTrafficPolicy": "Cluster",
        **item.get("spec", {}),
    }
    spec["ports"] = [
        {"protocol": "TCP", "targetPort": p.get("port"), **p}
        for p in item.get("spec", {}).get("ports", ())
    ]
    if spec["type"] in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    return {**item, "spec": spec, "status": item.get("status") or {"loadBalancer": {}}}


def policy(item: Object) -> Object:
    spec = dict(item.get("spec") or {})
    spec.setdefault("podSelector", {})
    spec.setdefault("policyTypes", ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    return {**item, "spec": spec}


def workload(item: Object) -> Object:
    spec = dict(item["spec"])
    if item.get("kind") != "DaemonSet" and "replicas" not in spec:
        spec["replicas"] = 1
    return {**item, "spec": spec}


def check_name(kind: str, item: Object) -> None:
    """Required fields of metadata; `generateName` becomes a name."""
    metadata = item.setdefault("metadata", {})
    if not metadata.get("name"):
        if not metadata.get("generateName"):
            raise invalid(
                kind, "", "metadata.name", "Required value: name or generateName is required"
            )
        metadata["name"] = metadata["generateName"] + suffix()
    name = metadata["name"]
    allowed = string.ascii_lowercase + string.digits + "-."
    if kind not in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding") and (
        any(c not in allowed for c in name)
        or name[0] in "-."
        or name[-1] in "-."
        or len(name) > 253
    ):
        said = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
            "characters, '-' or '.', and "
            "must start and end with an alphanumeric character"
        )
        raise invalid(kind, name, "metadata.name", f'Invalid value: "{name}": {said}')
