"""All policies of a cluster, of every API, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from collectors.events import ForeignPolicyRow, NodeRow, PodRow, PolicyRow, SettingsRow
from diagnosis.reachability import (
    calico,
    cilium,
    cluster_network_policy,
    local_redirects,
    network_policy,
    unevaluated_policies,
    verdicts,
)
from diagnosis.reachability.blind_spots import (
    CUTTING,
    FOREIGN,
    NONE,
    POLICIES,
    BlindSpot,
    BlindSpots,
)
from diagnosis.reachability.masqueraded_sources import SeenSources, seen_sources
from diagnosis.reachability.may_decide import Known
from diagnosis.reachability.own_ends import to_own_node
from diagnosis.reachability.parties import Party
from diagnosis.reachability.plugin_evidence import evidence, ip_blocks, plugin_of
from diagnosis.reachability.policy_model import (
    Ask,
    Policy,
    Side,
    Stack,
    Tier,
    Unread,
    one_each,
)
from diagnosis.reachability.unevaluated_policies import UnevaluatedTiers
from diagnosis.reachability.verdicts import Verdict

EACH: tuple[Side, Side] = ("egress", "ingress")


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
    seen: SeenSources = field(default_factory=SeenSources)
    polices_nodes: bool = False  # whether the plugin is known to police what pods send to nodes
    nodes: tuple[NodeRow, ...] = ()

    @classmethod
    def of(
        cls,
        rows: Iterable[PolicyRow],
        foreign: Iterable[ForeignPolicyRow] = (),
        *,
        settings: Iterable[SettingsRow] = (),
        nodes: Iterable[NodeRow] = (),
        pods: Iterable[PodRow] = (),
        blind: BlindSpots = NONE,
    ) -> PolicySet:
        """`pods` may show which plugin's agents run here."""
        foreign, settings = tuple(foreign), tuple(settings)
        plugin, tunnels = plugin_of(settings), any(row.name == "flannel" for row in settings)
        foreign, malformed = _readable(foreign)
        blind = replace(blind, spots=(*blind.spots, *malformed))
        reading, evident = ip_blocks(settings, foreign, pods), evidence(settings, foreign, pods)
        compiled = network_policy.policies(rows, reading)
        return cls(
            kubernetes=tuple(compiled),
            foreign=foreign,
            plugin=plugin,
            blind=blind,
            tunnels=tunnels,
            seen=seen_sources(settings, plugin or ("cilium" if evident == "cilium" else "")),
            polices_nodes=evident in ("cilium", "other"),
            nodes=tuple(nodes),
        )

    @cached_property
    def stacks(self) -> tuple[Stack, ...]:
        has_calico = any(map(calico.is_calico, self.foreign))
        has_cilium = any(map(cilium.is_cilium, self.foreign))
        stacks: list[Stack] = []
        if (has_calico and self.plugin != "cilium") or self.plugin == "calico":
            stacks.append(self._calico_stack())
        if (has_cilium and self.plugin != "calico") or self.plugin == "cilium":
            stacks.append(self._cilium_stack())
        return tuple(map(self._with_unevaluated, stacks or [self._plain_stack()]))

    def _with_unevaluated(self, stack: Stack) -> Stack:
        return replace(stack, tiers=self._unevaluated.around(stack.tiers))

    @cached_property
    def _unevaluated(self) -> UnevaluatedTiers:
        known = Known(self.foreign, [dict(node.labels) for node in self.nodes])
        return unevaluated_policies.tiers(self.foreign, known, self._unread(CUTTING))

    def verdict(self, source: Party, destination: Party, number: int, protocol: str) -> Verdict:
        found = verdicts.verdict(source, destination, number, protocol, self.stacks)
        if self.polices_nodes:
            return found
        return replace(found, egress=to_own_node(found.egress, source, destination))

    def hairpin(self, pod: Party, number: int, protocol: str) -> Verdict:
        """What its policies say of a pod that reaches itself by a Service."""
        out, into = (Ask(side, pod, pod, number, protocol) for side in EACH)
        return Verdict(verdicts.decide(self.stacks, out), verdicts.decide(self.stacks, into))

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
            Unread(spot.text, spot.read_namespaces, cuts_only=kind == CUTTING)
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
        kubernetes = calico.with_kubernetes(default, self.kubernetes, self._unread(POLICIES))
        beside = [
            (calico.ADMIN_ORDER, self._admin()),
            (default.order, kubernetes),
            (calico.BASELINE_ORDER, self._baseline()),
        ]
        others = [tier for tier in found if tier is not default]
        return Stack("Calico", calico.tier_chain(others, beside))

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
            spots.append(BlindSpot(row.kind, reason, of_objects=True))
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
    elif unevaluated_policies.is_unevaluated(row):
        unevaluated_policies.tiers([row], Known())
    elif row.object_kind == local_redirects.KIND:
        local_redirects.check(row)
