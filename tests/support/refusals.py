"""What is wrong with an object that is written as YAML, field by field."""

from __future__ import annotations

from typing import Any

import yaml

from collectors.manifests.documents import ManifestDocument, shown_path
from collectors.manifests.objects import objects_in
from collectors.manifests.validation import problems


def refused(api_version: str, kind: str, text: str) -> dict[str, str]:
    """The reasons by field. `text` is what the object has beside its type and, unless it says
    so itself, its name."""
    body: dict[str, Any] = {"apiVersion": api_version, "kind": kind}
    body |= {"metadata": {"name": "a"}} | yaml.safe_load(text)
    (item,) = objects_in(ManifestDocument("file", body, lambda path: 1))
    return {shown_path(problem.path): problem.reason for problem in problems(item).found}
