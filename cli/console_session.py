"""What a console works on: a stream, the store that it is folded into, and who acts; on a cluster,
this machine, files or a recording."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from collectors.stream import Stream
from session.controller import Controller
from session.store import Store

if TYPE_CHECKING:
    from cli.recorder import Recorders
    from collectors.cluster.api.connection import Cluster
    from collectors.cluster.attach.settings import AttachSettings
    from session.opened_recording import OpenedRecording
    from session.targets import OpenTab


DEMO = Path(__file__).with_name("demo.tar")
DEMO_FROM_S = 15.0  # some time before what happens in it


class ConsoleSession:
    def __init__(self, options: argparse.Namespace, recorders: Recorders) -> None:
        """On the event loop."""
        self.options = options
        self.stream, self.store = Stream(), Store()
        self.control = Controller(self.store, self.stream, capture_on_attach=not options.no_capture)
        self.control.painted.clear()
        recorders.begin(self.stream, self.store, self.control.painted)
        self.control.captures.kept_by = recorders.session
        self.places = contextlib.ExitStack()  # that go with the console
        self._left = threading.Event()
        self._opening: asyncio.Future[OpenedRecording] | None = None

    async def open(self, cluster: Cluster | None, settings: AttachSettings | None) -> str:
        """The key of the target to begin with; '' for the cluster's lists."""
        if self.options.command == "replay":
            return await self._replay(self.options.file)
        if self.options.command == "demo":
            self.options.rules, self.options.at = "recorded", ""
            return await self._replay(DEMO, after_s=DEMO_FROM_S)
        if self.options.command == "join":
            return await self._join()
        if self.options.command == "pcap":
            return self._open_files(self.options.files, self.options.pipe)
        return self._watch_live(cluster, settings)

    async def close(self) -> None:
        """Whatever still waits for what is seen here ends with it. The control was closed
        before."""
        self.stream.close()
        self._left.set()
        if self._opening is not None:
            await asyncio.gather(self._opening, return_exceptions=True)
        self.places.close()

    def _watch_live(self, cluster: Cluster | None, settings: AttachSettings | None) -> str:
        self.control.start()
        self.control.sharing.group = getattr(self.options, "group", "")
        if getattr(self.options, "share", False) or getattr(self.options, "share_group", ""):
            self.control.sharing.begin()
        if cluster is None:
            return self.control.targets.watch_this_machine()
        self._open_cluster(cluster, settings)
        return ""

    def _open_cluster(self, cluster: Cluster, settings: AttachSettings | None) -> None:
        from collectors.recording.journal import Journal
        from session.files import journal_path

        is_lab = self.options.command == "lab"
        journal = None if is_lab else Journal(journal_path())  # the lab goes, and all in it
        self.control.open(cluster, is_lab=is_lab, settings=settings, journal=journal)

    def _open_files(self, files: list[Path], pipe: int | None) -> str:
        """Capture files; `-` among them is the pipe that was standard input."""
        self.control.live = False
        self.control.diagnosis.time_passes = False
        self.control.start()
        keys = [self._watch(path, pipe) for path in files]
        for key in keys:
            self.control.targets.open_tab(key)
        return keys[0]

    def _watch(self, path: Path, pipe: int | None) -> str:
        if str(path) == "-" and pipe is not None:
            return self.control.targets.watch_pipe(pipe)
        return self.control.targets.watch_file(path)

    async def _replay(self, path: Path, after_s: float | None = None) -> str:
        """A recording at the time that was asked for, so many seconds after its beginning, or as it
        ended; it does not play yet."""
        from session.opened_recording import open_recording
        from session.replay_player import ReplayPlayer
        from session.replay_source import ReplaySource
        from session.replay_time import time_within

        again = self.options.rules == "today"
        opening = asyncio.to_thread(open_recording, path, again, self.places, self._left)
        self._opening = asyncio.ensure_future(opening)
        opened = await asyncio.shield(self._opening)
        archive, at = opened.archive, opened.archive.ended
        if self.options.at:
            at = time_within(self.options.at, archive.began, archive.ended)
        if after_s is not None:
            at = archive.began + after_s
        self.control.start()
        source = ReplaySource(archive, self.stream)
        await ReplayPlayer(self.control, source, opened.with_rules).move(at)
        return self._open_recorded(await asyncio.to_thread(archive.tabs))

    def _open_recorded(self, tabs: list[OpenTab]) -> str:
        """What was open in it, each with its own node; the first is shown."""
        for tab in tabs:
            self.control.targets.open_tab(tab.key, tab.node)
        return tabs[0].key if tabs else self._first_target()

    async def _join(self) -> str:
        """A session that is shared, at its cluster's lists where it has a cluster."""
        from session.share.joining import joined

        await joined(self.control, self.options.link)
        return "" if self.control.lists_cluster else self._first_target()

    def _first_target(self) -> str:
        return next((key for key in self.store.targets if key.startswith(("pod/", "local/"))), "")
