"""The NetworkPolicy proposed for a pod from its observed traffic, with what it would newly deny."""

from __future__ import annotations

from diagnosis.reachability import policy_proposal
from session.snapshot_builder import snapshot
from session.store import Store
from tui.screens.text_view import Document

LISTED = 20  # denied connections named


def proposed_policy(store: Store, key: str, now: float) -> Document | None:
    """None where the target is not a pod."""
    moment = snapshot(store, now)
    pod = next((view.pod for view in moment.targets if view.key == key), None)
    if pod is None:
        return None
    text = policy_proposal.from_traffic(pod, moment)
    denied = policy_proposal.newly_cut(pod, text, moment)
    lines = [f"# it would newly deny: {path}" for path in denied[:LISTED]]
    if len(denied) > LISTED:
        lines.append(f"# and {len(denied) - LISTED} more")
    if why := policy_proposal.effect_unknown(moment):
        lines.append(f"# what it would deny besides is not known: {why}")
    effect = "\n".join(lines or ["# it would deny nothing that is allowed now"])
    return Document(f"A policy for {pod.namespace}/{pod.name}", f"{text}\n{effect}")
