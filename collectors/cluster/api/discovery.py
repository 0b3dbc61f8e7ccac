"""Which policies of other APIs a cluster serves, by the discovery of its API server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from collectors.cluster.api.foreign_kinds import FOREIGN_KINDS, ForeignKind
from collectors.cluster.api.rest import Rest
from collectors.errors import ClusterError
from collectors.frozen import frozen

CALICO, CALICO_STORAGE = "projectcalico.org", "crd.projectcalico.org"
GROUPS = tuple(dict.fromkeys(foreign.group for foreign in FOREIGN_KINDS))


@frozen
class ServedKind:
    """A kind of policy, in the group and version in which the API server serves it."""

    foreign: ForeignKind
    api_version: str

    @property
    def name(self) -> str:
        """`clusternetworkpolicies.policy.networking.k8s.io`, as kubectl says it."""
        return f"{self.foreign.resource}.{self.foreign.group}"

    @property
    def path(self) -> str:
        return f"/apis/{self.api_version}/{self.foreign.resource}"

    @property
    def namespaced_path(self) -> str | None:
        """With {} for the namespace; None for a kind of the whole cluster."""
        if not self.foreign.namespaced:
            return None
        return f"/apis/{self.api_version}/namespaces/{{}}/{self.foreign.resource}"


async def served_policies(rest: Rest) -> tuple[list[ServedKind], str]:
    """(the kinds that are served, why others may be, '' where none may).

    ClusterError where the API server does not answer discovery at all.
    """
    answer = await rest.get("/apis", what="discover API groups")
    versions = _versions(answer)
    found = await asyncio.gather(*(_of_group(rest, group, versions[group]) for group in versions))
    kinds = [kind for served, _ in found for kind in served]
    if any(kind.foreign.group == CALICO for kind in kinds):  # the same objects, twice
        kinds = [kind for kind in kinds if kind.foreign.group != CALICO_STORAGE]
    return kinds, " ".join(reason for _, reason in found if reason)


def _versions(answer: Mapping[str, Any]) -> dict[str, list[str]]:
    """Of our groups the versions that are served, in the server's order: the newest first."""
    found: dict[str, list[str]] = {}
    for group in answer.get("groups") or ():
        if group.get("name") in GROUPS:
            listed = group.get("versions") or ()
            found[group["name"]] = [str(version.get("groupVersion")) for version in listed]
    return found


async def _of_group(rest: Rest, group: str, versions: list[str]) -> tuple[list[ServedKind], str]:
    """Each kind in the first version that serves it; why a version could not be asked."""
    found: dict[str, ServedKind] = {}
    reasons: list[str] = []
    for version in versions:
        try:
            answer = await rest.get(f"/apis/{version}", what=f"discover {version}")
        except ClusterError as error:
            if error.status in (0, 401):
                raise
            reasons.append(f"{version} could not be discovered: {error}")
            continue
        listed = {str(resource.get("name")) for resource in answer.get("resources") or ()}
        for foreign in FOREIGN_KINDS:
            if foreign.group == group and foreign.resource in listed:
                found.setdefault(foreign.resource, ServedKind(foreign, version))
    return list(found.values()), " ".join(reasons)
