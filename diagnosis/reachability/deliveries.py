"""Connections as they are delivered: what leaves the source, and as whose it arrives; and what
all of them come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from collectors.frozen import frozen
from diagnosis.reachability import why_not
from diagnosis.reachability.ambient_mesh import PORT, why_tunnelled
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.overlay_sources import as_from_tunnel
from diagnosis.reachability.own_ends import by_own_service
from diagnosis.reachability.parties import Party, family, no_common_family, over
from diagnosis.reachability.policy_model import Ask
from diagnosis.reachability.verdicts import Decision, Outcome, Verdict, combined, either
from diagnosis.reachability.why_not import Context

Result = Literal["ok", "stops", "note", "unknown"]
RESULTS: dict[Outcome, Result] = {"allowed": "ok", "denied": "stops", "unknown": "unknown"}
AT_MOST = "to some endpoints at most"
NAMED = 3  # endpoints of a group that are named


@frozen
class PathStep:
    """One step, what became of it there, and why."""

    what: str
    result: Result
    reason: str


@frozen
class PathVerdict:
    """Whether connections get through: to a Service, to every endpoint that it may choose.
    `partly`: to some of them only. `unknown_because` says what could not be known, where that
    decides. `share`: of several pods that were asked how many, or AT_MOST, where it is denied to
    some and not known of the others; '' else."""

    verdict: Outcome
    partly: bool
    decided_by: Decision | None  # None: not a policy decides
    path: tuple[PathStep, ...]
    unknown_because: tuple[str, ...] = ()
    share: str = ""

    @property
    def allowed(self) -> bool:
        return self.verdict == "allowed"

    @classmethod
    def unknown(cls, because: Sequence[str], steps: Sequence[PathStep] = ()) -> PathVerdict:
        last = tuple(PathStep("not known", "unknown", reason) for reason in because)
        return cls("unknown", False, None, (*steps, *last), tuple(because))

    def after(self, *steps: PathStep) -> PathVerdict:
        return replace(self, path=(*steps, *self.path))

    def noted(self, *steps: PathStep) -> PathVerdict:
        return replace(self, path=(*self.path, *steps))


def stopped(*steps: PathStep) -> PathVerdict:
    """Denied by something that is not a policy."""
    return PathVerdict("denied", False, None, steps)


@dataclass(frozen=True)
class Delivery:
    """One connection: leaving `source` for `seen` (what its own policies see; `early`: perhaps for
    `end` already), arriving at `end` as from `sender`, or as from one of `perhaps`, for the reason
    `why`. `translated`: by the address of a Service."""

    source: Party
    seen: Party
    seen_number: int
    sender: Party
    end: Party
    number: int
    protocol: str
    service_port: int = 0
    host_port: int = 0
    label: str = field(default="")  # by which node it goes, '' for none
    service_ips: tuple[str, ...] = ()  # to which it was sent, before translation
    perhaps: tuple[Party, ...] = ()
    why: str = ""
    early: str = ""  # why the destination may be translated before its policies are asked
    translated: bool = False

    @classmethod
    def plain(
        cls,
        source: Party,
        end: Party,
        number: int,
        protocol: str,
        *,
        service_port: int = 0,
        service_ips: tuple[str, ...] = (),
    ) -> Delivery:
        """Nothing but the destination is translated."""
        return cls(
            source=source,
            seen=end,
            seen_number=number,
            sender=source,
            end=end,
            number=number,
            protocol=protocol,
            service_port=service_port,
            service_ips=service_ips,
        )

    @property
    def name(self) -> str:
        return f"{self.end.name}:{self.number}/{self.protocol}{self.label}"

    def verdict(self, cluster: ClusterState) -> Verdict:
        if self._is_hairpin:
            found = cluster.policies.hairpin(self.source, self.number, self.protocol)
            return by_own_service(found, self._plain(cluster))
        return self._plain(cluster)

    @property
    def _is_hairpin(self) -> bool:
        to_itself = self.source.name == self.end.name and self.seen is self.end
        return self.translated and self.source.selectable and to_itself

    def _plain(self, cluster: ClusterState) -> Verdict:
        asked = cluster.policies.verdict
        out = asked(self.source, self.seen, self.seen_number, self.protocol)
        egress = out.egress
        if self.early:
            other = asked(self.source, self.end, self.number, self.protocol).egress
            egress = either(egress, other, self.early)
        into = out.ingress
        if self.sender is not self.source or self.seen is not self.end:
            into = self._into(cluster, self.sender)
        else:
            into = self._by_tunnel(cluster, into, self.sender)
        for one in self.perhaps:
            into = either(into, self._into(cluster, one), self.why)
        if why := why_tunnelled(self.sender, self.end, self.protocol):
            tunnel = asked(self.sender, self.end, PORT, self.protocol)
            egress = either(egress, tunnel.egress, why)
            into = either(into, tunnel.ingress, why)
        return Verdict(egress, into)

    def _into(self, cluster: ClusterState, sender: Party) -> Decision:
        found = cluster.policies.verdict(sender, self.end, self.number, self.protocol).ingress
        return self._by_tunnel(cluster, found, sender)

    def _by_tunnel(self, cluster: ClusterState, into: Decision, sender: Party) -> Decision:
        return as_from_tunnel(cluster, into, sender, self.end, (self.number, self.protocol))

    def seen_as(self, side: Literal["egress", "ingress"]) -> str:
        """What policies of a side see of the other end, its address and a destination's port."""
        other = self.seen if side == "egress" else self.sender
        shown = other.ips[0] if other.ips else other.name
        return f"{shown}:{self.seen_number}" if side == "egress" else shown

    def ask(self, side: Literal["egress", "ingress"]) -> Ask:
        source, end, number = self.source, self.seen, self.seen_number
        if side == "ingress":
            source, end, number = self.sender, self.end, self.number
        if (six := family(source, end)) is not None:
            source, end = over(source, six), over(end, six)
        return Ask(side, source, end, number, self.protocol)


def judged(
    cluster: ClusterState,
    before: Sequence[PathStep],
    deliveries: Sequence[Delivery],
    *,
    after: Sequence[PathStep] = (),
    because: Sequence[str] = (),
    where_they_differ: Sequence[str] = (),
) -> PathVerdict:
    """What is allowed is allowed to each. `because`: what else is not known;
    `where_they_differ`: what is worth saying where only some are allowed."""
    found = [(one, one.verdict(cluster)) for one in deliveries]
    outcomes = [verdict.verdict for _, verdict in found]
    whole = combined(*outcomes)
    if because and whole == "allowed":
        whole = "unknown"
    at_most = set(outcomes) == {"denied", "unknown"}
    some = "allowed" in outcomes and len(set(outcomes)) > 1
    deciding = next((v for _, v in found if v.verdict == whole), found[0][1])
    reasons = [reason for _, verdict in found for reason in verdict.unknown_because]
    steps = [*before, *_steps(cluster, found), *after]
    if some:
        steps += [PathStep("which endpoint", "note", text) for text in where_they_differ]
    steps += [PathStep("not known", "unknown", reason) for reason in because]
    return PathVerdict(
        verdict=whole,
        partly=(some or at_most) and whole == "denied",
        decided_by=deciding.decided_by,
        path=tuple(steps),
        unknown_because=tuple(dict.fromkeys((*reasons, *because))) if whole == "unknown" else (),
        share=AT_MOST if at_most else "",
    )


# --- steps

Judged = tuple[Delivery, Verdict]


def _steps(cluster: ClusterState, found: Sequence[Judged]) -> Iterator[PathStep]:
    """Of each side; of many endpoints those that come out alike are one step."""
    for group in _alike(found):
        delivery, verdict = group[0]
        name = _names(group)
        if no := no_common_family(delivery.source, delivery.seen):
            yield PathStep(f"to {name}", "stops", no)
            continue
        yield from _side(cluster, delivery, verdict.egress, f"egress to {name}")
        if verdict.egress.denied and len(found) > 1 and verdict.ingress.allowed:
            continue
        yield from _side(cluster, delivery, verdict.ingress, f"ingress at {name}")
        if note := _undeclared(delivery):
            yield note


def _alike(found: Sequence[Judged]) -> Iterable[list[Judged]]:
    groups: dict[tuple[object, ...], list[Judged]] = {}
    for one in found:
        delivery, verdict = one
        key = (
            *map(_key, (verdict.egress, verdict.ingress)),
            delivery.number,
            delivery.end.node if len(found) < 3 else "",
        )
        groups.setdefault(key, []).append(one)
    return groups.values()


def _key(decision: Decision) -> tuple[object, ...]:
    return (
        decision.verdict,
        decision.policy,
        decision.rule,
        decision.kind,
        decision.unknown_because if decision.policy else "",
    )


def _names(group: Sequence[Judged]) -> str:
    names = list(dict.fromkeys(delivery.name for delivery, _ in group))
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _side(
    cluster: ClusterState, delivery: Delivery, decision: Decision, what: str
) -> Iterator[PathStep]:
    yield PathStep(what, RESULTS[decision.verdict], decision.reason)
    for reason in decision.unknown_because:
        yield PathStep("not known", "unknown", reason)
    if decision.verdict == "allowed":
        return
    context = Context(
        asked_port=delivery.service_port or delivery.host_port,
        asked_as="the Service's" if delivery.service_port else "the node's (hostPort)",
        service_ips=cluster.service_ips,
        asked_ips=delivery.service_ips,
        seen=delivery.seen_as(decision.side),
    )
    for text in why_not.misses(cluster.policies.stacks, delivery.ask(decision.side), context):
        yield PathStep("why not", "note", text)


def _undeclared(delivery: Delivery) -> PathStep | None:
    end, number = delivery.end, delivery.number
    declared = {p.number for p in end.ports if p.protocol == delivery.protocol}
    if not declared or number in declared:
        return None
    have = ", ".join(map(str, sorted(declared)))
    reason = f"no container declares it (declared: {have}): it may not listen"
    return PathStep(f"port {number} at {end.name.rpartition('/')[2]}", "note", reason)
