"""Some namespaces are closed by default and others are not: those look forgotten.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding, Subject
from diagnosis.reachability import policy_proposal, selectors
from diagnosis.reachability.blind_spots import CUTTING, FOREIGN, POLICIES
from diagnosis.reachability.policy_model import Policy
from diagnosis.rule import Rule
from diagnosis.rules._policies import policy_context
from diagnosis.snapshot import Snapshot, listed

SYSTEM = {"kube-system", "kube-public", "kube-node-lease"}
RULE = Rule(
    id="no_default_deny",
    title="Namespaces admit anyone, while others deny by default",
    scope="cluster",
    stage="advice",
    inputs=("NetworkPolicies", "pods"),
    symptoms=(),
    screen="policy",
    criterion="a policy per namespace that selects every pod and allows nothing",
    false_friends=("they are meant to be open",),
    severity="info",
    confidence="certain",
    fix="""# after the traffic that is wanted is allowed (y on a pod proposes that)
{text}""",
    fix_kind="yaml",
    verify="M, the connectivity matrix, shows it",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    if snapshot.foreign_policies or any(map(snapshot.blind.at, (POLICIES, FOREIGN, CUTTING))):
        return
    closed = _denying(snapshot)
    exposed = sorted(_exposed(snapshot) - closed - SYSTEM)
    if closed and exposed:
        yield _finding(snapshot, exposed, closed)


def _denying(snapshot: Snapshot) -> set[str]:
    """Namespaces that deny by default."""
    return {one.namespace for one in policy_context(snapshot).policies if _denies(one)}


def _exposed(snapshot: Snapshot) -> set[str]:
    """Namespaces with pods that no policy isolates: those that some do are not open to anyone."""
    context = policy_context(snapshot)
    apply = (pod for pod in snapshot.pods if not pod.host_network and not pod.ended)
    alike = {(pod.namespace, pod.labels): pod for pod in apply}
    return {
        pod.namespace
        for pod in alike.values()
        if not any(policy.selects(context.party(pod), "ingress") for policy in context.policies)
    }


def _finding(snapshot: Snapshot, exposed: list[str], closed: set[str]) -> Finding:
    everything: dict[str, object] = {"podSelector": {}, "policyTypes": ["Ingress"]}
    text = policy_proposal.document("default-deny", exposed[0], everything)
    count = "1 namespace admits" if len(exposed) == 1 else f"{len(exposed)} namespaces admit"
    return RULE.finding(
        subject=Subject(kind="cluster", name="namespaces"),
        title=f"{count} anyone who is not denied: {listed(exposed)}",
        evidence=_evidence(snapshot, exposed, closed),
        text=text,
    )


def _evidence(snapshot: Snapshot, exposed: list[str], closed: set[str]) -> Iterator[Evidence]:
    missing = f"pods that no policy isolates in {listed(exposed, 8)}"
    yield snapshot.fact(f"default deny in {listed(sorted(closed), 5)}", "NetworkPolicies")
    yield snapshot.fact(missing, "NetworkPolicies, pods")


def _denies(policy: Policy) -> bool:
    """Whether it selects every pod of its namespace and lets nothing in."""
    selected = selectors.text(policy.spec.get("podSelector") or {})
    return selected == "everything" and policy.rules.get("ingress") == ()
