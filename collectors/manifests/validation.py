"""Each object as the API server would judge it, with strict field validation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from collectors.cluster.api.foreign_kinds import foreign_kind
from collectors.errors import ConfigError
from collectors.manifests.api_kinds import CLUSTER_SCOPED, refusal
from collectors.manifests.field_tests import dns_label
from collectors.manifests.objects import ManifestObject
from collectors.manifests.pod_rules import check_namespace, check_node, check_pod, check_workload
from collectors.manifests.policy_rules import check_policy
from collectors.manifests.problems import FieldProblems
from collectors.manifests.schema import MODELS, check_fields, described
from collectors.manifests.selector_rules import check_metadata
from collectors.manifests.service_rules import (
    check_endpoints,
    check_ingress,
    check_service,
    check_slice,
)

MOST_SHOWN = 10
Rule = Callable[[Any, FieldProblems], None]
RULES: dict[str, Rule] = {
    "Pod": check_pod,
    "Namespace": check_namespace,
    "Node": check_node,
    "Service": check_service,
    "EndpointSlice": check_slice,
    "Endpoints": check_endpoints,
    "Ingress": check_ingress,
    "NetworkPolicy": lambda body, problems: check_policy(body.get("spec") or {}, problems),
}


def check_objects(objects: Iterable[ManifestObject]) -> None:
    """ConfigError with what the API server refuses, a line for each field."""
    lines: list[str] = []
    for item in objects:
        lines += [item.problem(problem.path, problem.reason) for problem in problems(item).found]
        if len(lines) > MOST_SHOWN:
            lines = [*lines[:MOST_SHOWN], "… and more"]
            break
    if lines:
        raise ConfigError("\n".join(lines))


def problems(item: ManifestObject) -> FieldProblems:
    """What is wrong with one object; nothing is known of kinds that podwire does not read."""
    found = FieldProblems()
    if reason := refusal(item.api_version, item.kind):
        found.add(("kind",), reason)
        return found
    model = MODELS.get((item.api_version, item.kind))
    if model is None:
        _check_foreign(item, found)
        return found
    unknown_allowed = item.from_server and item.kind != "NetworkPolicy"
    check_fields(item.body, model, found, unknown_allowed=unknown_allowed)
    if not found.found:  # the rules read fields of the right type only
        _check_rules(item, found)
    return found


def _check_rules(item: ManifestObject, found: FieldProblems) -> None:
    check_metadata(item.metadata, found)
    if item.kind not in CLUSTER_SCOPED:
        namespace = item.metadata.get("namespace")
        found.test(namespace or None, ("metadata", "namespace"), dns_label)
    if item.kind in RULES:
        RULES[item.kind](item.body, found)
    else:
        check_workload(item.body, item.kind, found)


def _check_foreign(item: ManifestObject, found: FieldProblems) -> None:
    """The metadata of a policy of another API; its own controller knows the rest."""
    if foreign_kind(item.api_version, item.kind) is None:
        return
    for field in ("metadata", "spec"):
        value = item.body.get(field)
        if value is not None and not isinstance(value, dict):
            found.add((field,), f"must be a mapping, not {described(value)}")
    if not found.found:
        check_fields(item.metadata, "V1ObjectMeta", found, unknown_allowed=True)
    if not found.found:
        check_metadata(item.metadata, found)
