"""What a console works on: a session, what is made of it, and who acts; on a cluster, this machine, files or a
recording."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from typing import TYPE_CHECKING

from collectors.errors import ConfigError
from collectors.stream import Stream, Subscription
from session.controller import Controller
from session.store import Store

if TYPE_CHECKING:
    from collectors.cluster.api.connection import Cluster
    from collectors.cluster.attach.settings import AttachSettings
    from collectors.recording.event_log import Recorder


class ConsoleSession:
    def __init__(self, options: argparse.Namespace, recorder: Recorder | None) -> None:
        """On the event loop."""
        self.options = options
        self.session, self.store = Stream(), Store()
        self.control = Controller(self.store, self.session, capture_at_once=not options.no_capture)
        self._recording: asyncio.Task[None] | None = None
        if recorder is not None:
            self._recording = asyncio.create_task(_keep(recorder, self.session.subscribe(65_536)))

    async def open(self, cluster: Cluster | None, settings: AttachSettings | None) -> str:
        """The key of the target to begin with; '' for the cluster's lists."""
        if cluster is not None:
            self._open_cluster(cluster, settings)
            return ""
        if self.options.command == "local":
            return self.control.watch_this_machine()
        self.control.live = False
        if self.options.command == "replay":
            return await asyncio.to_thread(self._replay)
        keys = [self.control.watch_file(path) for path in self.options.files]
        for key in keys:
            self.control.open_tab(key)
        return keys[0]

    def _open_cluster(self, cluster: Cluster, settings: AttachSettings | None) -> None:
        from collectors.recording.journal import Journal
        from session.files import journal_path

        is_lab = self.options.command == "lab"
        journal = None if is_lab else Journal(journal_path())  # the lab goes, and all in it
        self.control.open(cluster, is_lab=is_lab, settings=settings, journal=journal)

    def _replay(self) -> str:
        from collectors.recording.event_log import read

        if not self.options.file.is_file():
            raise ConfigError(f"There is no recording at {self.options.file}.")
        for event in read(self.options.file):
            self.store.apply(event)
        return next((key for key in self.store.targets if key.startswith(("pod/", "local/"))), "")

    async def recorded(self) -> None:
        """What was seen is on disk."""
        if self._recording is not None:
            await self._recording


async def _keep(recorder: Recorder, subscription: Subscription) -> None:
    with contextlib.closing(recorder):
        async for batch in subscription.batches():
            await asyncio.to_thread(recorder.write, batch)
