"""Each object as the API server would judge it, with strict field validation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from collectors.cluster.api.foreign_kinds import foreign_kind
from collectors.errors import ConfigError
from collectors.manifests import calico_rules, cilium_rules, cluster_policy_rules
from collectors.manifests.api_kinds import CLUSTER_SCOPED, refusal
from collectors.manifests.custom_resources import check_resource, has_schema, kind_refusal
from collectors.manifests.endpoint_rules import check_endpoints, check_slice
from collectors.manifests.field_tests import dns_label, dns_subdomain, service_name
from collectors.manifests.ingress_rules import check_ingress
from collectors.manifests.objects import ManifestObject
from collectors.manifests.pod_rules import check_node, check_pod
from collectors.manifests.policy_rules import check_policy
from collectors.manifests.problems import FieldProblems, Test
from collectors.manifests.schema import MODELS, check_fields, described
from collectors.manifests.selector_rules import check_metadata
from collectors.manifests.service_rules import check_service
from collectors.manifests.workload_rules import check_workload

MOST_SHOWN = 10
Rule = Callable[[Any, FieldProblems], None]
RULES: dict[str, Rule] = {
    "Pod": check_pod,
    "Namespace": lambda body, problems: None,
    "Node": check_node,
    "Service": check_service,
    "EndpointSlice": check_slice,
    "Endpoints": check_endpoints,
    "Ingress": check_ingress,
    "NetworkPolicy": lambda body, problems: check_policy(body.get("spec") or {}, problems),
}
NAMES: dict[str, Test] = {"Service": service_name, "Namespace": dns_label}  # else a DNS name


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
    model = MODELS.get((item.api_version, item.kind))
    if model is not None:
        _check_native(item, model, found)
    elif reason := _no_kind(item):
        found.add(("kind",), reason)
    else:
        _check_foreign(item, found)
    return found


def _no_kind(item: ManifestObject) -> str:
    return refusal(item.api_version, item.kind) or kind_refusal(item.api_version, item.kind)


def _check_native(item: ManifestObject, model: str, found: FieldProblems) -> None:
    unknown_allowed = item.from_server and item.kind != "NetworkPolicy"
    body = item.body
    if item.kind == "NetworkPolicy":  # that releases 1.24 to 1.27 print with a status
        body = {field: value for field, value in body.items() if field != "status"}
    check_fields(body, model, found, unknown_allowed=unknown_allowed)
    if not found.found:  # the rules read fields of the right type only
        _check_rules(item, found)


def _check_rules(item: ManifestObject, found: FieldProblems) -> None:
    name_test = NAMES.get(item.kind, dns_subdomain)
    check_metadata(item.metadata, found.within("metadata"), name_test)
    if item.kind not in CLUSTER_SCOPED:
        namespace = item.metadata.get("namespace")
        found.test(namespace or None, ("metadata", "namespace"), dns_label)
    if item.kind in RULES:
        RULES[item.kind](item.body, found)
    else:
        check_workload(item.body, item.kind, found)


FOREIGN_RULES: dict[str, dict[str, Rule]] = {
    "projectcalico.org": {
        "NetworkPolicy": calico_rules.check_policy,
        "GlobalNetworkPolicy": calico_rules.check_policy,
        "Tier": calico_rules.check_tier,
        "NetworkSet": calico_rules.check_network_set,
        "GlobalNetworkSet": calico_rules.check_network_set,
        "HostEndpoint": calico_rules.check_host_endpoint,
    },
    "cilium.io": {
        "CiliumNetworkPolicy": cilium_rules.check_policy,
        "CiliumClusterwideNetworkPolicy": cilium_rules.check_policy,
    },
    "policy.networking.k8s.io": {
        "ClusterNetworkPolicy": cluster_policy_rules.check_policy,
        "AdminNetworkPolicy": cluster_policy_rules.check_policy,
        "BaselineAdminNetworkPolicy": cluster_policy_rules.check_policy,
    },
}


def _check_foreign(item: ManifestObject, found: FieldProblems) -> None:
    """A policy of another API. What an API server has printed may be of a release that is newer
    than the schema: who evaluates it says which of its fields are not known."""
    foreign = foreign_kind(item.api_version, item.kind)
    if foreign is None:
        return
    _check_foreign_metadata(item, found)
    if not has_schema(item.api_version, item.kind):
        _check_version(item, found)
        return
    unknown = check_resource(item, found, unknown_allowed=item.from_server)
    if not found.found and not unknown:
        _check_foreign_rules(item, foreign.group, found)


def _check_foreign_rules(item: ManifestObject, group: str, found: FieldProblems) -> None:
    rule = FOREIGN_RULES.get(group.removeprefix("crd."), {}).get(item.kind)
    if rule is not None:
        rule({**item.body, "apiVersion": item.api_version, "kind": item.kind}, found)


def _check_foreign_metadata(item: ManifestObject, found: FieldProblems) -> None:
    metadata = item.body.get("metadata")
    check_fields(metadata, "V1ObjectMeta", found, unknown_allowed=item.from_server)
    if not found.found:
        check_metadata(item.metadata, found.within("metadata"))


def _check_version(item: ManifestObject, found: FieldProblems) -> None:
    """A version that podwire does not know: its shape alone."""
    for field in ("spec", "specs"):
        value, expected = item.body.get(field), dict if field == "spec" else list
        if value is not None and not isinstance(value, expected):
            shape = "a mapping" if expected is dict else "a list"
            found.add((field,), f"must be {shape}, not {described(value)}")
