"""Requests in Kubernetes' protobuf encoding, which kubectl uses for the kinds it knows: read into
what JSON would say.

Only what kubectl creates so is known: namespaces, pods (`debug`, `run`), Deployments, Services
(`expose`), ConfigMaps, ServiceAccounts, reviews (`auth can-i`), delete options. Field numbers: the
generated.proto files of k8s.io/api and k8s.io/apimachinery. Answers stay JSON; clients accept both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

MAGIC = b"k8s\0"
CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
VARINT, LENGTH_DELIMITED = 0, 2  # wire types
# a field: (name, type). Types: s string, b bool, i int (left out when empty, as `omitempty` does),
# B and I the same behind a pointer (kept), map strings by string, time seconds, quantity, either
# (IntOrString), or a message; `[]` is a list of it. The name `` puts the message's fields into the
# one that holds it.
Field = tuple[str, str]
Value = int | bytes
Object = dict[str, Any]
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
    "Namespace": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "NamespaceSpec"),
        3: ("status", "Ignored"),
    },
    "NamespaceSpec": {1: ("finalizers", "[]s")},
    "ConfigMap": {1: ("metadata", "ObjectMeta"), 2: ("data", "map"), 4: ("immutable", "B")},
    "ServiceAccount": {1: ("metadata", "ObjectMeta"), 4: ("automountServiceAccountToken", "B")},
    "Service": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "ServiceSpec"),
        3: ("status", "Ignored"),
    },
    "ServiceSpec": {
        1: ("ports", "[]ServicePort"),
        2: ("selector", "map"),
        3: ("clusterIP", "s"),
        4: ("type", "s"),
        5: ("externalIPs", "[]s"),
        7: ("sessionAffinity", "s"),
        8: ("loadBalancerIP", "s"),
        9: ("loadBalancerSourceRanges", "[]s"),
        10: ("externalName", "s"),
        11: ("externalTrafficPolicy", "s"),
        12: ("healthCheckNodePort", "i"),
        13: ("publishNotReadyAddresses", "b"),
        17: ("ipFamilyPolicy", "s"),
        18: ("clusterIPs", "[]s"),
        19: ("ipFamilies", "[]s"),
        20: ("allocateLoadBalancerNodePorts", "B"),
        21: ("loadBalancerClass", "s"),
        22: ("internalTrafficPolicy", "s"),
        23: ("trafficDistribution", "s"),
    },
    "ServicePort": {
        1: ("name", "s"),
        2: ("protocol", "s"),
        3: ("port", "i"),
        4: ("targetPort", "either"),
        5: ("nodePort", "i"),
        6: ("appProtocol", "s"),
    },
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
    """A number, and where the next begins; the last of its bytes is below 0x80."""
    value = 0
    for shift, byte in zip(range(0, 64, 7), data[position : position + 10], strict=False):
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + shift // 7 + 1
    raise Unreadable("a number is cut off")


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) in order; only the two wire types that Kubernetes uses."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        value, position = _field_value(data, position, tag & 7)
        yield tag >> 3, value


def _field_value(data: bytes, position: int, wire_type: int) -> tuple[int | bytes, int]:
    """The value at `position`, and where the next field begins."""
    if wire_type == VARINT:
        return _varint(data, position)
    if wire_type == LENGTH_DELIMITED:
        return _bytes_at(data, *_varint(data, position))
    raise Unreadable(f"wire type {wire_type} is not expected")


def _bytes_at(data: bytes, size: int, start: int) -> tuple[bytes, int]:
    end = start + size
    if end > len(data):
        raise Unreadable("a field is cut off")
    return data[start:end], end


def _text(value: Value) -> str:
    if isinstance(value, int):
        raise Unreadable("a number where a text is expected")
    return value.decode(errors="strict")


def _signed(value: Value) -> int:
    number = value if isinstance(value, int) else 0
    return number - ((number >> 63) << 64)  # two's complement


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b""


SCALARS: dict[str, Callable[[int | bytes], Any]] = {
    "s": lambda value: _text(value) or None,
    "b": lambda value: bool(value) or None,
    "B": bool,
    "i": lambda value: _signed(value) or None,
    "I": _signed,
}


def _read(kind: str, value: Value) -> Any:
    """One value; None where it is empty and would be left out."""
    if kind in SCALARS:
        return SCALARS[kind](value)
    if isinstance(value, int):
        raise Unreadable(f"a number where {kind} is expected")
    return _read_message(kind, value)


def _read_message(kind: str, data: bytes) -> Any:
    if kind == "either":
        return _either(data)
    return None if kind in ("Ignored", "time") else message(kind, data)


def _either(data: bytes) -> int | str | None:
    """An IntOrString: its type (0 is a number), the number, the text; None for 0."""
    found = dict(fields(data))
    is_text = found.get(1, 0)
    return _text(found.get(3, b"")) if is_text else _signed(found.get(2, 0)) or None


def message(kind: str, data: bytes) -> Object:
    """A message as the object that JSON would give. Unreadable for a field that the lab does not
    know."""
    found: Object = {}
    for number, value in fields(data):
        if number in SCHEMA[kind]:
            _add(found, *SCHEMA[kind][number], value)
        elif value not in (b"", 0):
            raise Unreadable(f"field {number} of {kind} is not known to the lab: send JSON")
    return found


def _add(found: Object, name: str, kind: str, value: Value) -> None:
    if kind == "map":
        _add_pair(found.setdefault(name, {}), value)
    elif kind.startswith("[]"):
        found.setdefault(name, []).append(_read_item(kind[2:], value))
    else:
        _add_value(found, name, _read(kind, value))


def _read_item(kind: str, value: Value) -> Any:
    """Of a list, in which an empty text is one."""
    item = _read(kind, value)
    return "" if item is None else item


def _add_value(found: Object, name: str, value: Any) -> None:
    if value is not None:
        found.update({name: value} if name else value)


def _add_pair(found: Object, value: Value) -> None:
    """One entry of a map: the key is field 1, its value field 2."""
    pair = dict(fields(_bytes(value)))
    key, text = pair.get(1, b""), pair.get(2, b"")
    found[_text(key)] = _text(text)


def decode(data: bytes) -> Object:
    """The object in a request's body: magic, followed by runtime.Unknown with the type and the
    message."""
    if not data.startswith(MAGIC):
        raise Unreadable("it does not begin as Kubernetes protobuf does")
    try:
        return _unwrapped(dict(fields(data.removeprefix(MAGIC))))
    except UnicodeDecodeError:
        raise Unreadable("a text in it is not UTF-8") from None


def _unwrapped(envelope: dict[int, Value]) -> Object:
    """The object in a runtime.Unknown."""
    version, kind = _type_meta(_bytes(envelope.get(1, b"")))
    raw = envelope.get(2, b"")
    if kind not in SCHEMA or not isinstance(raw, bytes):
        raise Unreadable(f"the lab does not read {kind or 'this'} as protobuf: send JSON")
    return {"kind": kind, "apiVersion": version, **message(kind, raw)}


def _type_meta(data: bytes) -> tuple[str, str]:
    names = {number: _text(value) for number, value in fields(data)}
    return names.get(1, ""), names.get(2, "")
