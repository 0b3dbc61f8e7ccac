"""What the cluster holds: a paged list of each kind, then a watch, for ever; rows on the stream."""

from __future__ import annotations

import asyncio
import time

from collectors.backoff import Backoff
from collectors.cluster.api.connection import Cluster, quote
from collectors.cluster.inventory.row_builders import KINDS, SELECTED, built
from collectors.errors import ClusterError, Forbidden
from collectors.events import InventoryChange, InventoryList, Row, TargetPhase, TargetState
from collectors.sanitize import sanitize
from collectors.stream import Stream

PAGE = 500
LISTS = "cluster"  # the key under which the state of the lists is told
LONGEST_WAIT_S = 30.0
REFUSED_WAIT_S = 60.0  # rights change rarely
HEARTBEAT_S = 15.0
PULSE = "heartbeat"
VITAL = (PULSE, "pods")
SHORT_WATCH_S = 1.0  # a watch that ends sooner is not asked for again at once


class WatchExpired(Exception):
    """The watch or the list fell behind what the server remembers (410): list again."""


class Inventory:
    """Keeps the stream told of every kind. A kind that may not be listed everywhere is listed in our namespace."""

    def __init__(self, cluster: Cluster, session: Stream) -> None:
        self.cluster = cluster
        self.session = session
        self._narrow: set[str] = set()
        self._broken: dict[
            str, tuple[str, int]
        ] = {}  # what is not followed now, why, and how often in a row
        self._told: tuple[str, str] = ("", "")

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feel_pulse())
            for kind in KINDS:
                group.create_task(self._keep(kind))

    async def _keep(self, kind: str) -> None:
        """List, then watch, for ever. What goes wrong is told once and tried again, ever more patiently."""
        backoff = Backoff(longest=LONGEST_WAIT_S)
        while True:
            asked = 0.0
            try:
                version = await self._list(kind)
                backoff.reset()
                while True:
                    began = time.monotonic()
                    version = await self._watch(kind, version)
                    if time.monotonic() - began < SHORT_WATCH_S:
                        await asyncio.sleep(SHORT_WATCH_S)
            except WatchExpired:
                pass
            except Forbidden as error:
                if self.cluster.namespace and kind not in self._narrow and KINDS[kind][1]:
                    self._narrow.add(kind)
                    continue
                self.session.publish(InventoryList(time.time(), "", kind, (), refused=str(error)))
                asked = REFUSED_WAIT_S
            except ClusterError as error:
                self._say(kind, str(error))
                asked = error.retry_after
            await asyncio.sleep(backoff.next(asked))

    async def _feel_pulse(self) -> None:
        """Whether the server answers at all: a watch on a server that hangs is as quiet as one of a calm cluster."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self.cluster.rest.get("/version", what="heartbeat")
            except TimeoutError:
                self._say(PULSE, f"The API server has not answered for {HEARTBEAT_S:.0f} s.")
            except ClusterError as error:
                if not error.status:  # an answer, whichever, is a sign of life
                    self._say(PULSE, str(error))
            else:
                self._well(PULSE)

    def _say(self, what: str, message: str) -> None:
        """Something is not followed any more: told as the state of a target of its own, once a fault."""
        _, times = self._broken.get(what, ("", 0))
        self._broken[what] = (message, times + 1)
        self._tell()

    def _well(self, what: str) -> None:
        if self._broken.pop(what, None) or not self._told[0]:
            self._tell()

    def _tell(self) -> None:
        """The lists are broken off where the server does not answer, or pods are not followed. Another kind that fails
        twice in a row is named beside; once may be the first sign of the server's going."""
        for vital in VITAL:
            if vital in self._broken:
                self._publish("gap", self._broken[vital][0], vital)
                return
        failing = sorted(what for what, (_, times) in self._broken.items() if times > 1)
        reason = (
            f"Not followed now: {', '.join(failing)}. {self._broken[failing[0]][0]}"
            if failing
            else ""
        )
        self._publish("live", reason, " ".join(failing))

    def _publish(self, phase: TargetPhase, message: str, about: str) -> None:
        if self._told != (phase, about):
            self._told = (phase, about)
            self.session.publish(TargetState(time.time(), LISTS, phase, message))

    def _path(self, kind: str) -> str:
        everywhere, in_namespace, _ = KINDS[kind]
        if kind in self._narrow and in_namespace:
            return in_namespace.format(quote(self.cluster.namespace))
        return everywhere

    async def _list(self, kind: str) -> str:
        """Publish all of a kind, page by page from the server; returns the version to watch from."""
        rows: list[Row] = []
        token = ""
        while True:
            query = {"limit": PAGE, "continue": token, **SELECTED.get(kind, {})}
            try:
                page = await self.cluster.rest.request(
                    "GET", self._path(kind), query, what=f"list {kind}"
                )
            except ClusterError as error:
                if error.status == 410 and token:
                    raise WatchExpired from None
                raise
            rows += built(kind, page.get("items") or ())[0]
            metadata = page.get("metadata") or {}
            token = metadata.get("continue") or ""
            if not token:
                break
            await asyncio.sleep(0)
        self.session.publish(InventoryList(time.time(), "", kind, tuple(rows)))
        self._well(kind)
        return str(metadata.get("resourceVersion") or "0")

    async def _watch(self, kind: str, version: str) -> str:
        query = {
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            **SELECTED.get(kind, {}),
        }
        async for event in self.cluster.rest.watch(
            self._path(kind), what=f"watching {kind}", **query
        ):
            item, verb = event.get("object"), event.get("type")
            if not isinstance(item, dict):
                raise ClusterError(
                    f"The watch of {kind} sent what is no event: {sanitize(event, 120)}."
                )
            if verb == "ERROR":
                if item.get("code") == 410:
                    raise WatchExpired
                raise ClusterError(
                    f"The watch of {kind} failed: {sanitize(item.get('message'), 300)}"
                )
            version = str((item.get("metadata") or {}).get("resourceVersion") or version)
            if verb in ("ADDED", "MODIFIED", "DELETED"):
                for row in built(kind, (item,))[0]:
                    self.session.publish(InventoryChange(time.time(), "", verb, row))
        return version
