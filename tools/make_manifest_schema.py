"""Writes collectors/manifests/schema.json: the fields of the kinds that manifests are checked for.

python tools/make_manifest_schema.py: from the models of the installed kubernetes client, which are
generated from the API server's own OpenAPI document. Run it after the client was updated.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from kubernetes.aio.client import models

OUTPUT = Path(__file__).parent.parent / "collectors" / "manifests" / "schema.json"
ROOTS = (
    "V1Pod",
    "V1Deployment",
    "V1StatefulSet",
    "V1DaemonSet",
    "V1ReplicaSet",
    "V1ReplicationController",
    "V1Job",
    "V1CronJob",
    "V1Namespace",
    "V1Service",
    "V1EndpointSlice",
    "V1Endpoints",
    "V1NetworkPolicy",
    "V1Ingress",
    "V1Node",
)
# resource.Quantity is a string in the models; the server accepts numbers as well
QUANTITIES = {"limits", "requests", "capacity", "allocatable", "overhead", "allocatedResources"}
QUANTITY_FIELDS = {"sizeLimit", "divisor"}
INT_OR_STRING = {"port", "targetPort", "maxSurge", "maxUnavailable", "minAvailable"}


def field_type(name: str, declared: str) -> str:
    """`str`, `int`, `bool`, `any`, `int|str`, `quantity`; []X and {}X; the name of a model."""
    if found := re.fullmatch(r"List\[(.+)\]", declared):
        return "[]" + field_type("", found[1])
    if found := re.fullmatch(r"Dict\[str, (.+)\]", declared):
        return "{}" + ("quantity" if name in QUANTITIES else field_type("", found[1]))
    if name in QUANTITY_FIELDS:
        return "quantity"
    if declared == "object":
        return "int|str" if name in INT_OR_STRING else "any"
    return {"datetime": "str", "float": "any", "bytearray": "str"}.get(declared, declared)


def fields(model: type[Any]) -> dict[str, str]:
    return {
        model.attribute_map[attribute]: field_type(model.attribute_map[attribute], declared)
        for attribute, declared in model.openapi_types.items()
    }


def reachable() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        model = getattr(models, name, None)
        if name in found or model is None:
            continue
        found[name] = fields(model)
        waiting += [re.sub(r"^(\[\]|\{\})+", "", declared) for declared in found[name].values()]
    return dict(sorted(found.items()))


if __name__ == "__main__":
    lines = (f"{json.dumps(name)}: {json.dumps(of)}" for name, of in reachable().items())
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
