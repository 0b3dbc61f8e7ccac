"""Policies with fields that podwire does not know: of a release of their API that is newer than
its schema. What such a field asks for is not known, so any rule of the policy may be another."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import ForeignPolicyRow
from collectors.manifests.custom_resources import has_schema, unknown_fields
from collectors.manifests.documents import shown_path
from collectors.sanitize import sanitize
from diagnosis.reachability.certainty import Doubt
from diagnosis.reachability.policy_model import SIDES, Action, Policy, TierRule

ACTIONS: tuple[Action, ...] = ("deny", "allow")


def with_unknown_fields(policy: Policy, row: ForeignPolicyRow) -> Policy:
    """The policy; with rules that may match anything where a field of it, or the version of its
    API, is not known."""
    shown = _not_known(row)
    if not shown:
        return policy
    reason = Doubt((f"{policy.title} has {shown}, which podwire does not know",))
    anything = tuple(
        TierRule(number=0, action=action, peers=None, ports=None, name=shown, doubt=reason)
        for action in ACTIONS
    )
    rules = {side: (*anything, *policy.rules.get(side, ())) for side in SIDES}
    return replace(policy, rules=rules)


def _not_known(row: ForeignPolicyRow) -> str:
    if not has_schema(row.api_version, row.object_kind):
        return f"apiVersion {row.api_version}"
    fields = unknown_fields(row.spec, row.api_version, row.object_kind)
    return ", ".join(sanitize(shown_path(path), 120) for path in fields[:3])
