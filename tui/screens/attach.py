"""Before anything is added to a cluster: what would be added, what it costs, and what is
refused."""

from __future__ import annotations

from typing import Literal

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from collectors.cluster.attach.journaled_writes import yaml_of
from collectors.cluster.attach.planner import Offer, Plan
from collectors.errors import PodwireError
from collectors.frozen import frozen
from collectors.target import Target
from session.controller import Controller
from tui.screens.attach_plan import described
from tui.screens.base import while_there
from tui.screens.dialog import dialog_keys, dialog_title
from tui.screens.leaving import Dialog
from tui.screens.text_view import Document

Chosen = Literal["both", "pod", "node"]
Key = tuple[Chosen | Literal["manifests"], str]  # what it chooses, and its label


@frozen
class AttachChoice:
    """What the user chose, with the offers that were shown."""

    chosen: Chosen
    offer: Offer | None
    beside: Offer | None


class Attach(Dialog[AttachChoice | None]):
    """Asks the API server what can be added to `target` (and its node), shows it, and asks the
    user."""

    def __init__(self, control: Controller, target: Target) -> None:
        super().__init__()
        self.control = control
        self.target = target
        self.plan: Plan | None = None
        self.beside: Plan | None = None
        self.keys: dict[str, Key] = {}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            name = f"{self.target.namespace}/{self.target.name}".lstrip("/")
            yield dialog_title(f"Open {self.target.kind} {name}")
            yield Static("asking the API server what is permitted here", id="plan", markup=False)
            yield dialog_keys("esc  back")

    def on_mount(self) -> None:
        self.run_worker(while_there(self, self._ask()))

    async def _ask(self) -> None:
        shown = self.query_one("#plan", Static)
        try:
            self.plan = await self.control.require_cluster().plan(self.target)
            if not self.plan.shares_node or self.plan.offer is None:
                self.beside = await self.control.require_cluster().plan_beside(self.target)
        except PodwireError as error:
            shown.update(Text(str(error)))
            return
        self.keys = self._choices()
        if self.keys:
            shown.update(described(self.plan, self.beside, self.control))
        else:
            refusals = (*self.plan.refusals, *(self.beside.refusals if self.beside else ()))
            shown.update(Text("\n".join(dict.fromkeys(refusals))))
        keys = [f"{key}  {label}" for key, (_, label) in self.keys.items()]
        self.query_one(".dialog--keys", Static).update(Text("   ".join([*keys, "esc  back"])))

    @property
    def _offers(self) -> tuple[Offer | None, Offer | None]:
        """The target's, and that of the node beside it."""
        return (
            self.plan.offer if self.plan else None,
            self.beside.offer if self.beside else None,
        )

    def _choices(self) -> dict[str, Key]:
        keys = self._targets(*self._offers)
        if any(offer and offer.manifest for offer in self._offers):
            keys["m"] = ("manifests", "manifests")
        return keys

    def _targets(self, own: Offer | None, beside: Offer | None) -> dict[str, Key]:
        if own and self.target.kind == "node":
            return {"y": ("pod", "start it")}
        if own and beside:
            return {"y": ("both", "both"), "p": ("pod", "pod only"), "o": ("node", "node only")}
        if own:
            return {"y": ("pod", "open it")}
        return {"o": ("node", "open its node instead")} if beside else {}

    def on_key(self, event: events.Key) -> None:
        event.stop()
        if event.key in ("n", "escape", "q"):
            self.dismiss(None)
        elif event.key in self.keys:
            chosen = self.keys[event.key][0]
            if chosen == "manifests":
                self._show_manifests()
            else:
                self.dismiss(AttachChoice(chosen, *self._offers))

    def _show_manifests(self) -> None:
        parts = [yaml_of(offer.manifest) for offer in self._offers if offer and offer.manifest]
        self.app.push_screen(Document("What would be sent", "---\n".join(parts)))
