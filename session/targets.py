"""The targets of a console: which are watched, which have a tab, and how a tab is closed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from collectors.command_runner import LocalRunner, Runner
from collectors.events import NodeRow, PodRow
from collectors.frozen import frozen, slotted
from collectors.target import Target, node_target, this_machine
from session.command_log import LoggedRunner
from session.sources import AttachedSource, LocalSource

if TYPE_CHECKING:
    from collectors.backoff import Check
    from collectors.cluster.attach.attacher import Attachment
    from collectors.cluster.attach.planner import Offer
    from collectors.source import Source
    from session.engine import Engine


@slotted
class WatchedTarget:
    """A target that is being looked at, and what feeds it."""

    target: Target
    source: Source

    @property
    def runner(self) -> Runner | None:
        """Where commands can be run; None where nothing is attached."""
        if isinstance(self.source, AttachedSource):
            return self.source.runner
        return LocalRunner() if isinstance(self.source, LocalSource) else None

    @property
    def attachment(self) -> Attachment | None:
        return self.source.attachment if isinstance(self.source, AttachedSource) else None

    @property
    def alive(self) -> Check | None:
        return self.source.alive if isinstance(self.source, AttachedSource) else None


@frozen
class OpenTab:
    """A target that has a tab, and the node beside it ('' for none)."""

    key: str
    node: str = ""


CLOSED = "closed: it is no longer watched"


def target_of(row: PodRow | NodeRow) -> Target:
    if isinstance(row, NodeRow):
        return node_target(row.name)
    return Target("pod", row.name, row.namespace, row.node, row.uid)


class OpenTargets:
    """`on_attached` is called with the key of a pod or node once commands can be run there;
    `before_end` is awaited before a target is let go."""

    def __init__(self, engine: Engine) -> None:
        self.tabs: list[OpenTab] = []  # in the order in which they were opened
        self.choices: dict[str, str] = {}  # what the user chose for a pod, by its uid: asked once
        self.on_attached: Callable[[str], None] = lambda key: None
        self.before_end: Callable[[str], Awaitable[None]] | None = None
        self._engine = engine
        self._watched: dict[str, WatchedTarget] = {}
        self._files = 0

    def get(self, key: str) -> WatchedTarget | None:
        return self._watched.get(key)

    def attachments(self) -> list[Attachment]:
        return [one.attachment for one in self._watched.values() if one.attachment is not None]

    # --- watching

    def watch_pod(self, row: PodRow, offer: Offer | None = None) -> Target:
        """Look at a pod from the attachment that was offered, or from the best there is."""
        return self._attach(target_of(row), offer)

    def watch_node(self, name: str, offer: Offer | None = None) -> Target:
        return self._attach(node_target(name), offer)

    def _attach(self, target: Target, offer: Offer | None) -> Target:
        if self._engine.live and not self._is_watched(target):
            source = AttachedSource(target, self._engine, offer, self._attached)
            self._watch(target, source)
        return target

    def _attached(self, source: AttachedSource) -> None:
        self.on_attached(source.key)

    def watch_this_machine(self) -> str:
        """The machine that podwire runs on, beside what else is open; returns its key."""
        target = this_machine()
        if not self._is_watched(target):
            self._watch(target, LocalSource(target, self._engine))
        return target.key

    def watch_file(self, path: Path) -> str:
        """A capture file as a target; returns its key."""
        from collectors.capture import file_source

        target = file_source.target(path)
        self._files += 1
        self._watch(target, file_source.PcapSource(path, self._engine.stream, capture=self._files))
        return target.key

    def watch_pipe(self, fd: int) -> str:
        """A capture that arrives by a pipe as a target; returns its key."""
        from collectors.capture import pipe_source

        target = pipe_source.target()
        self._files += 1
        self._watch(target, pipe_source.PipeSource(fd, self._engine.stream, capture=self._files))
        return target.key

    def _is_watched(self, target: Target) -> bool:
        known = self._watched.get(target.key)
        return known is not None and known.source.state == "running" and known.target == target

    def _watch(self, target: Target, source: Source) -> None:
        self._watched[target.key] = WatchedTarget(target, source)
        self._engine.tasks.watch(source.start())

    # --- commands

    def runner(self, key: str, asked_by: str) -> Runner | None:
        """Where commands can be run at a target; what is run, and for what, goes to the stream.
        None where nothing is attached."""
        watched = self.get(key)
        if watched is None or watched.runner is None:
            return None
        return LoggedRunner(watched.runner, self._engine.stream, key, asked_by)

    def count_conntrack(self, key: str) -> None:
        """Count the conntrack table at a target, once: the answer comes on the stream."""
        self._engine.tasks.spawn(self._count_conntrack(key))

    async def _count_conntrack(self, key: str) -> None:
        from collectors.conntrack import table_count

        watched, runner = self.get(key), self.runner(key, "conntrack list")
        if watched is None or runner is None:
            return
        local = watched.target.kind == "local"
        counting = table_count.here(key) if local else table_count.there(runner, key)
        self._engine.stream.publish(await counting)

    # --- tabs

    def open_tab(self, key: str, node: str = "") -> OpenTab:
        """The tab of a target; one that is there keeps the node beside it."""
        for tab in self.tabs:
            if tab.key == key:
                return tab
        self.tabs.append(OpenTab(key, node))
        return self.tabs[-1]

    def close_tab(self, key: str) -> None:
        """End what runs for a target and, where no other tab needs it, for the node beside it."""
        closed = next((tab for tab in self.tabs if tab.key == key), None)
        if closed is None:
            return
        self.tabs.remove(closed)
        needed = {name for tab in self.tabs for name in (tab.key, tab.node)}
        for name in {closed.key, closed.node} - needed - {""}:
            self._engine.tasks.spawn(self._end(name))

    async def _end(self, key: str) -> None:
        watched = self.get(key)
        if watched is None:
            return
        if self.before_end is not None:
            await self.before_end(key)
        del self._watched[key]
        await watched.source.stop()
        left = ""
        if watched.attachment is not None:
            left = await self._engine.require_cluster().leave(watched.attachment)
        watched.source.report("ended", left or CLOSED)  # to who joined, and the recording
        await self._engine.stream.caught_up()
        self._engine.store.forget(key)
