"""The ephemeralcontainers subresource: containers are added to a running pod, never changed or
removed."""

from __future__ import annotations

import difflib
import json
from typing import Any

from lab.api import defaults
from lab.api.status import ApiError, invalid
from lab.api.store import Object

FORBIDDEN = (
    "ports",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "resources",
    "resizePolicy",
    "restartPolicy",
)
MIRROR = "kubernetes.io/config.mirror"
# the fields of a container in the order of its Go struct, which is the order of the diff in a 422
FIELDS = (
    "name",
    "image",
    "command",
    "args",
    "workingDir",
    "ports",
    "envFrom",
    "env",
    "resources",
    "volumeMounts",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "imagePullPolicy",
    "securityContext",
    "stdin",
    "stdinOnce",
    "tty",
    "targetContainerName",
)


def updated(pod: Object, wanted: list[Object]) -> Object:
    """`pod` with `wanted` as its ephemeral containers (defaults filled in); ApiError 422 where that
    is refused."""
    name = pod["metadata"]["name"]
    if MIRROR in pod["metadata"].get("annotations", {}):
        raise invalid("Pod", name, "", "Forbidden: static pods do not support ephemeral containers")
    present = {c["name"]: c for c in pod["spec"].get("ephemeralContainers", ())}
    wanted = [
        present[c["name"]] if c == present.get(c.get("name")) else defaults.container(c)
        for c in wanted
    ]
    _check_new(pod, wanted)
    found = {c["name"]: c for c in wanted}
    for known, container in present.items():
        if known not in found:
            raise _may_not(pod, known, "removed\n")
        if found[known] != container:
            raise _may_not(pod, known, "changed\n" + difference(container, found[known]))
    metadata = {**pod["metadata"]}
    if len(wanted) != len(present):
        metadata["generation"] = metadata.get("generation", 1) + 1
    return {**pod, "metadata": metadata, "spec": {**pod["spec"], "ephemeralContainers": wanted}}


def _may_not(pod: Object, container: str, what: str) -> ApiError:
    said = f'Forbidden: existing ephemeral containers "{container}" may not be {what}'
    return invalid("Pod", pod["metadata"]["name"], "spec.ephemeralContainers", said)


def _check_new(pod: Object, wanted: list[Object]) -> None:
    spec = pod["spec"]
    targets = [c["name"] for c in spec["containers"]]
    names = targets + [c["name"] for c in spec.get("initContainers", ())]
    for index, container in enumerate(wanted):
        if problem := _problem(container, names, targets):
            field, message = problem
            where = f"spec.ephemeralContainers[{index}].{field}"
            raise invalid("Pod", pod["metadata"]["name"], where, message)
        names.append(container["name"])


def _problem(container: Object, names: list[str], targets: list[str]) -> tuple[str, str] | None:
    """The first invalid field of a container, and what a 422 says of it."""
    name, target = container.get("name"), container.get("targetContainerName")
    if not name:
        return "name", "Required value"
    if name in names:
        return "name", f'Duplicate value: "{name}"'
    if not container.get("image"):
        return "image", "Required value"
    if target and target not in targets:
        return "targetContainerName", f'Not found: "{target}"'
    forbidden = next((field for field in FORBIDDEN if container.get(field)), None)
    if forbidden is None:
        return None
    return forbidden, "Forbidden: cannot be set for an Ephemeral Container"


def _exported(value: Any) -> Any:
    """Go's field names: a 422 shows the internal struct."""
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: _exported(inner) for key, inner in value.items()}
    return [_exported(v) for v in value] if isinstance(value, list) else value


def difference(old: Object, new: Object) -> str:
    """The diff of two containers that ends the message of a 422."""
    return difference_of(
        *({f: c.get(f) for f in FIELDS if f in old or f in new} for c in (old, new))
    )


def difference_of(old: Object, new: Object) -> str:
    """A unified diff of two objects, three lines around each change."""
    before, after = (json.dumps(_exported(o), indent=1).splitlines() for o in (old, new))
    return "".join(
        f"{line}\n" for line in list(difflib.unified_diff(before, after, n=3, lineterm=""))[2:]
    )
