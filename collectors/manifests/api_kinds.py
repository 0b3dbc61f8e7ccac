"""Which kinds an API server serves in the groups that podwire reads, and which no longer."""

from __future__ import annotations

from difflib import get_close_matches

from collectors.sanitize import sanitize

SERVED = {
    "v1": (
        "Pod",
        "Namespace",
        "Node",
        "Service",
        "Endpoints",
        "ReplicationController",
        "ConfigMap",
        "Secret",
        "ServiceAccount",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Event",
        "LimitRange",
        "ResourceQuota",
        "PodTemplate",
        "Binding",
        "ComponentStatus",
    ),
    "apps/v1": ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ControllerRevision"),
    "batch/v1": ("Job", "CronJob"),
    "discovery.k8s.io/v1": ("EndpointSlice",),
    "networking.k8s.io/v1": (
        "NetworkPolicy",
        "Ingress",
        "IngressClass",
        "IPAddress",
        "ServiceCIDR",
    ),
}
# versions that no supported API server serves, and since which release
REMOVED = {
    "extensions/v1beta1": "1.22",
    "apps/v1beta1": "1.16",
    "apps/v1beta2": "1.16",
    "batch/v1beta1": "1.25",
    "batch/v2alpha1": "1.21",
    "discovery.k8s.io/v1beta1": "1.25",
}
KUSTOMIZE = "kustomize.config.k8s.io/"
CLUSTER_SCOPED = ("Namespace", "Node")


def refusal(api_version: str, kind: str) -> str:
    """Why no API server would know an object of that kind, '' where one may."""
    shown = f"{sanitize(api_version, 80)} {sanitize(kind, 80)}"
    if api_version.startswith(KUSTOMIZE):
        return f"{shown} is input of Kustomize: give podwire what `kubectl kustomize` prints of it"
    if api_version in REMOVED:
        current = _version_of(kind)
        hint = f"; {kind} is of {current}" if current else ""
        return f"{shown} is not served since Kubernetes {REMOVED[api_version]}{hint}"
    if api_version not in SERVED or kind in SERVED[api_version]:
        return ""
    meant = _similar_kind(kind)
    hint = f" (perhaps {_version_of(meant)} {meant})" if meant else ""
    return f"there is no kind {shown}{hint}"


def _version_of(kind: str) -> str:
    return next((version for version, kinds in SERVED.items() if kind in kinds), "")


def _similar_kind(kind: str) -> str:
    """A kind that is served, of nearly that name; '' where none is."""
    lower = {name.lower(): name for kinds in SERVED.values() for name in kinds}
    close = get_close_matches(kind.lower()[:80], lower, 1, 0.8)
    return lower[close[0]] if close else ""
