"""The cluster of a console: its inventory, what may be added to it, and removing that again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from collectors import events as ev
from collectors.cluster.api import access_review
from collectors.cluster.api.connection import Cluster
from collectors.cluster.attach import leftovers
from collectors.cluster.attach.attacher import Attacher, Attachment
from collectors.cluster.attach.planner import Offer, Plan
from collectors.cluster.attach.settings import AttachSettings
from collectors.cluster.inventory import network_settings, scaled_to_zero
from collectors.cluster.inventory.inventory import Inventory
from collectors.errors import ClusterError, PodwireError
from collectors.own_sockets import End, RecentEnds, local_ends
from collectors.recording.journal import Journal, PendingDelete
from collectors.stream import Stream
from collectors.target import Target, node_target

LEAVE_S, OWN_EVERY_S = 8.0, 1.0
Progress = Callable[[str], None]


class ClusterSide:
    """Everything of a console that speaks to an API server; one without never imports this."""

    def __init__(
        self,
        cluster: Cluster,
        session: Stream,
        settings: AttachSettings,
        journal: Journal,
        is_lab: bool = False,
    ) -> None:
        self.cluster, self.session = cluster, session
        self.settings, self.journal = settings, journal
        self.is_lab = is_lab
        cluster.rest.read_only = settings.read_only

    def attacher(self) -> Attacher:
        return Attacher(self.cluster, self.session, self.settings, self.journal)

    async def inventory(self) -> None:
        """List and watch the cluster's objects until cancelled."""
        await Inventory(self.cluster, self.session).run()

    async def networking(self) -> None:
        """How the network is configured, until cancelled."""
        await network_settings.follow(self.cluster, self.session)

    async def scaled_to_zero(self) -> None:
        """Which workloads have no replicas, until cancelled."""
        await scaled_to_zero.follow(self.cluster, self.session)

    async def own_ends(self) -> None:
        """Which connections are this console's own, as that changes, until cancelled."""
        recent, published = RecentEnds(), frozenset[End]()
        while True:
            now = time.time()
            ends = recent.add(local_ends(), now)
            if ends != published:
                published = ends
                self.session.publish(ev.ConsoleEnds(now, "", tuple(sorted(ends))))
            await asyncio.sleep(OWN_EVERY_S)

    async def publish_access(self) -> None:
        """What we may do here, and what an earlier console left."""
        cluster = self.cluster
        try:
            self.session.publish(await access_review.access(cluster, cluster.namespace))
            self.session.publish(await leftovers.verified(cluster, self.attacher()))
        except PodwireError:
            self._publish_left_behind()

    def _publish_left_behind(self) -> None:
        self.session.publish(leftovers.left_behind(self.journal, self.cluster.server))

    async def clean(self) -> list[leftovers.CleanOutcome]:
        """Remove what earlier consoles left in this cluster."""
        outcomes = await leftovers.clean(self.cluster, self.attacher())
        self._publish_left_behind()
        return outcomes

    async def plan(self, target: Target) -> Plan:
        """What could be added to a pod or node; nothing is added yet."""
        planner = self.attacher().planner
        return await (planner.node(target) if target.kind == "node" else planner.pod(target))

    async def plan_beside(self, target: Target) -> Plan | None:
        """The same for the node of a pod; None where it is on none."""
        if target.kind != "pod" or not target.node:
            return None
        return await self.attacher().planner.node(node_target(target.node), target.namespace)

    async def attach(self, target: Target, offer: Offer | None, progress: Progress) -> Attachment:
        """The attachment that was offered, or the best there is.

        TargetGone, or another PodwireError that says why not.
        """
        attacher = self.attacher()
        if offer is not None:
            return await attacher.attach(offer, progress)
        if target.kind == "node":
            return await attacher.attach_node(target, progress)
        return await attacher.attach_pod(target, progress)

    async def check_alive(self, attachment: Attachment) -> None:
        await self.attacher().check_alive(attachment)

    async def leave(self, attachment: Attachment) -> str:
        """Remove an attachment, since its target was closed; what stays, as a sentence."""
        attacher = self.attacher()
        if self.settings.end_on_leave:
            await attacher.end(attachment)
        return await attacher.leave(attachment)

    async def clean_up(self, attachments: Sequence[Attachment]) -> list[str]:
        """Delete the pods of this console, also where a creation was never answered.

        Returns what is left behind, a sentence each.
        """
        pending = self._own_pending()
        try:
            async with asyncio.timeout(LEAVE_S):
                return await self._clean_up(attachments, pending)
        except (TimeoutError, asyncio.CancelledError):
            names = ", ".join(entry.name for entry in pending)
            return [
                f"These may be left: {names}. `podwire clean` removes them; they end within 4 h."
            ]

    def _own_pending(self) -> list[PendingDelete]:
        own = self.journal.session
        return [entry for entry in self.journal.pending_deletes() if entry.session == own]

    async def _clean_up(
        self, attachments: Sequence[Attachment], pending: Sequence[PendingDelete]
    ) -> list[str]:
        attacher = self.attacher()
        if self.settings.end_on_leave:
            await asyncio.gather(*map(attacher.end, attachments))
        left = await asyncio.gather(*map(attacher.clean_up, pending))
        return list(filter(None, left))

    # --- the lab's faults

    async def faults(self) -> list[dict[str, Any]]:
        if not self.is_lab:
            return []
        answer = await self.cluster.rest.get("/lab/faults")
        return list(answer.get("faults", ()))

    async def turn_fault(self, name: str, on: bool) -> None:
        if not self.is_lab:
            raise ClusterError("Faults belong to the lab: this is another cluster.")
        await self.cluster.rest.request("POST", "/lab/faults", body={"name": name, "on": on})
        self.session.publish(
            ev.Notice(time.time(), "", f"lab: fault {name} {'on' if on else 'off'}")
        )
