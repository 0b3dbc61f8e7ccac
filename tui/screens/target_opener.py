"""Opens a pod or a node from a list: asks what may be attached, once for each, and shows its
screen."""

from __future__ import annotations

from collectors.cluster.attach.planner import Offer
from collectors.errors import PodwireError
from collectors.events import NodeRow, PodRow, Row, ServiceRow
from session.named_target import NamedTarget, first_row, is_listed, named_target
from session.recorded_targets import node_beside
from session.targets import target_of
from tui.keymap import KEYS
from tui.screens.attach import Attach, AttachChoice
from tui.screens.base import ConsoleScreen, ShowTarget


def _identity(row: PodRow | NodeRow) -> str:
    """A pod by its uid: another of the same name is asked about again."""
    return row.uid if isinstance(row, PodRow) else f"node/{row.name}"


class TargetOpener(ConsoleScreen):
    """A screen with a list of pods and nodes. `wanted` is a target's name (pod/web), to open as
    soon as it is listed."""

    wanted = ""

    def open_wanted(self) -> None:
        start = self.store.start
        if self.wanted and start is not None:
            self._open_named(named_target(self.wanted, start.namespace))

    def _open_named(self, target: NamedTarget) -> None:
        try:
            if not is_listed(target, self.store):
                return
            self.wanted = ""
            row, others = first_row(target, self.store)
        except PodwireError as error:
            self.wanted = ""
            self.say(str(error), "error")
            return
        if others:
            self.say(f"{row.name} is one of {others + 1} pods of {target.text}.")
        self.open_row(row)

    def open_row(self, row: Row) -> None:
        if isinstance(row, (PodRow, NodeRow)):
            self._open(row)
        elif isinstance(row, ServiceRow):
            hint = KEYS.fill("({cluster.pods} lists the pods)")
            self.say(f"A Service has no network namespace: open a pod behind {row.name} {hint}.")

    def _open(self, row: PodRow | NodeRow) -> None:
        control, key = self.control, target_of(row).key
        if control.joined is not None and key not in self.store.targets:
            self.say(f"{row.name} is not open there: {control.joined.owner} opens what is seen.")
            return
        if control.replay is not None:
            self._open_recorded(row, key)
            return
        agreed = control.targets.choices.get(_identity(row))
        if control.is_lab or not control.live or control.settings.yes or agreed:
            self._watch(row, agreed or "both")
            return
        ask = Attach(control, target_of(row))
        self.app.push_screen(ask, lambda answer: self._answered(row, answer))

    def _open_recorded(self, row: PodRow | NodeRow, key: str) -> None:
        if key in self.store.targets:
            self.post_message(ShowTarget(key, node_beside(self.store, key)))
        else:
            self.say(f"{row.name} was not open when this was recorded: nothing is known inside it.")

    def _answered(self, row: PodRow | NodeRow, answer: AttachChoice | None) -> None:
        if answer is None:
            return
        if answer.offer is not None or answer.chosen == "node":
            self.control.targets.choices[_identity(row)] = answer.chosen
        self._watch(row, answer.chosen, answer.offer, answer.beside)

    def _watch(
        self,
        row: PodRow | NodeRow,
        chosen: str,
        offer: Offer | None = None,
        beside: Offer | None = None,
    ) -> None:
        if isinstance(row, NodeRow):
            self.post_message(ShowTarget(self.control.targets.watch_node(row.name, offer).key))
            return
        node = (
            self.control.targets.watch_node(row.node, beside).key
            if chosen != "pod" and row.node
            else ""
        )
        key = node if chosen == "node" else self.control.targets.watch_pod(row, offer).key
        self.post_message(ShowTarget(key, "" if key == node else node))
