"""The driver's end of a shared session: colleagues connect, and each is sent the state and what
comes after. Whatever they do, nobody waits for them: an event is encoded once, in a thread, and
put into the queue of each.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain

import orjson

from collectors.events import ConsumerDrop, Event, Mark
from collectors.recording.log_lines import line
from session.engine import Engine, login_name
from session.share import state as shared_state
from session.share.frames import (
    EVENT,
    LEFT,
    MOST_OF_VIEWER,
    SAID,
    SHARED_NO_LONGER,
    FrameError,
    MessageReader,
    frame,
    saying,
)
from session.share.group_place import group_id
from session.share.hand_over import OWNER, HandOver
from session.share.people import (
    Allowance,
    DriveRequest,
    GiveRequest,
    JoinRequest,
    LookRequest,
    MarkRequest,
    Request,
    plain_person,
    request,
)
from session.share.person import Person, ScreenLook
from session.share.place import PeerProcess, new_socket, peer, remove_socket
from session.share.viewer_queue import AT_ONCE, CAUSE, ViewerQueue
from session.store_feed import StoreFeed

NAME = "the share"  # the consumer of the stream
QUEUE = 65_536  # events
MOST_VIEWERS, MOST_OF_PROCESS = 16, 4  # connections at a time
PUT_OUT_S = 60.0  # within which a process that sent what is not a message is not let in again
ACCEPT_S, ACCEPTED = 0.05, 8  # so many connections are accepted in so many seconds
JOIN_S = 5.0  # within which a viewer says what it is
STALLED_S = 900.0  # within which a viewer reads what was sent at once
STATE_AGAIN_S, STATE_AGAIN_MOST_S = 5.0, 60.0  # before one who fell behind is sent the state again
REST_S = 0.01  # between pieces of a state: threads that encode them hold up the loop
PEOPLE_S, AGAIN_S = 0.3, 2.0  # between two lists of who is there, where that changed or did not
RECEIVED = 4_096  # bytes at once
_NO_LONGER = "no longer shares this session", SHARED_NO_LONGER
WITHOUT_END = OSError, EOFError  # it went, without a word


class JoinedViewer:
    """One connection, by its number; `joined` is set once it has said what it is."""

    def __init__(self, connection: socket.socket, of: PeerProcess, number: int) -> None:
        self.connection = connection
        self.of = of
        self.number = number
        self.since = time.time()
        self.look = ScreenLook()
        self.queue = ViewerQueue()
        self.allowance = Allowance()
        self.joined = asyncio.Event()
        self.is_writing = False
        self.state_at = 0.0
        self.wait_s = 0.0  # before the next state: longer each time for one that is too slow

    def person(self, drive: HandOver) -> Person:
        return Person(
            login_name(self.of.uid),
            self.of.pid,
            self.since,
            look=self.look,
            lost=self.queue.lost,
            drives=self.number == drive.driver,
            number=self.number,
            asks=self.number in drive.asking,
            turn=drive.turn(self.number),
        )

    @property
    def shown(self) -> str:
        return f"{login_name(self.of.uid)} (process {self.of.pid})"

    def next_state_s(self) -> float:
        """Seconds before it is sent a state, which is noted. Twice as many as before where it fell
        behind soon after the last."""
        now = time.monotonic()
        soon = self.state_at and now - self.state_at < 4 * STATE_AGAIN_MOST_S
        self.wait_s = min(STATE_AGAIN_MOST_S, 2 * self.wait_s or STATE_AGAIN_S) if soon else 0.0
        wait = max(0.0, self.state_at + self.wait_s - now)
        self.state_at = now + wait
        return wait

    async def send(self, data: bytes) -> None:
        self.is_writing = True
        try:
            async with asyncio.timeout(STALLED_S):
                await asyncio.get_running_loop().sock_sendall(self.connection, data)
        except TimeoutError:
            raise FrameError(f"it did not read for {STALLED_S / 60:.0f} minutes") from None
        self.is_writing = False

    def say_why(self, reason: str, how: str = "") -> None:
        """Why it is going to be closed, where that does not need to wait."""
        if not self.is_writing:
            with contextlib.suppress(OSError):
                self.connection.send(saying("bye", text=reason, how=how))


class SharedSession:
    """Begins when it is made, on the event loop. ConfigError where there can be no socket."""

    def __init__(self, engine: Engine, feed: StoreFeed, name: str, group: str = "") -> None:
        self.group = group
        self.look = ScreenLook()
        self.drive = HandOver()
        self.refused = 0  # connections
        self.last_refusal = ""
        self._engine, self._feed = engine, feed
        self._socket, self.path = new_socket(name, group)
        self._gid = group_id(group) if group else None
        self._since = time.time()
        self._viewers: set[JoinedViewer] = set()
        self._number = 0  # of the next event
        self._connections = 0  # that were ever accepted
        self._put_out: deque[tuple[int, float]] = deque(maxlen=MOST_VIEWERS)  # processes, and when
        self._subscription = engine.stream.subscribe(QUEUE, NAME)
        works = (self._accept(), self._pump(), self._announce())
        self._tasks = [engine.tasks.spawn(work) for work in works]
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def people(self) -> list[Person]:
        """The owner first."""
        drives = self.drive.driver == OWNER
        me = Person(login_name(), 0, self._since, look=self.look, drives=drives)
        joined = (one.person(self.drive) for one in self._viewers if one.joined.is_set())
        return [me, *sorted(joined, key=lambda person: person.number)]

    def give(self, to: int, by: int = OWNER) -> None:
        """The driver's place, where `by` may give it to that connection."""
        if self.drive.give(by, to):
            self._engine.notice(f"{self._shown(to)} drives: F follows")

    def _shown(self, number: int) -> str:
        found = (one.shown for one in self._viewers if one.number == number)
        return next(found, f"{login_name()}, whose session it is,")

    async def close(self, leaves: bool = False) -> None:
        """Say so to each viewer, and remove the socket. `leaves`: the console ends as well."""
        why, how = ("left: this session is over", LEFT) if leaves else _NO_LONGER
        remove_socket(self.path)
        self._subscription.close()
        tasks = [*self._tasks, *self._serving]
        for viewer in list(self._viewers):
            viewer.say_why(f"{login_name()} {why}.", how)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._socket.close()

    # --- connections

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            for _ in range(ACCEPTED):
                with contextlib.suppress(OSError):  # no descriptor is free: later
                    connection, _ = await loop.sock_accept(self._socket)
                    self._admit(connection)
            await asyncio.sleep(ACCEPT_S)

    def _admit(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connections += 1
        viewer = JoinedViewer(connection, peer(connection), self._connections)
        if reason := self._refusal(viewer):
            self._refuse(viewer, reason)
            connection.close()
            return
        self._viewers.add(viewer)
        task = self._engine.tasks.spawn(self._serve(viewer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    def _refusal(self, viewer: JoinedViewer) -> str:
        if viewer.of.uid != os.getuid() and self._gid not in viewer.of.groups:
            members = f" or a member of {self.group}" if self.group else ""
            return f"another user: only the one who shares{members} may join"
        if viewer.of.pid in self._processes_out():
            return f"this process was removed less than {PUT_OUT_S:.0f} s ago"
        of_process = sum(one.of.pid == viewer.of.pid for one in self._viewers)
        if viewer.of.pid and of_process >= MOST_OF_PROCESS:  # 0: of another namespace
            return f"one process has {MOST_OF_PROCESS} connections at most"
        if len(self._viewers) >= MOST_VIEWERS:
            return f"{MOST_VIEWERS} connections are open, and there may be no more"
        return ""

    def _processes_out(self) -> set[int]:
        since = time.monotonic() - PUT_OUT_S
        return {pid for pid, at in self._put_out if pid and at > since}

    def _refuse(self, viewer: JoinedViewer, reason: str) -> None:
        self.refused += 1
        self.last_refusal = f"{viewer.shown}: {reason}"
        what = "removed from the session" if viewer.joined.is_set() else "not let in"
        viewer.say_why(f"This console was {what}: {reason}.")

    async def _serve(self, viewer: JoinedViewer) -> None:
        both = {asyncio.create_task(self._read(viewer)), asyncio.create_task(self._write(viewer))}
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            self._ended(viewer, next(iter(done)))
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            self._viewers.discard(viewer)
            viewer.connection.close()

    def _ended(self, viewer: JoinedViewer, task: asyncio.Task[None]) -> None:
        """Why one went, or must go; an error of podwire's own is raised."""
        error = task.exception()
        if isinstance(error, FrameError):
            self._put_out.append((viewer.of.pid, time.monotonic()))
            self._refuse(viewer, str(error))
        elif error is not None and not isinstance(error, WITHOUT_END):
            raise error
        if viewer.joined.is_set():
            why = f": {error}" if isinstance(error, FrameError) else ""
            self._engine.notice(f"{viewer.shown} is no longer in the session{why}")
        if self.drive.left(viewer.number):
            self._engine.notice(f"{self._shown(OWNER)} drives again: the driver left")

    # --- what a viewer says

    async def _read(self, viewer: JoinedViewer) -> None:
        loop, frames = asyncio.get_running_loop(), MessageReader(MOST_OF_VIEWER)
        while data := await loop.sock_recv(viewer.connection, RECEIVED):
            for body in frames.feed(data):
                viewer.allowance.use()
                self._answer(viewer, request(body))

    def _answer(self, viewer: JoinedViewer, asked: Request) -> None:
        if viewer.joined.is_set() == isinstance(asked, JoinRequest):
            raise FrameError("it joins once, and before all else")
        if isinstance(asked, JoinRequest):
            viewer.joined.set()
            self._engine.notice(f"{viewer.shown} joined")
        elif isinstance(asked, LookRequest):
            viewer.look = asked.look
        elif isinstance(asked, DriveRequest):
            self._ask(viewer, asked)
        elif isinstance(asked, GiveRequest):
            self.give(asked.to, viewer.number)
        else:
            self._mark(viewer, asked)

    def _ask(self, viewer: JoinedViewer, asked: DriveRequest) -> None:
        if self.drive.ask(viewer.number, asked.wants):
            what = "asks to drive" if asked.wants else "no longer asks to drive"
            self._engine.notice(f"{viewer.shown} {what}")

    def _mark(self, viewer: JoinedViewer, asked: MarkRequest) -> None:
        target = asked.target if asked.target in self._engine.store.targets else ""
        author = login_name(viewer.of.uid)
        self._engine.stream.publish(Mark(time.time(), target, author, asked.text))

    # --- what a viewer is sent

    async def _pump(self) -> None:
        async for batch in self._subscription.batches():
            events = [event for event in batch if not _is_own_loss(event)]
            first, self._number = self._number, self._number + len(events)
            if len(events) < len(batch):
                for viewer in self._viewers:
                    viewer.queue.fall_behind(_lost_of(batch))
            if self._viewers:
                data = await asyncio.to_thread(_frames, first, events)
                self._put(first, events, data)

    def _put(self, first: int, events: Sequence[Event], data: Sequence[bytes]) -> None:
        for viewer in self._viewers:
            put = viewer.queue.put
            for number, (event, of_event) in enumerate(zip(events, data, strict=True), first):
                put(number, event, of_event)

    async def _write(self, viewer: JoinedViewer) -> None:
        try:
            async with asyncio.timeout(JOIN_S):  # wait_for of 3.11 may lose a cancellation
                await viewer.joined.wait()
        except TimeoutError:
            raise FrameError(f"it did not say within {JOIN_S:.0f} s that it joins") from None
        while True:
            if viewer.queue.needs_state:
                await self._send_state(viewer)
            await viewer.queue.filled.wait()
            if not viewer.queue.needs_state:
                await viewer.send(viewer.queue.next_piece())

    async def _send_state(self, viewer: JoinedViewer) -> None:
        """All that the store holds; the events after it follow."""
        await asyncio.sleep(viewer.next_state_s())
        store = self._engine.store
        state = shared_state.gathered_state(store, self._feed.not_folded())
        viewer.queue.begin(self._number + len(self._subscription.pending()))
        drops = viewer.queue.losses.report(f"the console of {viewer.shown}", CAUSE)
        await viewer.send(_begin_state(viewer, self.path.stem))
        pieces = _pieces(_state_frames(state))
        while piece := await asyncio.to_thread(next, pieces, b""):
            await viewer.send(piece)
            await asyncio.sleep(REST_S)
        await viewer.send(await asyncio.to_thread(_lines, state) + saying("live"))
        await viewer.send(b"".join(_frames(0, [*state.not_folded, *drops])))
        viewer.queue.say("people", self._people())

    def _people(self) -> bytes:
        return saying("people", people=[plain_person(person) for person in self.people])

    async def _announce(self) -> None:
        """Who is there, to all, where that changed; and every so often, so that silence is known to
        be one."""
        known, at = b"", 0.0
        while True:
            await asyncio.sleep(PEOPLE_S)
            if (people := self._people()) != known or time.monotonic() - at >= AGAIN_S:
                known, at = people, time.monotonic()
                for viewer in self._viewers:
                    viewer.queue.say("people", people)


def _lost_of(batch: Sequence[Event]) -> int:
    """Events that the share was too slow for; the driver's timeline says so, and viewers have it
    with the state."""
    return sum(event.events for event in batch if _is_own_loss(event))  # type: ignore[attr-defined]


def _is_own_loss(event: Event) -> bool:
    return isinstance(event, ConsumerDrop) and event.consumer == NAME


def _begin_state(viewer: JoinedViewer, session: str) -> bytes:
    return saying("state", owner=login_name(), session=session, you=viewer.number)


def _frames(first: int, events: Sequence[Event]) -> list[bytes]:
    """Blocking: in a thread."""
    return [
        frame(EVENT, line(number, event).rstrip()) for number, event in enumerate(events, first)
    ]


def _state_frames(state: shared_state.SharedState) -> Iterator[bytes]:
    events = chain(shared_state.figure_events(state), shared_state.state_events(state))
    return (frame(EVENT, line(0, event).rstrip()) for event in events)


def _pieces(frames: Iterator[bytes]) -> Iterator[bytes]:
    """Several together, so that a thread is worth it."""
    waiting, size = list[bytes](), 0
    for one in frames:
        waiting.append(one)
        size += len(one)
        if size >= AT_ONCE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _lines(state: shared_state.SharedState) -> bytes:
    """The timeline and the log, and what is counted."""
    value = {
        "say": "lines",
        "entries": [shared_state.plain_entry(key, entry) for key, entry in state.entries],
        "log": [shared_state.plain_log_line(one) for one in state.log],
        **state.counts,
    }
    return frame(SAID, orjson.dumps(value))
