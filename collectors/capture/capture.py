"""A capture at a target: the filter is checked first, then `tcpdump -U -w -` is read as a pcap stream.

tcpdump gets its filter as one argument after `--`, so that no text of the user's becomes an option or reaches a
shell. The start script is a constant; it tells the process id, then becomes tcpdump, which asks of it counters
(SIGUSR1) and a clean end (SIGINT).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Sequence

from collectors.capture.pcap import PcapReader
from collectors.errors import CaptureError, PodwireError
from collectors.events import CapturePhase, CaptureState, PacketBatch
from collectors.runner import STDERR, Output, Runner, run
from collectors.safe import safe
from collectors.session import Session
from collectors.target import Target

SNAPLEN = 256
MAX_PACKETS = 5_000_000
ASK_EVERY_S = 5.0
LONGEST_FILTER = 2000
# -Z root: some builds become another user, which podwire could then not signal; others lack the option.
START = r"""case "$(tcpdump --help 2>&1)" in *'-Z '*) set -- -Z root "$@";; esac
echo "pid $$" >&2; exec tcpdump "$@" """
_COUNT = re.compile(r"(\d+) packets? (captured|received by filter|dropped by kernel|dropped by interface)")
_PID = re.compile(r"^pid (\d+)$", re.MULTILINE)
_NOISE = re.compile(r"^(tcpdump: (data link type|verbose output|listening)|listening on|pid \d|reading from)")


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
    """Let the tcpdump that will capture compile the filter. CaptureError with its own message if it cannot."""
    argv = ["tcpdump", "-i", interface, "-d", "--", *([expression] if expression else [])]
    result = await run(runner, argv)
    if result.code not in (0, None):
        said = _last_words(result.err) or f"exit code {result.code}"
        raise CaptureError(said)


def _last_words(text: str) -> str:
    lines = [part.strip() for part in re.split(r"␊|\n", text)]
    kept = [line for line in lines if line and not _NOISE.match(line)]
    return safe(" ".join(kept[-2:]), 300)


class Capture:
    """One run of tcpdump at a target. Its packets and states go to the stream under its number."""

    def __init__(
        self, number: int, target: Target, runner: Runner, session: Session, expression: str, interface: str = "any"
    ) -> None:
        self.number = number
        self.target = target
        self.expression = expression
        self._runner = runner
        self._session = session
        self._interface = interface
        self._pid: int | None = None
        self._received = 0
        self._dropped = 0
        self._errors = ""
        self._stopping = False

    def say(self, phase: CapturePhase, message: str = "") -> None:
        counts = (self._received, self._dropped)
        shown = safe(self.expression)
        self._session.publish(CaptureState(time.time(), self.target.key, self.number, phase, shown, message, *counts))

    async def run(self) -> None:
        """Capture until `stop`, until tcpdump ends, or until cancelled."""
        asking = asyncio.create_task(self._ask_counts())
        try:
            argv = ["sh", "-c", START, "podwire-capture", *arguments(self.expression, self._interface)]
            running = await self._runner.start(argv)
            try:
                await self._read(running.output())
            finally:
                await running.close()
            bad = running.exit_code not in (0, None) or (running.exit_code is None and not self._stopping)
            why = _last_words(self._errors) or running.message or f"exit code {running.exit_code}"
            self.say("failed" if bad else "ended", why if bad else "")
        except PodwireError as error:
            self.say("failed", str(error))
        finally:
            asking.cancel()

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
                batch = PacketBatch(time.time(), self.target.key, self.number, reader.linktype, tuple(packets))
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
            if what == "dropped by kernel":
                self._dropped = int(count)
                self.say("running")

    async def _ask_counts(self) -> None:
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            await self._signal("-USR1")

    async def _signal(self, which: str) -> None:
        if self._pid is not None:
            with contextlib.suppress(PodwireError):
                await run(self._runner, _kill(which, self._pid), timeout=5)

    async def stop(self) -> None:
        """Ask tcpdump for a clean end, which brings its last counts."""
        self._stopping = True
        await self._signal("-INT")


def _kill(which: str, pid: int) -> Sequence[str]:
    return ["kill", which, str(pid)]
