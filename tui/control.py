"""The requests a screen may make: attach, capture, save, leave. Owns the tasks that gather evidence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from collectors import events as ev
from collectors.capture import capture as captures
from collectors.capture import playback
from collectors.capture.segments import Segments
from collectors.cluster import leftovers, preflight
from collectors.cluster.access import Cluster
from collectors.cluster.attach import Attacher, Foothold
from collectors.cluster.containers import NO_CAPTURE
from collectors.cluster.inventory import Inventory
from collectors.cluster.plan import Offer, Plan
from collectors.cluster.settings import Settings
from collectors.conntrack import take
from collectors.errors import CaptureError, ClusterError, PodwireError, TargetGone
from collectors.recording.journal import Journal
from collectors.runner import LocalRunner, Runner
from collectors.session import Session
from collectors.target import Target, this_machine
from collectors.vantage import Vantage
from tui.crash import told
from tui.diagnose import Diagnosis
from tui.files import file_stem, save_packets, session_directory
from tui.store import Store

LEAVE_S = 8.0
SLICE_S = 0.005  # the loop is not held for longer, however much comes at once
Alive = Callable[[], Awaitable[None]]
Attach = Callable[[Callable[[str], None]], Awaitable[Foothold]]


@dataclass(slots=True)
class Watch:
    """A target that is being looked at."""

    target: Target
    task: asyncio.Task[None]
    runner: Runner | None = None
    foothold: Foothold | None = None
    capture: captures.Capture | None = None
    capture_task: asyncio.Task[None] | None = None
    interface: str = "any"


@dataclass(frozen=True, slots=True)
class Opened:
    """A target that has a tab, and the node beside it ('' for none)."""

    key: str
    node: str = ""


class Control:
    """Joins the collectors to a session. Without a cluster it serves local targets and recordings."""

    def __init__(
        self, store: Store, session: Session, capture_at_once: bool = True, journal: Journal | None = None
    ) -> None:
        self.store = store
        self.session = session
        self.settings = Settings()
        self.journal = journal or Journal(None)
        self.capture_at_once = capture_at_once
        self.agreed: dict[str, str] = {}  # what the user said to a pod, by its uid: asked once
        self.cluster: Cluster | None = None
        self.is_lab = False
        self.live = True
        self.left_behind: list[str] = []
        self.kept: Path | None = None  # the directory of this session's captures
        self.opened: list[Opened] = []  # in the order of their tabs
        self._watches: dict[str, Watch] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._next_capture = 1
        self._subscription = session.subscribe(65_536)
        self.diagnosis = Diagnosis(store, session)

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
        self.spawn(self.diagnosis.run(self.live))

    async def _consume(self) -> None:
        async for batch in self._subscription.batches():
            began = time.monotonic()
            for event in batch:
                self.store.apply(event)
                if time.monotonic() - began > SLICE_S:
                    await asyncio.sleep(0)
                    began = time.monotonic()
            self.store.lost = self._subscription.dropped

    def open(self, cluster: Cluster, is_lab: bool, settings: Settings | None = None) -> None:
        self.cluster, self.is_lab, self.settings = cluster, is_lab, settings or Settings()
        cluster.rest.read_only = self.settings.read_only
        start = ev.SessionStart(time.time(), "", cluster.context, cluster.user, cluster.namespace, cluster.version)
        self.session.publish(start)
        self.spawn(Inventory(cluster, self.session).run())
        self.spawn(self._look_around(cluster))

    async def _look_around(self, cluster: Cluster) -> None:
        """What we may do here, and what an earlier console left."""
        try:
            self.session.publish(await preflight.told(cluster, cluster.namespace))
            self.session.publish(await leftovers.verified(cluster, self.journal, self._attacher()))
        except PodwireError:
            self.session.publish(leftovers.told(self.journal, cluster.server))

    async def clean(self) -> list[leftovers.Outcome]:
        """Remove what earlier consoles left in this cluster."""
        assert self.cluster is not None
        outcomes = await leftovers.clean(self.cluster, self._attacher())
        self.session.publish(leftovers.told(self.journal, self.cluster.server))
        return outcomes

    async def close(self) -> None:
        """Stop everything and take away what was added. What could not be is named in `left_behind`."""
        for task in [*(w.task for w in self._watches.values()), *self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.cluster is not None:
            await self._pay()
            await self.cluster.close()
        self.session.close()

    async def _pay(self) -> None:
        """Delete what the journal says this console owes the cluster, also where a creation was never answered."""
        attacher = self._attacher()
        owed = [entry for entry in self.journal.owed() if entry.session == self.journal.session]
        try:
            async with asyncio.timeout(LEAVE_S):
                if self.settings.end_on_leave:
                    footholds = [w.foothold for w in self._watches.values() if w.foothold is not None]
                    await asyncio.gather(*(attacher.end(foothold) for foothold in footholds))
                left = await asyncio.gather(*(attacher.settle(entry) for entry in owed))
            self.left_behind += [text for text in left if text]
        except (TimeoutError, asyncio.CancelledError):
            names = ", ".join(entry.name for entry in owed)
            self.left_behind.append(f"These may be left: {names}. `podwire clean` removes them; they end within 4 h.")

    # --- targets

    def _attacher(self) -> Attacher:
        assert self.cluster is not None
        return Attacher(self.cluster, self.session, self.settings, self.journal)

    @staticmethod
    def target_of(row: ev.PodRow | ev.NodeRow) -> Target:
        if isinstance(row, ev.NodeRow):
            return Target("node", row.name, node=row.name)
        return Target("pod", row.name, row.namespace, row.node, row.uid)

    async def plan(self, target: Target) -> Plan:
        """What could be added to a pod or node; nothing is added yet."""
        planner = self._attacher().planner
        return await (planner.node(target) if target.kind == "node" else planner.pod(target))

    async def plan_beside(self, target: Target) -> Plan | None:
        """The same for the node of a pod; None where it is on none."""
        if target.kind != "pod" or not target.node:
            return None
        return await self._attacher().planner.node(Target("node", target.node, node=target.node), target.namespace)

    def watch_pod(self, row: ev.PodRow, offer: Offer | None = None) -> Target:
        """Look at a pod from the foothold that was offered, or from the best there is."""
        target = self.target_of(row)
        attach = self._taking(offer)
        self._watch(target, attach or (lambda progress: self._attacher().pod(target, progress)))
        return target

    def watch_node(self, name: str, offer: Offer | None = None) -> Target:
        target = Target("node", name, node=name)
        attach = self._taking(offer)
        self._watch(target, attach or (lambda progress: self._attacher().node(target, progress)))
        return target

    def _taking(self, offer: Offer | None) -> Attach | None:
        return None if offer is None else lambda progress: self._attacher().take(offer, progress)

    def _watch(self, target: Target, attach: Attach) -> None:
        if not self.live:
            return  # a recording: what there is to know of the target is in the store
        known = self._watches.get(target.key)
        if known is not None and not known.task.done() and known.target == target:
            return
        task = self.spawn(self._keep(target, attach))
        self._watches[target.key] = Watch(target, task)

    def _say(self, target: Target, phase: ev.TargetPhase, message: str = "") -> None:
        self.session.publish(ev.TargetState(time.time(), target.key, phase, message))

    async def _keep(self, target: Target, attach: Attach) -> None:
        """Attach, then sample until the target goes."""
        self._say(target, "attaching", "asking the API server")
        try:
            foothold = await attach(lambda text: self._say(target, "attaching", text))
        except TargetGone as error:
            self._say(target, "gone", str(error))
            return
        except PodwireError as error:
            self._say(target, "failed", str(error))
            return
        assert self.cluster is not None
        watch = self._watches[target.key]
        watch.foothold, watch.runner = foothold, foothold.runner(self.cluster)
        if foothold.cost:
            self._say(target, "attaching", f"{foothold.rung}: {foothold.cost}")
        vantage = Vantage(target, watch.runner, self.session, alive=lambda: self._attacher().check_alive(foothold))
        if target.kind == "pod" and self.capture_at_once and foothold.cost != NO_CAPTURE:
            self.capture(target.key, "")
        await vantage.run()

    def watch_local(self, target: Target, run: Coroutine[Any, Any, None]) -> None:
        """This machine as a target: `run` publishes its evidence."""
        self._watches[target.key] = Watch(target, self.spawn(run), LocalRunner())

    def watch_file(self, path: Path) -> str:
        """A capture file as a target; returns its key."""
        where = playback.target(path)
        number, self._next_capture = self._next_capture, self._next_capture + 1
        reading = playback.play(path, number, self.session, self._subscription.taken)
        self._watches[where.key] = Watch(where, self.spawn(reading))
        return where.key

    def watch_this_machine(self) -> str:
        """The machine that podwire runs on, beside what else is open; returns its key."""
        where = this_machine()
        known = self._watches.get(where.key)
        if known is None or known.task.done():
            self.watch_local(where, self._this_machine(where))
        return where.key

    async def _this_machine(self, where: Target) -> None:
        local = await asyncio.to_thread(import_module, "collectors.kernel.local")  # netlink libraries import slowly
        await local.watch(self.session, where)

    def runner(self, key: str) -> Runner | None:
        """Where commands can be run at a target; None where nothing is attached."""
        watch = self._watches.get(key)
        return watch.runner if watch is not None else None

    def count_conntrack(self, key: str) -> None:
        """Count the conntrack table at a target, once: the answer comes on the stream."""
        self.spawn(self._count_conntrack(key))

    async def _count_conntrack(self, key: str) -> None:
        watch = self._watches.get(key)
        if watch is None or watch.runner is None:
            return
        local = watch.target.kind == "local"
        self.session.publish(await (take.here(key) if local else take.there(watch.runner, key)))

    def open_tab(self, key: str, node: str = "") -> None:
        if not any(opened.key == key for opened in self.opened):
            self.opened.append(Opened(key, node))

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
        if watch.foothold is not None and self.cluster is not None:
            attacher = self._attacher()
            if self.settings.end_on_leave:
                await attacher.end(watch.foothold)
            if left := await attacher.leave(watch.foothold):
                self._say(watch.target, "ended", left)
        self.store.forget(key)

    # --- captures

    def capture(self, key: str, expression: str) -> None:
        """Start a capture in place of the one that runs. A filter that tcpdump refuses changes nothing."""
        self.spawn(self._capture(key, expression))

    async def _capture(self, key: str, expression: str) -> None:
        watch = self._watches.get(key)
        if watch is None or watch.runner is None:
            return
        number, self._next_capture = self._next_capture, self._next_capture + 1
        new = captures.Capture(
            number, watch.target, watch.runner, self.session, expression, watch.interface,
            await self._segments(key, number), self._alive(watch),
        )  # fmt: skip
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

    async def _segments(self, key: str, number: int) -> Segments | None:
        """Where a capture is kept on disk; None, and it is said, where that cannot be."""
        kept = self.kept
        if kept is None:
            try:
                kept = self.kept = await asyncio.to_thread(session_directory)
            except OSError as error:
                text = f"captures are not kept on disk: {error.strerror}; w still saves what is in the list"
                self.session.publish(ev.Mark(time.time(), key, "podwire", text))
                return None
        return Segments(kept, f"{file_stem(key)}-{number}")

    def _alive(self, watch: Watch) -> Alive | None:
        foothold = watch.foothold
        return None if foothold is None else lambda: self._attacher().check_alive(foothold)

    async def stop_capture(self, key: str) -> None:
        if watch := self._watches.get(key):
            await self._stop(watch)

    async def _stop(self, watch: Watch) -> None:
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
        watches = [self._watches[key]] if key in self._watches else [] if key else self._watches.values()
        return any(w.capture_task is not None and not w.capture_task.done() for w in watches)

    async def save(self, key: str) -> Path:
        """Write the packets in memory to a new pcap (0600). CaptureError where there are none, OSError else."""
        lines = list(self.store.target(key).packets)
        return await asyncio.to_thread(save_packets, key, lines)

    # --- the lab's faults

    async def faults(self) -> list[dict[str, Any]]:
        if self.cluster is None or not self.is_lab:
            return []
        answer = await self.cluster.rest.get("/lab/faults")
        return list(answer.get("faults", ()))

    async def turn_fault(self, name: str, on: bool) -> None:
        if self.cluster is None or not self.is_lab:
            raise ClusterError("Faults belong to the lab: this is another cluster.")
        await self.cluster.rest.request("POST", "/lab/faults", body={"name": name, "on": on})
        self.session.publish(ev.Mark(time.time(), "", "lab", f"fault {name} {'on' if on else 'off'}"))
