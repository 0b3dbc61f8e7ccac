"""What an API server fills in where an object's author left it out (kubectl relies on some), and
checks."""

from __future__ import annotations

import hashlib
import secrets
import string

from lab.api.metadata import name_of
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


SERVICE_SPEC: Object = {
    "type": "ClusterIP",
    "sessionAffinity": "None",
    "ipFamilies": ["IPv4"],
    "ipFamilyPolicy": "SingleStack",
    "internalTrafficPolicy": "Cluster",
}
FREELY_NAMED = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
NAME_CHARACTERS = frozenset(string.ascii_lowercase + string.digits + "-.")
NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
    "characters, '-' or '.', and "
    "must start and end with an alphanumeric character"
)
NAME_WANTED = "Required value: name or generateName is required"


def suffix(count: int = 5) -> str:
    return "".join(secrets.choice(SUFFIX) for _ in range(count))


def container(spec: Object) -> Object:
    policy = "Always" if _is_latest(spec.get("image", "")) else "IfNotPresent"
    return {**CONTAINER, "imagePullPolicy": policy, **spec, **_ports(spec)}


def _ports(spec: Object) -> Object:
    """A container's, with their protocol."""
    ports = [{"protocol": "TCP", **port} for port in spec.get("ports") or ()]
    return {"ports": ports} if ports else {}


def _is_latest(image: str) -> bool:
    return ":" not in image.rpartition("/")[2] or image.endswith(":latest")


def pod(item: Object) -> Object:
    """`item` with every default in place, and the volume that admission adds for the service
    account's token."""
    given, token = item["spec"], _token_volume(name_of(item))
    added = {
        "containers": [_with_token(spec, token["name"]) for spec in given["containers"]],
        "volumes": [*given.get("volumes", ()), token],
    }
    return {**item, "spec": {**POD_SPEC, **given, **added}}


def _token_volume(pod_name: str) -> Object:
    digest = hashlib.sha256(pod_name.encode()).hexdigest()
    sources = {"sources": TOKEN_SOURCES, "defaultMode": 420}
    return {"name": f"kube-api-access-{digest[:5]}", "projected": sources}


def _with_token(spec: Object, volume: str) -> Object:
    token = {"name": volume, "readOnly": True, "mountPath": ACCOUNT_PATH}
    mounts = [*spec.get("volumeMounts", ()), token]
    return {**container(spec), "volumeMounts": mounts}


def service(item: Object) -> Object:
    given = item.get("spec", {})
    ports = {"ports": [_service_port(port) for port in given.get("ports", ())]}
    spec = {**_external_policy(given), **SERVICE_SPEC, **given, **ports}
    return {**item, "spec": spec, "status": item.get("status") or {"loadBalancer": {}}}


def _external_policy(spec: Object) -> Object:
    external = spec.get("type") in ("NodePort", "LoadBalancer")
    return {"externalTrafficPolicy": "Cluster"} if external else {}


def _service_port(port: Object) -> Object:
    return {"protocol": "TCP", "targetPort": port.get("port"), **port}


def policy(item: Object) -> Object:
    given = item.get("spec") or {}
    types = ["Ingress", "Egress"] if given.get("egress") else ["Ingress"]
    return {**item, "spec": {"podSelector": {}, "policyTypes": types, **given}}


def workload(item: Object) -> Object:
    spec = dict(item["spec"])
    if item.get("kind") != "DaemonSet" and "replicas" not in spec:
        spec["replicas"] = 1
    return {**item, "spec": spec}


def check_name(kind: str, item: Object) -> None:
    """Required fields of metadata; `generateName` becomes a name."""
    metadata = item.setdefault("metadata", {})
    metadata["name"] = metadata.get("name") or _generated_name(kind, metadata)
    if kind not in FREELY_NAMED:
        _check_subdomain(kind, metadata["name"])


def _check_subdomain(kind: str, name: str) -> None:
    if not _is_subdomain(name):
        raise invalid(kind, name, "metadata.name", f'Invalid value: "{name}": {NAME_RULE}')


def _generated_name(kind: str, metadata: Object) -> str:
    if not metadata.get("generateName"):
        raise invalid(kind, "", "metadata.name", NAME_WANTED)
    return str(metadata["generateName"]) + suffix()


def _is_subdomain(name: str) -> bool:
    """RFC 1123, as far as the API server looks."""
    if len(name) > 253 or name[0] in "-." or name[-1] in "-.":
        return False
    return NAME_CHARACTERS.issuperset(name)
