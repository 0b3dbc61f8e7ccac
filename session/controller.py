"""The requests a screen may make: attach, capture, save, leave. Owns the tasks that gather evidence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collectors import events as ev
from collectors.cluster.attach.settings import AttachSettings
from collectors.command_runner import LocalRunner, Runner
from collectors.errors import CaptureError, ClusterError, PodwireError, TargetGone
from collectors.frozen import frozen
from collectors.stream import Stream
from collectors.target import Target, this_machine
from session.crash import told
from session.diagnosis_loop import DiagnosisLoop
from session.files import file_stem, save_packets, session_directory
from session.store import Store

if TYPE_CHECKING:  # imported where they are used: the first frame waits for none of them
    from collectors.capture.capture import Capture
    from collectors.capture.pcap_files import PcapFiles
    from collectors.cluster.api.connection import Cluster
    from collectors.cluster.attach.attacher import Attachment
    from collectors.cluster.attach.leftovers import CleanOutcome
    from collectors.cluster.attach.planner import Offer, Plan
    from collectors.recording.journal import Journal
    from session.cluster_side import ClusterSide

NO_CLUSTER = "There is no cluster here: this console looks at a machine, a file or a recording."
SLICE_S = 0.005  # the loop is not held for longer, however much comes at once
Alive = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class WatchedTarget:
    """A target that is being looked at."""

    target: Target
    task: asyncio.Task[None]
    runner: Runner | None = None
    attachment: Attachment | None = None
    capture: Capture | None = None
    capture_task: asyncio.Task[None] | None = None
    interface: str = "any"


@frozen
class OpenTab:
    """A target that has a tab, and the node beside it ('' for none)."""

    key: str
    node: str = ""


class Controller:
    """Joins the collectors to a session. Without a cluster it serves local targets and recordings."""

    def __init__(self, store: Store, session: Stream, capture_at_once: bool = True) -> None:
        self.store = store
        self.session = session
        self.settings = AttachSettings()
        self.capture_at_once = capture_at_once
        self.agreed: dict[str, str] = {}  # what the user said to a pod, by its uid: asked once
        self.cluster_side: ClusterSide | None = None
        self.is_lab = False
        self.live = True
        self.left_behind: list[str] = []
        self.kept: Path | None = None  # the directory of this session's captures
        self.opened: list[OpenTab] = []  # in the order of their tabs
        self._watches: dict[str, WatchedTarget] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._next_capture = 1
        self._subscription = session.subscribe(65_536)
        self.diagnosis = DiagnosisLoop(store, session)
        self.painted = asyncio.Event()  # what imports slowly waits for the first frame
        self.painted.set()

    def now(self) -> float:
        """The right edge of graphs: the present, or a recording's last event."""
        return time.time() if self.live else self.store.latest

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        """A task that failed in a way nobody foresaw says so; what else runs goes on."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.session.publish(ev.Mark(time.time(), "", "podwire", told(error)))

    # --- life

    def start(self) -> None:
        """Begin to fold the stream into the store. Call on the event loop."""
        self.spawn(self._consume())
        self.spawn(self._diagnose())

    async def _diagnose(self) -> None:
        await self.painted.wait()
        await self.diagnosis.run(self.live)

    async def _consume(self) -> None:
        async for batch in self._subscription.batches():
            began = time.monotonic()
            for event in batch:
                self.store.apply(event)
                if time.monotonic() - began > SLICE_S:
                    await asyncio.sleep(0)
                    began = time.monotonic()
            self.store.lost = self._subscription.dropped

    @property
    def cluster(self) -> Cluster | None:
        return self.cluster_side.cluster if self.cluster_side is not None else None

    def open(
        self,
        cluster: Cluster,
        is_lab: bool,
        settings: AttachSettings | None = None,
        journal: Journal | None = None,
    ) -> None:
        """Serve a cluster. Without a journal, what is added is noted in memory only."""
        from collectors.recording.journal import Journal
        from session.cluster_side import ClusterSide

        self.is_lab, self.settings = is_lab, settings or AttachSettings()
        self.cluster_side = ClusterSide(
            cluster, self.session, self.settings, journal or Journal(None), is_lab
        )
        start = ev.SessionStart(
            time.time(), "", cluster.context, cluster.user, cluster.namespace, cluster.version
        )
        self.session.publish(start)
        self.spawn(self.cluster_side.inventory())
        self.spawn(self.cluster_side.networking())
        self.spawn(self.cluster_side.publish_access())

    def _of_cluster(self) -> ClusterSide:
        if self.cluster_side is None:
            raise ClusterError(NO_CLUSTER)
        return self.cluster_side

    async def clean(self) -> list[CleanOutcome]:
        """Remove what earlier consoles left in this cluster."""
        return await self._of_cluster().clean()

    async def close(self) -> None:
        """Stop everything and take away what was added. What could not be is named in `left_behind`."""
        for task in [*(w.task for w in self._watches.values()), *self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.cluster_side is not None:
            taken = [
                watch.attachment for watch in self._watches.values() if watch.attachment is not None
            ]
            self.left_behind += await self.cluster_side.clean_up(taken)
            await self.cluster_side.cluster.close()
        self.session.close()

    # --- targets

    @staticmethod
    def target_of(row: ev.PodRow | ev.NodeRow) -> Target:
        if isinstance(row, ev.NodeRow):
            return Target("node", row.name, node=row.name)
        return Target("pod", row.name, row.namespace, row.node, row.uid)

    async def plan(self, target: Target) -> Plan:
        """What could be added to a pod or node; nothing is added yet."""
        return await self._of_cluster().plan(target)

    async def plan_beside(self, target: Target) -> Plan | None:
        """The same for the node of a pod; None where it is on none."""
        return await self._of_cluster().plan_beside(target)

    def watch_pod(self, row: ev.PodRow, offer: Offer | None = None) -> Target:
        """Look at a pod from the attachment that was offered, or from the best there is."""
        target = self.target_of(row)
        self._watch(target, offer)
        return target

    def watch_node(self, name: str, offer: Offer | None = None) -> Target:
        target = Target("node", name, node=name)
        self._watch(target, offer)
        return target

    def _watch(self, target: Target, offer: Offer | None) -> None:
        if not self.live:
            return  # a recording: what there is to know of the target is in the store
        known = self._watches.get(target.key)
        if known is not None and not known.task.done() and known.target == target:
            return
        task = self.spawn(self._keep(target, offer))
        self._watches[target.key] = WatchedTarget(target, task)

    def _say(self, target: Target, phase: ev.TargetPhase, message: str = "") -> None:
        self.session.publish(ev.TargetState(time.time(), target.key, phase, message))

    async def _keep(self, target: Target, offer: Offer | None) -> None:
        """Attach, then sample until the target goes."""
        from collectors.target_sampler import TargetSampler

        self._say(target, "attaching", "asking the API server")
        try:
            here = self._of_cluster()
            attachment = await here.attach(
                target, offer, lambda text: self._say(target, "attaching", text)
            )
        except TargetGone as error:
            self._say(target, "gone", str(error))
            return
        except PodwireError as error:
            self._say(target, "failed", str(error))
            return
        watch = self._watches[target.key]
        watch.attachment, watch.runner = attachment, attachment.runner(here.cluster)
        if attachment.cost:
            self._say(target, "attaching", f"{attachment.level}: {attachment.cost}")
        vantage = TargetSampler(
            target, watch.runner, self.session, alive=lambda: here.check_alive(attachment)
        )
        if target.kind == "pod" and self.capture_at_once and attachment.captures:
            self.capture(target.key, "")
        await vantage.run()

    def watch_local(self, target: Target, run: Coroutine[Any, Any, None]) -> None:
        """This machine as a target: `run` publishes its evidence."""
        self._watches[target.key] = WatchedTarget(target, self.spawn(run), LocalRunner())

    def watch_file(self, path: Path) -> str:
        """A capture file as a target; returns its key."""
        from collectors.capture import file_source

        where = file_source.target(path)
        number, self._next_capture = self._next_capture, self._next_capture + 1
        reading = file_source.play(path, number, self.session, self._subscription.taken)
        self._watches[where.key] = WatchedTarget(where, self.spawn(reading))
        return where.key

    def watch_this_machine(self) -> str:
        """The machine that podwire runs on, beside what else is open; returns its key."""
        where = this_machine()
        known = self._watches.get(where.key)
        if known is None or known.task.done():
            self.watch_local(where, self._this_machine(where))
        return where.key

    async def _this_machine(self, where: Target) -> None:
        await self.painted.wait()
        local = await asyncio.to_thread(
            import_module, "collectors.kernel.local"
        )  # netlink libraries import slowly
        await local.watch(self.session, where)

    def runner(self, key: str) -> Runner | None:
        """Where commands can be run at a target; None where nothing is attached."""
        watch = self._watches.get(key)
        return watch.runner if watch is not None else None

    def count_conntrack(self, key: str) -> None:
        """Count the conntrack table at a target, once: the answer comes on the stream."""
        self.spawn(self._count_conntrack(key))

    async def _count_conntrack(self, key: str) -> None:
        from collectors.conntrack import table_count

        watch = self._watches.get(key)
        if watch is None or watch.runner is None:
            return
        local = watch.target.kind == "local"
        self.session.publish(
            await (table_count.here(key) if local else table_count.there(watch.runner, key))
        )

    def open_tab(self, key: str, node: str = "") -> None:
        if not any(opened.key == key for opened in self.opened):
            self.opened.append(OpenTab(key, node))

    def close_tab(self, key: str) -> None:
        """End what runs for a target and, where no other tab needs it, for the node beside it."""
        closed = next((opened for opened in self.opened if opened.key == key), None)
        if closed is None:
            return
        self.opened.remove(closed)
        needed = {name for opened in self.opened for name in (opened.key, opened.node)}
        for name in {closed.key, closed.node} - needed - {""}:
            self.spawn(self._end(name))

    async def _end(self, key: str) -> None:
        watch = self._watches.pop(key, None)
        if watch is None:
            return
        if watch.capture is not None:
            await self._stop(watch)
        watch.task.cancel()
        if watch.attachment is not None and self.cluster_side is not None:
            left = await self.cluster_side.leave(watch.attachment)
            if left:
                self._say(watch.target, "ended", left)
        self.store.forget(key)

    # --- captures

    def capture(self, key: str, expression: str) -> None:
        """Start a capture in place of the one that runs. A filter that tcpdump refuses changes nothing."""
        self.spawn(self._capture(key, expression))

    async def _capture(self, key: str, expression: str) -> None:
        from collectors.capture import capture as captures

        watch = self._watches.get(key)
        if watch is None or watch.runner is None:
            return
        number, self._next_capture = self._next_capture, self._next_capture + 1
        new = captures.Capture(
            number,
            watch.target,
            watch.runner,
            self.session,
            expression,
            watch.interface,
            await self._segments(key, number),
            self._alive(watch),
        )
        try:
            new.expression = captures.checked(expression)
            await captures.check(watch.runner, new.expression, watch.interface)
        except CaptureError as error:
            refused = "Filter refused, nothing changed" if expression else "No capture here"
            new.say("failed", f"{refused}: {error}")
            return
        except PodwireError as error:
            new.say("failed", str(error))
            return
        await self.stop_capture(key)
        watch.capture = new
        watch.capture_task = self.spawn(new.run())

    async def _segments(self, key: str, number: int) -> PcapFiles | None:
        """Where a capture is kept on disk; None, and it is said, where that cannot be."""
        from collectors.capture.pcap_files import PcapFiles

        kept = self.kept
        if kept is None:
            try:
                kept = self.kept = await asyncio.to_thread(session_directory)
            except OSError as error:
                text = f"captures are not kept on disk: {error.strerror}; w still saves what is in the list"
                self.session.publish(ev.Mark(time.time(), key, "podwire", text))
                return None
        return PcapFiles(kept, f"{file_stem(key)}-{number}")

    def _alive(self, watch: WatchedTarget) -> Alive | None:
        attachment, here = watch.attachment, self.cluster_side
        return None if attachment is None or here is None else lambda: here.check_alive(attachment)

    async def stop_capture(self, key: str) -> None:
        if watch := self._watches.get(key):
            await self._stop(watch)

    async def _stop(self, watch: WatchedTarget) -> None:
        if watch.capture is None or watch.capture_task is None:
            return
        task, watch_capture = watch.capture_task, watch.capture
        watch.capture_task = None
        if not task.done():
            await watch_capture.stop()
            await asyncio.wait({task}, timeout=1.5)
            task.cancel()

    async def stop_captures(self) -> None:
        await asyncio.gather(*(self.stop_capture(key) for key in list(self._watches)))

    def capturing(self, key: str = "") -> bool:
        """Whether a capture runs: at a target, or anywhere."""
        watches = (
            [self._watches[key]] if key in self._watches else [] if key else self._watches.values()
        )
        return any(w.capture_task is not None and not w.capture_task.done() for w in watches)

    async def save(self, key: str) -> Path:
        """Write the packets in memory to a new pcap (0600). CaptureError where there are none, OSError else."""
        lines = list(self.store.target(key).packets)
        return await asyncio.to_thread(save_packets, key, lines)

    # --- the lab's faults

    async def faults(self) -> list[dict[str, Any]]:
        return await self.cluster_side.faults() if self.cluster_side is not None else []

    async def turn_fault(self, name: str, on: bool) -> None:
        await self._of_cluster().turn_fault(name, on)
