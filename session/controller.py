"""What a screen may ask for: targets to watch, captures, the cluster, findings; one object that
joins them, opens a session and closes it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from collectors.events import SessionStart
from collectors.stream import Stream
from session.captures import Captures
from session.diagnosis_loop import DiagnosisLoop
from session.engine import Engine
from session.sharing import Sharing
from session.store import Store
from session.store_feed import StoreFeed
from session.targets import OpenTargets

if TYPE_CHECKING:  # imported where they are used: the first frame waits for none of them
    from collectors.cluster.api.connection import Cluster
    from collectors.cluster.attach.settings import AttachSettings
    from collectors.recording.journal import Journal


class Controller(Engine):
    """Screens use `targets`, `captures`, `cluster` (None without one) and `diagnosis`."""

    def __init__(self, store: Store, stream: Stream, capture_on_attach: bool = True) -> None:
        """On the event loop."""
        super().__init__(store, stream)
        self.targets = OpenTargets(self)
        self.captures = Captures(self, self.targets)
        self.diagnosis = DiagnosisLoop(store, stream)
        self.left_behind: list[str] = []
        self._is_started = False
        self._feed = StoreFeed(store, stream)
        self.sharing = Sharing(self, self._feed)
        self.targets.before_end = self.captures.stop
        if capture_on_attach:
            self.targets.on_attached = self._capture_pod

    def _capture_pod(self, key: str) -> None:
        watched = self.targets.get(key)
        if watched is None or watched.attachment is None or watched.target.kind != "pod":
            return
        if watched.attachment.captures:
            self.captures.start(key, "")

    def start(self) -> None:
        """Begin to fold the stream into the store, and to look for what is wrong; once."""
        if self._is_started:
            return
        self._is_started = True
        self.tasks.spawn(self._feed.run())
        self.tasks.spawn(self._diagnose())

    async def _diagnose(self) -> None:
        await self.painted.wait()
        await self.diagnosis.run(self.now)

    def open(
        self,
        cluster: Cluster,
        is_lab: bool,
        settings: AttachSettings | None = None,
        journal: Journal | None = None,
    ) -> None:
        """Serve a cluster. Without a journal, what is added is noted in memory only."""
        from collectors.cluster.attach.settings import AttachSettings
        from collectors.recording.journal import Journal
        from session.cluster_side import ClusterSide

        self.is_lab, self.settings = is_lab, settings or AttachSettings()
        self.cluster = ClusterSide(
            cluster, self.stream, self.settings, journal or Journal(None), is_lab
        )
        self.stream.publish(
            SessionStart(
                time.time(),
                "",
                context=cluster.context,
                user=cluster.user,
                namespace=cluster.namespace,
                version=cluster.version,
                api_server=cluster.server_end,
            )
        )
        self.tasks.spawn(self.cluster.inventory())
        self.tasks.spawn(self.cluster.networking())
        self.tasks.spawn(self.cluster.publish_access())
        self.tasks.spawn(self.cluster.own_ends())
        self.tasks.spawn(self.cluster.scaled_to_zero())

    async def next_mark(self) -> None:
        """Until a mark is in the store that was not there before."""
        await self._feed.marked.wait()
        self._feed.marked.clear()

    async def close(self) -> None:
        """Stop everything and remove what was added. What could not be is named in
        `left_behind`."""
        await self.sharing.end(leaves=True)
        await self.tasks.cancel_all()
        if self.cluster is not None:
            self.left_behind += await self.cluster.clean_up(self.targets.attachments())
            await self.cluster.cluster.close()
        self.stream.close()
