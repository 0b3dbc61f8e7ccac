"""Which policies of other APIs a cluster serves, by the discovery of its API server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from collectors.cluster.api.fields import list_at, listed_at
from collectors.cluster.api.foreign_kinds import KNOWN_KINDS, ForeignKind
from collectors.cluster.api.rest import Rest
from collectors.errors import ClusterError
from collectors.frozen import frozen

CALICO, CALICO_STORAGE = "projectcalico.org", "crd.projectcalico.org"
GROUPS = tuple(dict.fromkeys(foreign.group for foreign in KNOWN_KINDS))


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
    versions = _versions(await rest.get("/apis", what="discover API groups"))
    found = await asyncio.gather(*(_of_group(rest, group, versions[group]) for group in versions))
    kinds = [kind for served, _ in found for kind in served]
    return _once(kinds), " ".join(reason for _, reason in found if reason)


def _once(kinds: list[ServedKind]) -> list[ServedKind]:
    """Calico's API server and its storage serve the same objects: as the former where it runs."""
    if CALICO in {kind.foreign.group for kind in kinds}:
        return [kind for kind in kinds if kind.foreign.group != CALICO_STORAGE]
    return kinds


def _versions(answer: Mapping[str, Any]) -> dict[str, list[str]]:
    """Of our groups the versions that are served, in the server's order: the newest first."""
    served = listed_at(answer, "groups", "discover API groups")
    ours = (group for group in served if group.get("name") in GROUPS)
    return {group["name"]: _listed(group) for group in ours}


def _listed(group: Mapping[str, Any]) -> list[str]:
    return [str(version.get("groupVersion")) for version in list_at(group, "versions")]


async def _of_group(rest: Rest, group: str, versions: list[str]) -> tuple[list[ServedKind], str]:
    """Each kind in the first version that serves it; why a version could not be asked."""
    found: dict[str, ServedKind] = {}
    reasons: list[str] = []
    for version in versions:
        try:
            served = await _of_version(rest, version)
        except ClusterError as error:
            if error.concerns_all:
                raise
            reasons.append(f"{version} could not be discovered: {error}")
            continue
        for kind in _known(served, group, version):
            found.setdefault(kind.foreign.resource, kind)
    return list(found.values()), " ".join(reasons)


async def _of_version(rest: Rest, version: str) -> set[str]:
    """The resources of a group's version."""
    answer = await rest.get(f"/apis/{version}", what=f"discover {version}")
    return set(map(_name, listed_at(answer, "resources", f"discover {version}")))


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource.get("name"))


def _known(served: set[str], group: str, version: str) -> Iterator[ServedKind]:
    for foreign in KNOWN_KINDS:
        if foreign.group == group and foreign.resource in served:
            yield ServedKind(foreign, version)
