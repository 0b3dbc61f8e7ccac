"""All policies of a cluster, of every API, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from collectors.events import ForeignPolicyRow, PolicyRow, SettingsRow
from diagnosis.reachability import (
    calico,
    cilium,
    cluster_network_policy,
    network_policy,
    verdicts,
)
from diagnosis.reachability.blind_spots import FOREIGN, NONE, POLICIES, BlindSpot, BlindSpots
from diagnosis.reachability.network_policy import IpBlocks
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_model import Policy, Stack, Tier, Unread, one_each
from diagnosis.reachability.verdicts import Verdict

PLUGINS = ("cilium", "calico")  # whose policies are read here


def plugin_of(settings: Iterable[SettingsRow]) -> str:
    """The network plugin that enforces policies, as far as its settings show; '' where that is
    not known."""
    names = {row.name.partition(" ")[0] for row in settings}
    return next((plugin for plugin in PLUGINS if plugin in names), "")


@dataclass(frozen=True)
class PolicySet:
    """`kubernetes` are the NetworkPolicies; `foreign` the rows of other APIs. `stacks` are the
    chains of tiers that may be in force: several where policies of several plugins are here and
    it is not known which one enforces."""

    kubernetes: tuple[Policy, ...]
    foreign: tuple[ForeignPolicyRow, ...] = ()
    plugin: str = ""
    blind: BlindSpots = NONE
    tunnels: bool = False  # whether an overlay is known to be between the nodes

    @classmethod
    def of(
        cls,
        rows: Iterable[PolicyRow],
        foreign: Iterable[ForeignPolicyRow] = (),
        *,
        settings: Iterable[SettingsRow] = (),
        blind: BlindSpots = NONE,
    ) -> PolicySet:
        foreign, settings = tuple(foreign), tuple(settings)
        plugin, tunnels = plugin_of(settings), any(row.name == "flannel" for row in settings)
        foreign, malformed = _readable(foreign)
        blind = replace(blind, spots=(*blind.spots, *malformed))
        reading = _reading(plugin, foreign)
        compiled = network_policy.policies(rows, reading)
        return cls(tuple(compiled), foreign, plugin, blind, tunnels)

    @cached_property
    def stacks(self) -> tuple[Stack, ...]:
        has_calico = any(map(calico.is_calico, self.foreign))
        has_cilium = any(map(cilium.is_cilium, self.foreign))
        stacks: list[Stack] = []
        if (has_calico and self.plugin != "cilium") or self.plugin == "calico":
            stacks.append(self._calico_stack())
        if (has_cilium and self.plugin != "calico") or self.plugin == "cilium":
            stacks.append(self._cilium_stack())
        return tuple(stacks or [self._plain_stack()])

    def verdict(self, source: Party, destination: Party, number: int, protocol: str) -> Verdict:
        return verdicts.verdict(source, destination, number, protocol, self.stacks)

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Of every API, each once."""
        found = {
            (policy.kind, policy.key, id(policy.spec)): policy
            for stack in self.stacks
            for tier in stack.tiers
            for policy in tier.policies
        }
        return tuple(found.values())

    # --- chains of tiers

    def _unread(self, kind: str) -> tuple[Unread, ...]:
        return tuple(
            Unread(spot.text, spot.read_namespaces)
            for spot in self.blind.spots
            if spot.kind == kind
        )

    def _admin(self) -> Tier:
        groups = cluster_network_policy.by_priority(self.foreign, "Admin")
        return Tier("Admin", groups, unread=self._unread(FOREIGN))

    def _baseline(self) -> Tier:
        groups = cluster_network_policy.by_priority(self.foreign, "Baseline")
        return Tier("Baseline", groups)

    def _namespaced(self) -> Tier:
        return Tier(
            name="NetworkPolicy",
            groups=one_each(self.kubernetes),
            unread=self._unread(POLICIES),
            additive=True,
        )

    def _plain_stack(self) -> Stack:
        return Stack("", (self._admin(), self._namespaced(), self._baseline()))

    def _calico_stack(self) -> Stack:
        found = calico.tiers(self.foreign)
        default = calico.CalicoTier("default", calico.DEFAULT_ORDER, ())
        default = next((tier for tier in found if tier.name == "default"), default)
        ordered: list[tuple[float, Tier]] = [
            (calico.ADMIN_ORDER, self._admin()),
            (
                default.order,
                calico.with_kubernetes(default, self.kubernetes, self._unread(POLICIES)),
            ),
            (calico.BASELINE_ORDER, self._baseline()),
        ]
        for tier in found:
            if tier is not default:
                groups = one_each([policy for _, policy in tier.policies])
                ordered.append((tier.order, Tier(tier.name, groups, otherwise=tier.otherwise)))
        ordered.sort(key=lambda one: one[0])
        return Stack("Calico", tuple(tier for _, tier in ordered))

    def _cilium_stack(self) -> Stack:
        denies = cilium.policies(self.foreign, deny=True)
        allows = cilium.policies(self.foreign, deny=False)
        tier = Tier(
            name="Cilium",
            groups=one_each([*denies, *allows, *self.kubernetes]),
            unread=self._unread(POLICIES),
            additive=True,
        )
        return Stack("Cilium", (self._admin(), tier, self._baseline()))


def _readable(
    rows: Sequence[ForeignPolicyRow],
) -> tuple[tuple[ForeignPolicyRow, ...], list[BlindSpot]]:
    """The rows that can be compiled, and what the others leave unknown: no API server of theirs
    would have let them in, and what they were meant to say is not known."""
    good: list[ForeignPolicyRow] = []
    spots: list[BlindSpot] = []
    for row in rows:
        try:
            _compile(row)
        except (TypeError, ValueError, AttributeError, KeyError, IndexError):
            name = f"{row.namespace}/{row.name}".lstrip("/")
            reason = f"{row.object_kind} {name} is not of the shape that its API has"
            spots.append(BlindSpot(FOREIGN, reason, of_objects=True))
        else:
            good.append(row)
    return tuple(good), spots


def _compile(row: ForeignPolicyRow) -> None:
    """Raises what a specification of another shape than its API's leads to."""
    if cluster_network_policy.tier_of(row):
        cluster_network_policy.by_priority([row], cluster_network_policy.tier_of(row))
    elif calico.is_calico(row):
        calico.tiers([row])
    elif cilium.is_cilium(row):
        cilium.policies([row], deny=True)
        cilium.policies([row], deny=False)


def _reading(plugin: str, foreign: Sequence[ForeignPolicyRow]) -> IpBlocks:
    """Cilium's ipBlock matches what is outside of the cluster, most others' any address. Where
    policies of both are here, which one enforces is not known."""
    if plugin == "cilium":
        return "outside"
    has_cilium = any(map(cilium.is_cilium, foreign))
    if plugin or not has_cilium:
        return "everywhere"
    return "either" if any(map(calico.is_calico, foreign)) else "outside"
