"""Whether the cluster's lists are followed, as the state of a target of its own on the stream."""

from __future__ import annotations

import asyncio
import time

from collectors.cluster.api.rest import Rest
from collectors.errors import ClusterError
from collectors.events import TargetPhase, TargetState
from collectors.list_coverage import LISTS
from collectors.stream import Stream

HEARTBEAT_S = 15.0
HEARTBEAT = "heartbeat"
VITAL = (HEARTBEAT, "pods")


async def _silence(rest: Rest) -> str:
    """Why the server is not there, '' where it is: an answer, whichever, is a sign of life."""
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            await rest.get("/version", what="heartbeat")
    except TimeoutError:
        return f"The API server has not answered for {HEARTBEAT_S:.0f} s."
    except ClusterError as error:
        return "" if error.status else str(error)
    return ""


class ListHealth:
    """Says once for each fault what is not followed, and that it is again."""

    def __init__(self, session: Stream) -> None:
        self.session = session
        self._failing: dict[str, tuple[str, int]] = {}  # why, and how often in a row
        self._published: tuple[str, str] = ("", "")

    def failed(self, what: str, message: str) -> None:
        _, times = self._failing.get(what, ("", 0))
        self._failing[what] = (message, times + 1)
        self._update()

    def works(self, what: str) -> None:
        if self._failing.pop(what, None) or not self._published[0]:
            self._update()

    def _update(self) -> None:
        """A gap where the server does not answer, or pods are not followed. Another kind that fails
        twice in a row is named; once may be the first sign of the server's going."""
        vital = next((one for one in VITAL if one in self._failing), None)
        if vital is not None:
            self._publish("gap", self._failing[vital][0], vital)
            return
        failing = sorted(what for what, (_, times) in self._failing.items() if times > 1)
        self._publish("live", self._named(failing), " ".join(failing))

    def _named(self, failing: list[str]) -> str:
        if not failing:
            return ""
        return f"Not followed now: {', '.join(failing)}. {self._failing[failing[0]][0]}"

    def _publish(self, phase: TargetPhase, message: str, about: str) -> None:
        if self._published != (phase, about):
            self._published = (phase, about)
            self.session.publish(TargetState(time.time(), LISTS, phase, message))

    async def check_server(self, rest: Rest) -> None:
        """Until cancelled, whether the server answers at all: a watch on a server that hangs is as
        quiet as one of a calm cluster."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            if reason := await _silence(rest):
                self.failed(HEARTBEAT, reason)
            else:
                self.works(HEARTBEAT)
