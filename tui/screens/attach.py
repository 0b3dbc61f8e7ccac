"""Before anything is added to a cluster: what it would be, what it costs, and what is not allowed."""

from __future__ import annotations

from typing import Literal

from rich.table import Table
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from collectors.cluster.attach.journaled_writes import yaml_of
from collectors.cluster.attach.planner import Offer, Plan
from collectors.errors import PodwireError
from collectors.frozen import frozen
from collectors.target import Target
from session.controller import Controller
from tui.screens.base import while_there
from tui.screens.text_view import Document

Chosen = Literal["both", "pod", "node"]


@frozen
class AttachChoice:
    """What the user chose, with the offers that were shown."""

    chosen: Chosen
    offer: Offer | None
    beside: Offer | None


class Attach(ModalScreen[AttachChoice | None]):
    """Asks the API server what can be added to `target` (and its node), shows it, and asks the user."""

    def __init__(self, control: Controller, target: Target) -> None:
        super().__init__()
        self.control = control
        self.target = target
        self.plan: Plan | None = None
        self.beside: Plan | None = None
        self.keys: dict[str, tuple[Chosen | Literal["manifests"], str]] = {}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            name = f"{self.target.namespace}/{self.target.name}".lstrip("/")
            yield Static(f"Open {self.target.kind} {name}", classes="dialog--title", markup=False)
            yield Static("asking the API server what is allowed here", id="plan", markup=False)
            yield Static("esc  back", classes="dialog--keys", markup=False)

    def on_mount(self) -> None:
        self.run_worker(while_there(self, self._ask()))

    async def _ask(self) -> None:
        try:
            self.plan = await self.control.require_cluster().plan(self.target)
            if not self.plan.shares_node or self.plan.offer is None:
                self.beside = await self.control.require_cluster().plan_beside(self.target)
        except PodwireError as error:
            self.query_one("#plan", Static).update(Text(str(error)))
            return
        self._choices()
        if self.keys:
            self.query_one("#plan", Static).update(described(self.plan, self.beside, self.control))
        else:
            refusals = (*self.plan.refusals, *(self.beside.refusals if self.beside else ()))
            self.query_one("#plan", Static).update(Text("\n".join(dict.fromkeys(refusals))))
        keys = "   ".join(f"{key}  {label}" for key, (_, label) in self.keys.items())
        self.query_one(".dialog--keys", Static).update(Text(f"{keys}   esc  back".strip()))

    def _choices(self) -> None:
        own = self.plan.offer if self.plan else None
        beside = self.beside.offer if self.beside else None
        if own and self.target.kind == "node":
            self.keys["y"] = ("pod", "start it")
        elif own and beside:
            self.keys |= {
                "y": ("both", "both"),
                "p": ("pod", "pod only"),
                "o": ("node", "node only"),
            }
        elif own:
            self.keys["y"] = ("pod", "open it")
        elif beside:
            self.keys["o"] = ("node", "open its node instead")
        if any(offer and offer.manifest for offer in (own, beside)):
            self.keys["m"] = ("manifests", "manifests")

    def on_key(self, event: events.Key) -> None:
        event.stop()
        if event.key in ("n", "escape", "q"):
            self.dismiss(None)
        elif event.key in self.keys:
            chosen = self.keys[event.key][0]
            own = self.plan.offer if self.plan else None
            beside = self.beside.offer if self.beside else None
            if chosen == "manifests":
                parts = (
                    yaml_of(offer.manifest) for offer in (own, beside) if offer and offer.manifest
                )
                self.app.push_screen(Document("What would be sent", "---\n".join(parts)))
            else:
                self.dismiss(AttachChoice(chosen, own, beside))


def described(plan: Plan, beside: Plan | None, control: Controller) -> Table:
    """The plan as rows: what is added where, what it costs, what is refused."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for part in (plan, *((beside,) if beside else ())):
        title = "node" if part.target.kind == "node" else "pod"
        for line in _offer_lines(part):
            table.add_row(title, Text(line))
            title = ""
        for refusal in part.refusals:
            table.add_row(title, Text(refusal, style="dim" if part.offer else ""))
            title = ""
        table.add_row("", "")
    offers = [part.offer for part in (plan, beside) if part is not None and part.offer is not None]
    images = {image_of(offer) for offer in offers if offer.manifest}
    if images:
        pull = f"{control.settings.pull_policy}, {control.settings.pull_timeout_s:g} s to pull"
        table.add_row("image", Text(f"{', '.join(sorted(images))} ({pull})"))
    return table


def image_of(offer: Offer) -> str:
    spec = (offer.manifest or {}).get("spec") or {}
    containers = spec.get("ephemeralContainers") or spec.get("containers") or [{}]
    return str(containers[0].get("image"))


def _offer_lines(plan: Plan) -> list[str]:
    offer = plan.offer
    if offer is None:
        return []
    if offer.method == "reuse":
        return [f"reuses the debug container {offer.container} that is there already."]
    if offer.method == "exec":
        return [
            f"nothing is added: runs in the pod's own container {offer.container}; {offer.cost}."
        ]
    if offer.method == "node pod":
        return [
            f"starts the pod {offer.namespace}/{offer.pod} on {plan.target.name}: host network, no privilege. Removed "
            "when you leave. The conntrack table that fills up is the node's."
        ]
    lines = [
        f"adds the debug container {offer.container} (rights: {offer.level}). It stays in the pod's spec until the pod "
        "goes; its process ends within 4 h."
    ]
    if offer.cost:
        lines.append(f"{offer.cost[0].upper()}{offer.cost[1:]}.")
    if plan.shares_node:
        lines.append("This pod is on the host's network: its figures are the whole node's.")
    if plan.carried:
        lines.append(f"The pod carries {plan.carried} of podwire's already; none of them runs.")
    return lines
