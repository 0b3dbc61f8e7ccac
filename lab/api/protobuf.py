"""Requests in Kubernetes' protobuf encoding, which kubectl uses for the kinds it knows: read into
what JSON would say.

Only what kubectl creates so is known: pods (`debug`, `run`), Deployments, reviews (`auth can-i`),
delete options. Field numbers: the generated.proto files of k8s.io/api and k8s.io/apimachinery.
Answers stay JSON; clients accept both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MAGIC = b"k8s\0"
CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
# a field: (name, type). Types: s string, b bool, i int (left out when empty, as `omitempty` does),
# B and I the same behind a pointer (kept), map strings by string, time seconds, quantity, or a
# message; `[]` is a list of it. The name `` puts the message's fields into the one that holds it.
Field = tuple[str, str]
SCHEMA: dict[str, dict[int, Field]] = {
    "ObjectMeta": {
        1: ("name", "s"),
        2: ("generateName", "s"),
        3: ("namespace", "s"),
        4: ("selfLink", "s"),
        5: ("uid", "s"),
        6: ("resourceVersion", "s"),
        7: ("generation", "i"),
        8: ("creationTimestamp", "time"),
        11: ("labels", "map"),
        12: ("annotations", "map"),
    },
    "Pod": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec"), 3: ("status", "Ignored")},
    "PodSpec": {
        1: ("volumes", "[]Volume"),
        2: ("containers", "[]Container"),
        3: ("restartPolicy", "s"),
        4: ("terminationGracePeriodSeconds", "I"),
        5: ("activeDeadlineSeconds", "I"),
        6: ("dnsPolicy", "s"),
        7: ("nodeSelector", "map"),
        8: ("serviceAccountName", "s"),
        9: ("serviceAccount", "s"),
        10: ("nodeName", "s"),
        11: ("hostNetwork", "b"),
        12: ("hostPID", "b"),
        13: ("hostIPC", "b"),
        14: ("securityContext", "PodSecurityContext"),
        16: ("hostname", "s"),
        17: ("subdomain", "s"),
        19: ("schedulerName", "s"),
        20: ("initContainers", "[]Container"),
        21: ("automountServiceAccountToken", "B"),
        22: ("tolerations", "[]Toleration"),
        24: ("priorityClassName", "s"),
        25: ("priority", "I"),
        27: ("shareProcessNamespace", "B"),
        29: ("runtimeClassName", "s"),
        30: ("enableServiceLinks", "B"),
        31: ("preemptionPolicy", "s"),
        34: ("ephemeralContainers", "[]EphemeralContainer"),
        37: ("hostUsers", "B"),
        41: ("hostnameOverride", "s"),
    },
    "Container": {
        1: ("name", "s"),
        2: ("image", "s"),
        3: ("command", "[]s"),
        4: ("args", "[]s"),
        5: ("workingDir", "s"),
        6: ("ports", "[]ContainerPort"),
        7: ("env", "[]EnvVar"),
        8: ("resources", "Ignored"),
        9: ("volumeMounts", "[]VolumeMount"),
        13: ("terminationMessagePath", "s"),
        14: ("imagePullPolicy", "s"),
        15: ("securityContext", "SecurityContext"),
        16: ("stdin", "b"),
        17: ("stdinOnce", "b"),
        18: ("tty", "b"),
        20: ("terminationMessagePolicy", "s"),
        24: ("restartPolicy", "s"),
    },
    "EphemeralContainer": {1: ("", "Container"), 2: ("targetContainerName", "s")},
    "ContainerPort": {
        1: ("name", "s"),
        2: ("hostPort", "i"),
        3: ("containerPort", "i"),
        4: ("protocol", "s"),
        5: ("hostIP", "s"),
    },
    "EnvVar": {1: ("name", "s"), 2: ("value", "s")},
    "VolumeMount": {
        1: ("name", "s"),
        2: ("readOnly", "b"),
        3: ("mountPath", "s"),
        4: ("subPath", "s"),
        6: ("subPathExpr", "s"),
    },
    "Volume": {1: ("name", "s"), 2: ("", "VolumeSource")},
    "VolumeSource": {
        1: ("hostPath", "HostPath"),
        2: ("emptyDir", "EmptyDir"),
        6: ("secret", "Ignored"),
        16: ("downwardAPI", "Ignored"),
        19: ("configMap", "Ignored"),
        26: ("projected", "Ignored"),
    },
    "HostPath": {1: ("path", "s"), 2: ("type", "s")},
    "EmptyDir": {1: ("medium", "s")},
    "SecurityContext": {
        1: ("capabilities", "Capabilities"),
        2: ("privileged", "B"),
        4: ("runAsUser", "I"),
        5: ("runAsNonRoot", "B"),
        6: ("readOnlyRootFilesystem", "B"),
        7: ("allowPrivilegeEscalation", "B"),
        8: ("runAsGroup", "I"),
        9: ("procMount", "s"),
        11: ("seccompProfile", "SeccompProfile"),
    },
    "PodSecurityContext": {
        2: ("runAsUser", "I"),
        3: ("runAsNonRoot", "B"),
        5: ("fsGroup", "I"),
        6: ("runAsGroup", "I"),
        10: ("seccompProfile", "SeccompProfile"),
    },
    "Capabilities": {1: ("add", "[]s"), 2: ("drop", "[]s")},
    "SeccompProfile": {1: ("type", "s"), 2: ("localhostProfile", "s")},
    "Toleration": {
        1: ("key", "s"),
        2: ("operator", "s"),
        3: ("value", "s"),
        4: ("effect", "s"),
        5: ("tolerationSeconds", "I"),
    },
    "Deployment": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "DeploymentSpec"),
        3: ("status", "Ignored"),
    },
    "DeploymentSpec": {
        1: ("replicas", "I"),
        2: ("selector", "LabelSelector"),
        3: ("template", "PodTemplateSpec"),
        4: ("strategy", "Ignored"),
    },
    "LabelSelector": {1: ("matchLabels", "map")},
    "PodTemplateSpec": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "I"),
        2: ("preconditions", "Preconditions"),
        3: ("orphanDependents", "B"),
        4: ("propagationPolicy", "s"),
        5: ("dryRun", "[]s"),
    },
    "Preconditions": {1: ("uid", "s"), 2: ("resourceVersion", "s")},
    "SelfSubjectAccessReview": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "AccessSpec"),
        3: ("status", "Ignored"),
    },
    "AccessSpec": {
        1: ("resourceAttributes", "ResourceAttributes"),
        2: ("nonResourceAttributes", "PathAttributes"),
    },
    "ResourceAttributes": {
        1: ("namespace", "s"),
        2: ("verb", "s"),
        3: ("group", "s"),
        4: ("version", "s"),
        5: ("resource", "s"),
        6: ("subresource", "s"),
        7: ("name", "s"),
    },
    "PathAttributes": {1: ("path", "s"), 2: ("verb", "s")},
    "SelfSubjectRulesReview": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "RulesSpec"),
        3: ("status", "Ignored"),
    },
    "RulesSpec": {1: ("namespace", "s")},
    "SelfSubjectReview": {1: ("metadata", "ObjectMeta"), 2: ("status", "Ignored")},
}


class Unreadable(ValueError):
    """Not a message that the lab can read; the text says what is wrong."""


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise Unreadable("a number is cut off")
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if not byte & 0x80:
            return value, position


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) in order; only the two wire types that Kubernetes uses."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        if tag & 7 == 0:
            number, position = _varint(data, position)
            yield tag >> 3, number
        elif tag & 7 == 2:
            size, position = _varint(data, position)
            if position + size > len(data):
                raise Unreadable("a field is cut off")
            yield tag >> 3, data[position : position + size]
            position += size
        else:
            raise Unreadable(f"wire type {tag & 7} is not expected")


def _text(value: int | bytes) -> str:
    if isinstance(value, int):
        raise Unreadable("a number where a text is expected")
    return value.decode(errors="strict")


def _read(kind: str, value: int | bytes) -> Any:
    """One value; None where it is empty and would be left out."""
    if kind == "s":
        return _text(value) or None
    if kind in ("b", "B"):
        return bool(value) if value or kind == "B" else None
    if kind in ("i", "I"):
        number = int(value) if isinstance(value, int) else 0
        number -= (number >> 63) << 64  # two's complement
        return number if number or kind == "I" else None
    if isinstance(value, int):
        raise Unreadable(f"a number where {kind} is expected")
    if kind in ("Ignored", "time"):
        return None
    return message(kind, value)


def message(kind: str, data: bytes) -> dict[str, Any]:
    """A message as the object that JSON would give. Unreadable for a field that the lab does not
    know."""
    schema = SCHEMA[kind]
    found: dict[str, Any] = {}
    for number, value in fields(data):
        if number not in schema:
            if value in (b"", 0):
                continue
            raise Unreadable(f"field {number} of {kind} is not known to the lab: send JSON")
        name, inner = schema[number]
        if inner == "map":
            pair = dict(fields(value if isinstance(value, bytes) else b""))
            found.setdefault(name, {})[_text(pair.get(1, b""))] = _text(pair.get(2, b""))
        elif inner.startswith("[]"):
            item = _read(inner[2:], value)
            found.setdefault(name, []).append("" if item is None else item)
        elif name == "":
            found.update(_read(inner, value))
        elif (item := _read(inner, value)) is not None:
            found[name] = item
    return found


def decode(data: bytes) -> dict[str, Any]:
    """The object in a request's body: magic, followed by runtime.Unknown with the type and the
    message."""
    if not data.startswith(MAGIC):
        raise Unreadable("it does not begin as Kubernetes protobuf does")
    try:
        envelope = dict(fields(data[len(MAGIC) :]))
        kind_of, raw = envelope.get(1, b""), envelope.get(2, b"")
        names = {n: _text(v) for n, v in fields(kind_of if isinstance(kind_of, bytes) else b"")}
        kind = names.get(2, "")
        if kind not in SCHEMA or not isinstance(raw, bytes):
            raise Unreadable(f"the lab does not read {kind or 'this'} as protobuf: send JSON")
        return {"kind": kind, "apiVersion": names.get(1, ""), **message(kind, raw)}
    except UnicodeDecodeError:
        raise Unreadable("a text in it is not UTF-8") from None
