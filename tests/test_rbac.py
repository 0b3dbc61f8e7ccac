"""What docs/access.md says to grant is what podwire asks for, and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from collectors.cluster.api.access_review import NEEDS
from collectors.cluster.inventory.row_builders import KINDS
from tools import rbac

READING = {"get", "list", "watch"}
Right = tuple[str, str, str, str]  # namespace, group, resource, verb


def documents(level: rbac.Level) -> list[dict[str, Any]]:
    """As kubectl reads the file."""
    return list(yaml.safe_load_all((rbac.DOCS / "rbac" / f"{level.file}.yaml").read_text()))


def rights(level: rbac.Level) -> Iterator[Right]:
    for document in documents(level):
        for rule in document.get("rules", ()):
            place = document["metadata"].get("namespace", "")
            for group in rule["apiGroups"]:
                yield from (
                    (place, group, name, verb)
                    for name in rule["resources"]
                    for verb in rule["verbs"]
                )


@pytest.mark.parametrize("path", rbac.files(), ids=lambda path: path.name)
def test_files_are_up_to_date(path: Any) -> None:
    assert path.read_text() == rbac.files()[path], "run: python -m tools.rbac --write"


def test_all_that_doctor_asks_for_can_be_granted() -> None:
    granted = {right[1:] for level in rbac.levels() for right in rights(level)}
    wanted = {(need.group, need.path, verb) for need in NEEDS for verb in need.verbs}
    assert not wanted - granted


def test_all_that_is_listed_can_be_seen() -> None:
    seen = {right[1:] for right in rights(rbac.levels()[0])}
    for path, _, _ in KINDS.values():
        (found,) = re.findall(r"^/(?:api|apis/([\w.]+))/v1/(\w+)$", path)
        assert {(*found, verb) for verb in ("list", "watch")} <= seen, path


def test_levels_that_add_nothing_only_read() -> None:
    for level in rbac.levels():
        verbs = {verb for *_, verb in rights(level)}
        assert (level.adds == "nothing") == (verbs <= READING), level.file


def test_what_writes_is_of_one_namespace_and_of_pods_alone() -> None:
    written = {
        (place, name, verb)
        for level in rbac.levels()
        for place, _, name, verb in rights(level)
        if verb not in READING
    }
    assert {(place, name) for place, name, _ in written} == {
        ("shop", "pods/ephemeralcontainers"),
        ("shop", "pods/exec"),
        ("podwire", "pods"),
        ("podwire", "pods/exec"),
    }
    assert not [one for level in rbac.levels() for one in rights(level) if "*" in "".join(one)]


def test_every_role_is_bound() -> None:
    for level in rbac.levels():
        roles = [one for one in documents(level) if not one["kind"].endswith("Binding")]
        bindings = [one for one in documents(level) if one["kind"].endswith("Binding")]
        assert [(one["kind"], one["metadata"]) for one in roles] == [
            (one["roleRef"]["kind"], one["metadata"]) for one in bindings
        ]
