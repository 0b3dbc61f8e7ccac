"""Writes collectors/manifests/policy_schema.json: the fields of the policies of Calico, Cilium and
network-policy-api, as their CustomResourceDefinitions state them.

python tools/make_policy_schema.py FILE.yaml …: CRDs that the developer has downloaded, the newest
release first. A policy is good where any release of its API accepts it. What was read:

- projectcalico/calico v3.32.1 and v3.30.3, api/config/crd and libcalico-go/config/crd
- cilium/cilium 1.18.2 and 1.17.1, pkg/k8s/apis/cilium.io/client/crds; of 1.20 what the markers in
  pkg/policy/api changed since: protocols, entities, server names, no Kafka
- kubernetes-sigs/network-policy-api v0.2.0, v0.1.7, v0.1.5 and v0.1.1, config/crd, experimental

All are under the Apache License 2.0. Names, types and bounds of fields are kept; descriptions and
rules in CEL are not: those are in collectors/manifests/*_rules.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

OUTPUT = Path(__file__).parent.parent / "collectors" / "manifests" / "policy_schema.json"
SKIPPED = ("metadata", "status")  # of an object: checked elsewhere, or written by a controller
KEPT = (
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
)
# patterns by the name of what they describe, whose test is in custom_resources.py: an engine that
# goes back needs exponential time for some of them. '' where rules elsewhere say more.
FORMS = {
    r"^.*": "",
    r"^\PC*$": "",
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$": "DNS name",
    r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$": "label value",
    r"^([-a-zA-Z0-9_]+[.]?)+$": "host name",
    r"^([-a-zA-Z0-9_*]+[.]?)+$": "host pattern",
    r"^(\*?\*\.)?([-a-zA-Z0-9_]+\.?)+$": "server name",
}
FORM_BEGINNINGS = {
    "^(6553[0-5]|": "",  # Cilium's ports
    "^([0-9]|[1-9][0-9]|1[0-9]{2}|": "ICMP type",
    r"^(\*\.)?([a-zA-z0-9](": "domain name",
}
# Calico's API server accepts what it stores under the other name
SERVED_AS = {"crd.projectcalico.org/v1": "projectcalico.org/v3"}
# Calico Enterprise has fields that the open CRDs do not have, beside these
ENTERPRISE: tuple[tuple[set[str], dict[str, str]], ...] = (
    ({"nets", "notNets", "serviceAccounts"}, {"domains": "[]string"}),
    ({"methods", "paths"}, {"headers": "any"}),
)
NETWORK_SET = {"nets": "[]string", "allowedEgressDomains": "[]string"}
Node = dict[str, Any]


class SchemaWriter:
    """Equal nodes of the schemas are written once, under the name of the field that has them."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.nodes: dict[str, Node] = {}
        self.kinds: dict[str, list[str]] = {}

    def add(self, definition: Node) -> None:
        group, kind = definition["spec"]["group"], definition["spec"]["names"]["kind"]
        for version in definition["spec"]["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            name = self.reference({**schema, "properties": _own_fields(schema)}, kind)
            api_version = f"{group}/{version['name']}"
            for served in {api_version, SERVED_AS.get(api_version, api_version)}:
                known = self.kinds.setdefault(f"{served} {kind}", [])
                known += [] if name in known else [name]

    def reference(self, schema: Node, field: str) -> str:
        """The name of a node, or that of a type which says all."""
        node = self._node(schema, field)
        if set(node) == {"type"}:
            return str(node["type"])
        if set(node) == {"type", "items"} and node["type"] == "array":
            return f"[]{node['items']}"
        if set(node) == {"type", "values"}:
            return f"{{}}{node['values']}"
        text = json.dumps(node, sort_keys=True)
        if text not in self.names:
            self.names[text] = self._free_name(field)
            self.nodes[self.names[text]] = node
        return self.names[text]

    def _free_name(self, field: str) -> str:
        name, number = f"#{field}", 1
        while name in self.nodes:
            number += 1
            name = f"#{field}.{number}"
        return name

    def _node(self, schema: Node, field: str) -> Node:
        node: Node = {"type": _type(schema), **_limits(schema)}
        if "items" in schema:
            node["items"] = self.reference(schema["items"], field)
        if isinstance(schema.get("additionalProperties"), dict):
            node["values"] = self.reference(schema["additionalProperties"], field)
        if "properties" in schema:
            node |= self._fields(schema)
        return node

    def _fields(self, schema: Node) -> Node:
        given = schema["properties"]
        required = [name for name in schema.get("required", ()) if "default" not in given[name]]
        found = {name: self.reference(field, name) for name, field in given.items()}
        for beside, added in ENTERPRISE:
            found |= added if beside <= set(found) else {}
        found = NETWORK_SET if set(found) == {"nets"} else found
        return {"fields": found, **({"required": required} if required else {})}


def _own_fields(schema: Node) -> Node:
    anything = {"x-kubernetes-preserve-unknown-fields": True}
    return {
        name: anything if name in SKIPPED else field for name, field in schema["properties"].items()
    }


def _limits(schema: Node) -> Node:
    """What else than its type is asked of a value."""
    found: Node = {key: schema[key] for key in KEPT if key in schema}
    if form := _form(schema):
        found["form"] = form
    if enums := [one["enum"] for one in schema.get("allOf") or () if "enum" in one]:
        found["enum"] = [value for value in enums[-1] if all(value in e for e in enums)]
    for key in ("oneOf", "anyOf"):
        if groups := [one["required"] for one in schema.get(key) or () if "required" in one]:
            found[key] = groups
    return found


def _form(schema: Node) -> str:
    """KeyError for a pattern that is not known: it needs a test."""
    if schema.get("format") == "cidr":
        return "CIDR"
    pattern = schema.get("pattern")
    if pattern is None:
        return ""
    for start, form in FORM_BEGINNINGS.items():
        if pattern.startswith(start):
            return form
    return FORMS[pattern]


def _type(schema: Node) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        return "int|string"
    return str(schema.get("type") or "any")


if __name__ == "__main__":
    writer = SchemaWriter()
    for path in sys.argv[1:]:
        for document in yaml.safe_load_all(Path(path).read_text()):
            writer.add(document)
    lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(writer.kinds.items())]
    lines += [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in writer.nodes.items()]
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
