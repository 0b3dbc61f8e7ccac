"""The objects in a document: itself, or the items of a list, each with where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.manifests.documents import FieldPath, ManifestDocument, shown_path
from collectors.manifests.schema import described
from collectors.sanitize import sanitize

MOST_LISTS = 8  # within one another
NO_KIND = "is not a Kubernetes object: it has no {}. Is it input of another tool (values, patch)?"


@frozen
class ManifestObject:
    """`path` is where it stands in its document."""

    document: ManifestDocument
    path: FieldPath
    api_version: str
    kind: str
    body: dict[str, Any]

    @property
    def metadata(self) -> dict[str, Any]:
        found = self.body.get("metadata")
        return found if isinstance(found, dict) else {}

    @property
    def name(self) -> str:
        return sanitize(self.metadata.get("name") or self.metadata.get("generateName") or "", 253)

    @property
    def namespace(self) -> str:
        return sanitize(self.metadata.get("namespace") or "", 253)

    @property
    def title(self) -> str:
        """`NetworkPolicy shop/db`."""
        name = self.name or "without a name"
        return f"{self.kind} {f'{self.namespace}/' if self.namespace else ''}{name}"

    @property
    def from_server(self) -> bool:
        """Whether an API server has printed it: what that accepted need not be known here."""
        return bool(self.metadata.get("uid"))

    def problem(self, path: FieldPath, reason: str) -> str:
        """A line for the user: file, line, object, field and reason."""
        line = self.document.line((*self.path, *path))
        field = f"{sanitize(shown_path(path), 200)}: " if path else ""
        return f"{self.document.name}:{line}: {self.title}: {field}{reason}."


def objects_in(document: ManifestDocument) -> Iterator[ManifestObject]:
    """ConfigError where something is not an object."""
    waiting = [_Placed((), document.value)]
    while waiting:
        placed = waiting.pop()
        if not isinstance(placed.value, dict):
            reason = f"an object must be a mapping, not {described(placed.value)}"
            raise _error(document, placed.path, reason)
        api_version, kind = _type_of(document, placed)
        if kind.endswith("List") and "items" in placed.value:
            item_type = "" if kind == "List" else f"{api_version} {kind.removesuffix('List')}"
            waiting += reversed(_items(document, placed, item_type))
        else:
            kind = sanitize(kind, 120)
            yield ManifestObject(document, placed.path, api_version, kind, placed.value)


@frozen
class _Placed:
    """A value in a document. `type` is its apiVersion and kind where the list that it is in says
    them, `lists` how many lists it is in."""

    path: FieldPath
    value: Any
    type: str = ""
    lists: int = 0


def _items(document: ManifestDocument, placed: _Placed, item_type: str) -> list[_Placed]:
    if placed.lists == MOST_LISTS:
        reason = f"more than {MOST_LISTS} lists within one another"
        raise _error(document, placed.path, reason)
    path = (*placed.path, "items")
    items = placed.value["items"] if placed.value["items"] is not None else []
    if not isinstance(items, list):
        raise _error(document, path, f"must be a list, not {described(items)}")
    lists = placed.lists + 1
    return [_Placed((*path, at), item, item_type, lists) for at, item in enumerate(items)]


def _type_of(document: ManifestDocument, placed: _Placed) -> tuple[str, str]:
    """(apiVersion, kind): items of a typed list, as the API prints it, have none of their own."""
    value = placed.value
    default_version, _, default_kind = placed.type.partition(" ")
    found = (value.get("apiVersion") or default_version, value.get("kind") or default_kind)
    for field, text in zip(("apiVersion", "kind"), found, strict=True):
        if text == "" and field not in value:
            raise _error(document, placed.path, NO_KIND.format(field))
        if not isinstance(text, str) or not text:
            raise _error(document, (*placed.path, field), f"must be text, not {described(text)}")
    return found


def _error(document: ManifestDocument, path: FieldPath, reason: str) -> ConfigError:
    field = f"{sanitize(shown_path(path), 200)}: " if path else ""
    return ConfigError(f"{document.name}:{document.line(path)}: {field}{reason}.")
