"""A capture at a target: the filter is checked, and `tcpdump -U -w -` is read as a pcap stream; a
stream that breaks is resumed while the target is the same, with a visible gap and a new file.

tcpdump gets its filter as one argument after `--`, so that no text of the user's becomes an option
or reaches a shell. The start script is a constant; it prints its process id and becomes tcpdump,
which is asked for counters (SIGUSR1) and for a clean end (SIGTERM: SIGINT may be ignored).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from collectors import remote_commands
from collectors.backoff import Check, keep_connected
from collectors.capture.pcap import PcapReader
from collectors.capture.pcap_files import PcapFiles
from collectors.command_runner import (
    STDERR,
    Output,
    Runner,
    run,
)
from collectors.errors import CaptureError, PodwireError
from collectors.events import CapturePhase, CaptureState, PacketBatch
from collectors.sanitize import sanitize
from collectors.stream import Stream
from collectors.target import Target

SNAPLEN = 256
MAX_PACKETS = 5_000_000  # of one tcpdump: one that is left behind ends by itself
ASK_EVERY_S = 5.0
BY_SIGNAL = 128  # exit codes above it: 128 and the signal's number
LONGEST_FILTER = 2000
# -Z root: some builds change their user, and could no longer be signalled; others lack the option.
START = r"""case "$(tcpdump --help 2>&1)" in *'-Z '*) set -- -Z root "$@";; esac
echo "pid $$" >&2; exec tcpdump "$@" """
_COUNT = re.compile(
    r"(\d+) packets? (captured|received by filter|dropped by kernel|dropped by interface)"
)
_PID = re.compile(r"^pid (\d+)$", re.MULTILINE)
_NOISE = re.compile(
    r"^(tcpdump: (data link type|verbose output|listening)|listening on|pid \d|reading from)"
)


def arguments(expression: str, interface: str) -> list[str]:
    options = ["-i", interface, "-n", "-U", "-s", str(SNAPLEN), "-c", str(MAX_PACKETS), "-w", "-"]
    return [*options, "--", *([expression] if expression else [])]


def checked(expression: str) -> str:
    """A filter as typed, stripped. CaptureError where no tcpdump could mean it."""
    expression = expression.strip()
    if len(expression) > LONGEST_FILTER or any(ord(c) < 32 for c in expression):
        raise CaptureError("This is not a filter: it is too long or holds control characters.")
    return expression


async def check(runner: Runner, expression: str, interface: str = "any") -> None:
    """Let the tcpdump that will capture compile the filter. CaptureError with its own message if it
    cannot."""
    argv = ["tcpdump", "-i", interface, "-d", "--", *([expression] if expression else [])]
    result = await run(runner, argv)
    if result.code not in (0, None):
        said = _last_words(result.err) or f"exit code {result.code}"
        raise CaptureError(said)


def _last_words(text: str) -> str:
    lines = [part.strip() for part in re.split(r"␊|\n", text)]
    kept = [line for line in lines if line and not _NOISE.match(line)]
    return sanitize(" ".join(kept[-2:]), 300)


class PacketKeeper(Protocol):
    """Who writes a capture's packets to disk: where, how many were lost, and why now."""

    @property
    def directory(self) -> Path: ...
    @property
    def dropped(self) -> int: ...
    @property
    def error(self) -> str: ...


class Capture:
    """One run of tcpdump at a target. Its packets and states go to the stream under its number."""

    def __init__(
        self,
        number: int,
        target: Target,
        runner: Runner,
        session: Stream,
        expression: str,
        interface: str = "any",
        segments: PcapFiles | None = None,
        alive: Check | None = None,
        kept_by: PacketKeeper | None = None,
    ) -> None:
        """`segments` keeps the packets on disk, or somebody else does (`kept_by`); `alive` raises
        TargetGone once a broken stream cannot be resumed."""
        self.number = number
        self.target = target
        self.expression = expression
        self._runner = runner
        self._session = session
        self._interface = interface
        self._segments = segments
        self._alive = alive
        self._kept_by: PacketKeeper | None = segments or kept_by
        self._pid: int | None = None
        self._phase: CapturePhase = "checking"
        self._received = self._received_before = 0  # packets; before this tcpdump
        self._captured = 0  # packets, by this tcpdump's own count
        self._dropped = 0
        self._dropped_before = 0
        self._errors = ""
        self._stopping = False

    def say(self, phase: CapturePhase, message: str = "") -> None:
        kept, self._phase = self._kept_by, phase
        state = CaptureState(
            time.time(),
            self.target.key,
            capture=self.number,
            phase=phase,
            filter=sanitize(self.expression),
            message=message or (kept.error if kept else ""),
            received=self._received,
            dropped_kernel=self._dropped_before + self._dropped,
            dropped_disk=kept.dropped if kept else 0,
            kept=str(kept.directory) if kept and not kept.error else "",
        )
        self._session.publish(state)

    async def run(self) -> None:
        """Capture until `stop`, until tcpdump ends or the target is gone, or until cancelled."""
        asking = asyncio.create_task(self._ask_counts())
        try:
            await keep_connected(
                self._connection, alive=self._alive, on_gap=self._gap, clean_up=self._clean_up
            )
        except PodwireError as error:
            self.say("failed", str(error))
        finally:
            asking.cancel()
            if self._segments is not None:
                await asyncio.shield(asyncio.to_thread(self._segments.close))

    def _gap(self, broke: PodwireError, wait: float) -> None:
        self.say("gap", f"{str(broke).rstrip('.')}. Trying again in {wait:.0f} s.")

    async def _clean_up(self) -> None:
        """Where only the connection broke, the old tcpdump still runs."""
        await self._signal("TERM")

    async def _connection(self) -> PodwireError | None:
        """Runs of tcpdump, another one where it had all that it may have; why the last broke off,
        None where it ended."""
        while True:
            self._received_before, self._captured = self._received, 0
            broke = await self._run_once()
            if broke is not None or not self._had_all():
                return broke

    def _had_all(self) -> bool:
        """Whether the latest tcpdump had all packets that it may have, and nobody ended it. Its
        own count is asked as well: a stream may end before its last packets are through."""
        received = self._received - self._received_before
        return not self._stopping and max(received, self._captured) >= MAX_PACKETS

    async def _run_once(self) -> PodwireError | None:
        """One run of tcpdump; why it broke off, None where it ended."""
        self._errors = ""
        self._dropped_before, self._dropped = self._dropped_before + self._dropped, 0
        if self._segments is not None:
            self._segments.begin()
        argv = remote_commands.owned(
            ["sh", "-c", START, "podwire-capture", *arguments(self.expression, self._interface)]
        )
        try:
            running = await self._runner.start(argv)
        except PodwireError as error:
            if self._received or self._pid is not None:
                return error
            raise
        self._pid = None
        try:
            await self._read(running.output())
        except CaptureError as error:  # it is not a capture: the connection may be at fault
            return error
        finally:
            await running.close()
        return self._ended(running.exit_code, running.message)

    def _ended(self, code: int | None, message: str) -> PodwireError | None:
        """Why the stream broke off; None where tcpdump ended by itself or was asked to."""
        if not self._stopping:
            if code is None:
                return CaptureError(message or "the stream broke off")
            if code > BY_SIGNAL:
                return CaptureError(f"tcpdump was killed (exit code {code})")
        if code in (0, None):
            if not self._had_all():
                self.say("ended")
        else:
            self.say("failed", _last_words(self._errors) or message or f"exit code {code}")
        return None

    async def _read(self, output: AsyncIterator[Output]) -> None:
        reader = PcapReader()
        async for piece in output:
            if piece.channel == STDERR:
                self._listen(piece.data)
                continue
            packets = reader.feed(piece.data)
            if packets:
                self._received += len(packets)
                assert reader.linktype is not None
                if self._segments is not None:
                    self._segments.put(reader.linktype, packets)
                batch = PacketBatch(
                    time.time(), self.target.key, self.number, reader.linktype, tuple(packets)
                )
                self._session.publish(batch)

    def _listen(self, data: bytes) -> None:
        """tcpdump's standard error: its process id, that it listens, its counts, its complaints."""
        text = data.decode("utf-8", "replace")
        self._errors = (self._errors + text)[-2000:]
        if self._pid is None and (match := _PID.search(self._errors)):
            self._pid = int(match[1])
        if "listening on" in text:
            self.say("running")
        for count, what in _COUNT.findall(text):
            if what == "captured":
                self._captured = int(count)
            if what == "dropped by kernel":
                self._dropped = int(count)
                self.say("running")

    async def _ask_counts(self) -> None:
        results = (0, "")
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            if self._phase != "running":
                continue
            await self._signal("USR1")
            kept = self._kept_by
            if (
                kept is not None
                and self._phase == "running"
                and (kept.dropped, kept.error) != results
            ):
                results = (kept.dropped, kept.error)
                self.say("running")

    async def _signal(self, which: str) -> None:
        if self._pid is not None:
            await remote_commands.end(self._runner, self._pid, which)

    async def stop(self) -> None:
        """Ask tcpdump for a clean end, which brings its last counts."""
        self._stopping = True
        await self._signal("TERM")
