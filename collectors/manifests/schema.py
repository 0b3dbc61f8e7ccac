"""Types and names of fields, as the API server's strict field validation checks them.

schema.json is made by tools/make_manifest_schema.py of the published API.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from collectors.frozen import frozen
from collectors.manifests.documents import FieldPath
from collectors.manifests.problems import FieldProblems
from collectors.sanitize import sanitize

MODELS = {
    ("v1", "Pod"): "V1Pod",
    ("v1", "Namespace"): "V1Namespace",
    ("v1", "Node"): "V1Node",
    ("v1", "Service"): "V1Service",
    ("v1", "Endpoints"): "V1Endpoints",
    ("v1", "ReplicationController"): "V1ReplicationController",
    ("apps/v1", "Deployment"): "V1Deployment",
    ("apps/v1", "StatefulSet"): "V1StatefulSet",
    ("apps/v1", "DaemonSet"): "V1DaemonSet",
    ("apps/v1", "ReplicaSet"): "V1ReplicaSet",
    ("batch/v1", "Job"): "V1Job",
    ("batch/v1", "CronJob"): "V1CronJob",
    ("discovery.k8s.io/v1", "EndpointSlice"): "V1EndpointSlice",
    ("networking.k8s.io/v1", "NetworkPolicy"): "V1NetworkPolicy",
    ("networking.k8s.io/v1", "Ingress"): "V1Ingress",
}
YAML_WORDS = " (y, n, yes, no, on and off are that in YAML: they need quotes)"
LIST, MAP = "[]", "{}"


@cache
def _models() -> dict[str, dict[str, str]]:
    text = (Path(__file__).parent / "schema.json").read_text()
    found: dict[str, dict[str, str]] = json.loads(text)
    return found


def check_fields(
    body: Any, model: str, problems: FieldProblems, *, unknown_allowed: bool = False
) -> None:
    """Every field against its type. `unknown_allowed` for what a newer API server has printed."""
    _SchemaCheck(problems, unknown_allowed).check(body, model, ())


class _SchemaCheck:
    """The schema's own nesting bounds the recursion: untyped fields are not entered."""

    def __init__(self, problems: FieldProblems, unknown_allowed: bool) -> None:
        self.problems = problems
        self.unknown_allowed = unknown_allowed

    def check(self, value: Any, kind: str, path: FieldPath) -> None:
        if value is None:
            return
        if (scalar := SCALARS.get(kind)) is not None:
            if not scalar.includes(value):
                self._mismatch(value, scalar.name, path)
        elif kind.startswith(LIST):
            self._list(value, kind[2:], path)
        elif kind.startswith(MAP):
            self._map(value, kind[2:], path)
        elif kind != "any":
            self._object(value, _models()[kind], path)

    def _mismatch(self, value: Any, expected: str, path: FieldPath) -> None:
        hint = YAML_WORDS if isinstance(value, bool) and expected == "text" else ""
        self.problems.add(path, f"must be {expected}, not {described(value)}{hint}")

    def _list(self, value: Any, kind: str, path: FieldPath) -> None:
        if not isinstance(value, list):
            self._mismatch(value, "a list", path)
            return
        for number, item in enumerate(value):
            self._entry(item, kind, (*path, number))

    def _entry(self, item: Any, kind: str, path: FieldPath) -> None:
        if item is None:
            self.problems.add(path, "is empty")
        else:
            self.check(item, kind, path)

    def _map(self, value: Any, kind: str, path: FieldPath) -> None:
        if not isinstance(value, dict):
            self._mismatch(value, "a mapping", path)
            return
        for key, item in value.items():
            self._entry(item, kind, (*path, key))

    def _object(self, value: Any, fields: dict[str, str], path: FieldPath) -> None:
        if not isinstance(value, dict):
            self._mismatch(value, "a mapping", path)
            return
        for key, item in value.items():
            kind = fields.get(key)
            if kind is None:
                self._unknown(fields, (*path, key))
            elif not _fits(item, kind):
                self.check(item, kind, (*path, key))

    def _unknown(self, fields: dict[str, str], path: FieldPath) -> None:
        if not self.unknown_allowed:
            self.problems.add(path, f"unknown field{similar(str(path[-1]), fields)}")


def _fits(value: Any, kind: str) -> bool:
    """Whether it is a scalar of its type, as nearly every field is."""
    scalar = SCALARS.get(kind)
    return scalar is not None and scalar.includes(value)


@frozen
class ScalarType:
    """Which of Python's types a value may have; `name` is what an error calls it."""

    types: tuple[type, ...]
    name: str

    def includes(self, value: Any) -> bool:
        """A bool is not a number, though Python has it so."""
        return isinstance(value, self.types) and (not isinstance(value, bool) or bool in self.types)


SCALARS = {
    "str": ScalarType((str,), "text"),
    "int": ScalarType((int,), "a whole number"),
    "bool": ScalarType((bool,), "true or false"),
    "int|str": ScalarType((int, str), "a whole number or text"),
    "quantity": ScalarType((int, float, str), "a quantity"),
}


def described(value: Any) -> str:
    """A value as an error shows it."""
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return f"the text {sanitize(value, 60)!r}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return sanitize(str(value), 40)


def similar(key: str, fields: dict[str, str]) -> str:
    from difflib import get_close_matches

    lower = {name.lower(): name for name in fields}
    found = get_close_matches(key.lower()[:80], lower, 1, 0.75)
    return f" (perhaps {lower[found[0]]})" if found else ""
