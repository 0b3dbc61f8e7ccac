"""The ephemeralcontainers subresource: containers are added to a running pod, never changed or
removed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any

from lab.api import defaults
from lab.api.metadata import name_of
from lab.api.status import ApiError, invalid
from lab.api.store import Object

Problem = tuple[str, str] | None  # an invalid field, and what a 422 says of it
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
    _check_not_static(pod)
    present = _by_name(pod["spec"].get("ephemeralContainers", ()))
    wanted = [_filled(container, present) for container in wanted]
    _check_new(pod, wanted)
    _check_present(pod, present, wanted)
    spec = {**pod["spec"], "ephemeralContainers": wanted}
    return {**pod, "metadata": _next_metadata(pod, len(wanted) != len(present)), "spec": spec}


def _by_name(containers: Iterable[Object]) -> dict[str, Object]:
    return {container["name"]: container for container in containers}


def _check_not_static(pod: Object) -> None:
    metadata = pod["metadata"]
    if MIRROR in metadata.get("annotations", {}):
        message = "Forbidden: static pods do not support ephemeral containers"
        raise invalid("Pod", metadata["name"], "", message)


def _filled(container: Object, present: dict[str, Object]) -> Object:
    """With its defaults, where it is not there already."""
    known = present.get(container.get("name", ""))
    return known if container == known else defaults.container(container)


def _check_present(pod: Object, present: dict[str, Object], wanted: list[Object]) -> None:
    found = _by_name(wanted)
    for name, container in present.items():
        if change := _change(container, found.get(name)):
            raise _may_not(pod, name, change)


def _change(old: Object, new: Object | None) -> str:
    """What happened to a container, in the words of a 422; empty for nothing."""
    if new is None:
        return "removed\n"
    return "" if old == new else "changed\n" + difference(old, new)


def _next_metadata(pod: Object, grown: bool) -> Object:
    metadata = {**pod["metadata"]}
    if grown:
        metadata["generation"] = metadata.get("generation", 1) + 1
    return metadata


def _may_not(pod: Object, container: str, what: str) -> ApiError:
    said = f'Forbidden: existing ephemeral containers "{container}" may not be {what}'
    return invalid("Pod", name_of(pod), "spec.ephemeralContainers", said)


def _check_new(pod: Object, wanted: list[Object]) -> None:
    targets = _names(pod["spec"]["containers"])
    names = targets + _names(pod["spec"].get("initContainers", ()))
    for index, container in enumerate(wanted):
        if problem := _problem(container, names, targets):
            raise _refused(pod, index, *problem)
        names.append(container["name"])


def _refused(pod: Object, index: int, field: str, message: str) -> ApiError:
    where = f"spec.ephemeralContainers[{index}].{field}"
    return invalid("Pod", name_of(pod), where, message)


def _names(containers: Iterable[Object]) -> list[str]:
    return [container["name"] for container in containers]


def _problem(container: Object, names: list[str], targets: list[str]) -> Problem:
    """The first invalid field of a container, and what a 422 says of it."""
    if said := _name_problem(container.get("name"), names):
        return "name", said
    if not container.get("image"):
        return "image", "Required value"
    return _target_problem(container, targets) or _forbidden_field(container)


def _target_problem(container: Object, targets: list[str]) -> Problem:
    target = container.get("targetContainerName")
    known = not target or target in targets
    return None if known else ("targetContainerName", f'Not found: "{target}"')


def _name_problem(name: str | None, names: list[str]) -> str:
    if not name:
        return "Required value"
    return f'Duplicate value: "{name}"' if name in names else ""


def _forbidden_field(container: Object) -> Problem:
    said = "Forbidden: cannot be set for an Ephemeral Container"
    return next(((field, said) for field in FORBIDDEN if container.get(field)), None)


def _exported(value: Any) -> Any:
    """Go's field names: a 422 shows the internal struct."""
    if isinstance(value, list):
        return list(map(_exported, value))
    return _exported_fields(value) if isinstance(value, dict) else value


def _exported_fields(value: Object) -> Object:
    return {key[:1].upper() + key[1:]: _exported(inner) for key, inner in value.items()}


def difference(old: Object, new: Object) -> str:
    """The diff of two containers that ends the message of a 422."""
    fields = [field for field in FIELDS if field in old or field in new]
    return difference_of(_picked(old, fields), _picked(new, fields))


def _picked(container: Object, fields: list[str]) -> Object:
    return {field: container.get(field) for field in fields}


def difference_of(old: Object, new: Object) -> str:
    """A unified diff of two objects, three lines around each change."""
    diff = list(difflib.unified_diff(_lines(old), _lines(new), lineterm=""))
    return "".join(f"{line}\n" for line in diff[2:])


def _lines(item: Object) -> list[str]:
    return json.dumps(_exported(item), indent=1).splitlines()
