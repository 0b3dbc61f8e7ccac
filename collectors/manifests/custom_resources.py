"""Fields of policies that other APIs define, as an API server checks them by their
CustomResourceDefinition, with strict field validation.

policy_schema.json is made by tools/make_policy_schema.py of the published definitions: of a kind it
names the schemas of several releases, of nodes what may be in them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from collectors.manifests.documents import FieldPath
from collectors.manifests.field_forms import FORMS
from collectors.manifests.field_tests import one_of
from collectors.manifests.objects import ManifestObject
from collectors.manifests.problems import FieldProblems
from collectors.manifests.schema import SCALARS, YAML_WORDS, ScalarType, described, similar
from collectors.sanitize import sanitize

STATUS = ("status",)  # of what a controller says of a policy: it decides nothing
LIST, MAP = "[]", "{}"
TYPES = {"string": "str", "integer": "int", "boolean": "bool", "int|string": "int|str"}
SCALAR_TYPES = {
    **{name: SCALARS[known] for name, known in TYPES.items()},
    "number": ScalarType((int, float), "a number"),
}
Node = dict[str, Any]


@cache
def _schema() -> dict[str, Any]:
    text = (Path(__file__).parent / "policy_schema.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


def has_schema(api_version: str, kind: str) -> bool:
    return f"{api_version} {kind}" in _schema()


def kind_refusal(api_version: str, kind: str) -> str:
    """Why no server would know an object of that kind in a version of these APIs that is known,
    '' where one may."""
    known = [one.split(" ") for one in _schema() if not one.startswith("#")]
    kinds = {name for version, name in known if version == api_version}
    if not kinds or kind in kinds:
        return ""
    group = api_version.partition("/")[0]
    homes = {name: version for version, name in known if version.startswith(f"{group}/")}
    close = get_close_matches(kind[:80], homes, 1, 0.9)
    if not close:
        return ""
    meant = f"{homes[close[0]]} {close[0]}"
    return f"there is no kind {api_version} {sanitize(kind, 80)} (perhaps {meant})"


def check_resource(
    item: ManifestObject, problems: FieldProblems, *, unknown_allowed: bool = False
) -> tuple[FieldPath, ...]:
    """What every known release of the API refuses: the problems are those with the release that
    has most of the fields. Returns the fields that it does not have; `unknown_allowed` for what an
    API server of a newer one has printed."""
    body = {**item.body, "apiVersion": item.api_version, "kind": item.kind}
    found = _best(body, item.api_version, item.kind)
    unknown = {path: hint for path, hint in found.unknown.items() if path != STATUS}
    if not unknown_allowed:
        for path, hint in unknown.items():
            problems.add(path, f"unknown field{hint}")
    problems.found += found.problems.found
    return tuple(unknown)


def unknown_fields(spec: Mapping[str, Any], api_version: str, kind: str) -> tuple[FieldPath, ...]:
    """What no known release has, of an object that an API server has let in. `spec` as a row has
    it, with Cilium's `specs` in it."""
    if not has_schema(api_version, kind):
        return ()
    body: dict[str, Any] = {"spec": {key: spec[key] for key in spec if key != "specs"}}
    if "specs" in spec:
        body["specs"] = spec["specs"]
    return tuple(_best(body, api_version, kind).unknown)


def _best(body: Any, api_version: str, kind: str) -> StructuralCheck:
    """As the release sees it that has most of the fields, and the fewest objections; the newest
    one of those."""
    checks = []
    for name in _schema()[f"{api_version} {kind}"]:
        check = StructuralCheck()
        check.check(body, name, ())
        if not check.unknown and not check.problems.found:
            return check
        checks.append(check)
    return min(checks, key=lambda check: (len(check.unknown), len(check.problems.found)))


class StructuralCheck:
    """Null stands for an absent field, as the server prunes it. The schema's own nesting bounds the
    recursion."""

    def __init__(self) -> None:
        self.problems = FieldProblems()
        self.unknown: dict[FieldPath, str] = {}  # each with what may be meant

    def check(self, value: Any, kind: str, path: FieldPath) -> None:
        if kind.startswith("#"):
            node = _schema()[kind]
        elif kind.startswith(LIST):
            node = {"type": "array", "items": kind[len(LIST) :]}
        elif kind.startswith(MAP):
            node = {"type": "object", "values": kind[len(MAP) :]}
        else:
            node = {"type": kind}
        self._node(value, node, path)

    def _node(self, value: Any, node: Node, path: FieldPath) -> None:
        if node["type"] == "object":
            self._object(value, node, path)
        elif node["type"] == "array":
            self._list(value, node, path)
        elif node["type"] != "any":
            self._scalar(value, node, path)

    def _scalar(self, value: Any, node: Node, path: FieldPath) -> None:
        scalar = SCALAR_TYPES[node["type"]]
        if not scalar.includes(value):
            self._mismatch(value, scalar.name, path)
            return
        if "enum" in node and value not in node["enum"]:
            known = [str(one) for one in node["enum"]]
            self.problems.add(path, one_of(known)(str(value)))
        elif "form" in node:
            self.problems.test(value, path, FORMS[node["form"]])
        self._bounds(value, node, path)

    def _bounds(self, value: Any, node: Node, path: FieldPath) -> None:
        if isinstance(value, str):
            least, most = node.get("minLength", 0), node.get("maxLength")
            self._size(len(value), least, most, "characters", path)
            return
        least, most = node.get("minimum"), node.get("maximum")
        below = least is not None and value < least
        if below or (most is not None and value > most):
            self.problems.add(path, f"must be between {least} and {most}, not {described(value)}")

    def _size(
        self, size: int, least: int | None, most: int | None, of: str, path: FieldPath
    ) -> None:
        if size < (least or 0):
            self.problems.add(
                path, "is empty: it needs an entry" if of == "entries" else "is empty"
            )
        if most is not None and size > most:
            self.problems.add(path, f"has {size} {of}, and {most} at most are allowed")

    def _mismatch(self, value: Any, expected: str, path: FieldPath) -> None:
        hint = YAML_WORDS if isinstance(value, bool) and expected == "text" else ""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        hint = " (it needs quotes)" if number and expected == "text" else hint
        self.problems.add(path, f"must be {expected}, not {described(value)}{hint}")

    def _list(self, value: Any, node: Node, path: FieldPath) -> None:
        if not isinstance(value, list):
            self._mismatch(value, "a list", path)
            return
        self._size(len(value), node.get("minItems"), node.get("maxItems"), "entries", path)
        for number, item in enumerate(value):
            if item is None:
                self.problems.add((*path, number), "is empty")
            else:
                self.check(item, node["items"], (*path, number))

    def _object(self, value: Any, node: Node, path: FieldPath) -> None:
        if not isinstance(value, dict):
            self._mismatch(value, "a mapping", path)
            return
        if "values" in node:
            self._map(value, node["values"], path)
        elif "fields" in node:
            given = {key: item for key, item in value.items() if item is not None}
            self._fields(given, node, path)

    def _map(self, value: dict[str, Any], kind: str, path: FieldPath) -> None:
        for key, item in value.items():
            if item is None:
                self.problems.add((*path, key), "is empty")
            else:
                self.check(item, kind, (*path, key))

    def _fields(self, given: dict[str, Any], node: Node, path: FieldPath) -> None:
        fields: dict[str, str] = node["fields"]
        for key, item in given.items():
            if key in fields:
                self.check(item, fields[key], (*path, key))
            else:
                self.unknown[*path, key] = similar(key, fields)
        for name in node.get("required", ()):
            if name not in given:
                self.problems.add((*path, name), "is required")
        if not self.unknown:
            self._alternatives(given, node, path)

    def _alternatives(self, given: dict[str, Any], node: Node, path: FieldPath) -> None:
        """Fields of which one, or at least one, must be there."""
        fields = list(node["fields"])
        if "oneOf" in node:
            self._one_of(given, [group[0] for group in node["oneOf"]], path, least=1, most=1)
        if "anyOf" in node:
            self._one_of(given, [group[0] for group in node["anyOf"]], path, least=1)
        least, most = node.get("minProperties", 0), node.get("maxProperties")
        self._one_of(given, fields, path, least=least, most=most)

    def _one_of(
        self,
        given: dict[str, Any],
        names: list[str],
        path: FieldPath,
        *,
        least: int,
        most: int | None = None,
    ) -> None:
        found = [name for name in names if name in given]
        if len(found) < least:
            wanted = " or ".join((", ".join(names[:-1]), names[-1])[len(names) == 1 :])
            self.problems.add(path, f"needs {wanted}" if given else f"is empty: it needs {wanted}")
        if most is not None and len(found) > most:
            self.problems.add(path, f"has both {found[0]} and {found[1]}: only one may be there")
