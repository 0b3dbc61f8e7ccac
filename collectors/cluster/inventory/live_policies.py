"""NetworkPolicies of a cluster as rows, each judged as its API server would."""

from __future__ import annotations

from collections.abc import Iterable

from collectors.cluster.api.fields import mapping_at
from collectors.cluster.inventory.object_fields import Object
from collectors.cluster.inventory.row_builders import built_by, policy_row
from collectors.manifests.policy_rules import check_policy
from collectors.manifests.problems import FieldProblems
from collectors.manifests.schema import check_fields
from collectors.objects import PolicyRow, Row

KIND = "networkpolicies"


def policies_built(items: Iterable[Object]) -> tuple[list[Row], int]:
    """The rows, and how many objects are none that an API server lets in, or of a release that is
    newer than the schema: what those say is not known."""
    return built_by(_checked, items)


def _checked(item: Object) -> PolicyRow:
    spec, problems = mapping_at(item, "spec"), FieldProblems()
    check_fields(spec, "V1NetworkPolicySpec", problems)
    if not problems.found:
        check_policy(spec, problems)
    if problems.found:
        raise ValueError(problems.found[0].reason)
    return policy_row(item)
