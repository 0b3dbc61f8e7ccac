"""A plan to attach as rows: what is added where, what it costs, what is refused."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from collectors.cluster.attach.planner import Offer, Plan
from session.controller import Controller


def described(plan: Plan, beside: Plan | None, control: Controller) -> Table:
    """`beside` is the plan of the pod's node, where there is one."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    plans = [part for part in (plan, beside) if part is not None]
    for part in plans:
        _add_plan(table, part)
    offers = [part.offer for part in plans if part.offer is not None]
    if images := sorted({image_of(offer) for offer in offers if offer.manifest}):
        settings = control.settings
        pull = f"{settings.pull_policy}, {settings.pull_timeout_s:g} s to pull"
        table.add_row("image", Text(f"{', '.join(images)} ({pull})"))
    return table


def _add_plan(table: Table, plan: Plan) -> None:
    dim = "dim" if plan.offer else ""
    rows = [Text(line) for line in _offer_lines(plan)]
    rows += [Text(refusal, style=dim) for refusal in plan.refusals]
    title = "node" if plan.target.kind == "node" else "pod"
    for number, row in enumerate(rows):
        table.add_row("" if number else title, row)
    table.add_row("", "")


def image_of(offer: Offer) -> str:
    spec = (offer.manifest or {}).get("spec") or {}
    containers = spec.get("ephemeralContainers") or spec.get("containers") or [{}]
    return str(containers[0].get("image"))


def _offer_lines(plan: Plan) -> list[str]:
    offer = plan.offer
    if offer is None:
        return []
    if offer.method == "reuse":
        return [f"Reuses the debug container {offer.container}, which is there already."]
    if offer.method == "exec":
        return [f"Adds nothing: runs in the pod's own container {offer.container}; {offer.cost}."]
    if offer.method == "node pod":
        return [
            f"Starts the pod {offer.namespace}/{offer.pod} on {plan.target.name}: host network, "
            "unprivileged. Deleted when you quit. The conntrack table that fills up is the node's."
        ]
    return _container_lines(plan, offer)


def _container_lines(plan: Plan, offer: Offer) -> list[str]:
    lines = [
        f"Adds the debug container {offer.container} (access level: {offer.level}). It stays in "
        "the pod's spec until the pod is deleted; its process ends within 4 h."
    ]
    if offer.cost:
        lines.append(f"{offer.cost[0].upper()}{offer.cost[1:]}.")
    if plan.shares_node:
        lines.append("This pod is on the host network: its figures are the whole node's.")
    if plan.carried:
        lines.append(f"The pod's spec has {plan.carried} of podwire's already; none is running.")
    return lines
