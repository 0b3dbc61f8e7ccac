"""What targets, captures and the diagnosis of one console share: the stream, the store that it is
folded into, the cluster, and the tasks that run."""

from __future__ import annotations

import asyncio
import functools
import os
import pwd
import time
from typing import TYPE_CHECKING

from collectors.cluster.attach.settings import AttachSettings
from collectors.errors import ClusterError
from collectors.events import Mark, Notice, NoticeLevel
from collectors.sanitize import sanitize
from collectors.stream import Stream
from session.share.person import NOTE_KEPT
from session.store import Store
from session.tasks import Tasks

if TYPE_CHECKING:  # a console without a cluster never imports it
    from session.cluster_side import ClusterSide
    from session.replay_player import ReplayPlayer
    from session.share.viewer_source import ViewerSource

NO_CLUSTER = "There is no cluster here: this console looks at a machine, a file or a recording."


class Engine:
    """`live` is False where what is looked at was recorded; `painted` is set once the first frame
    is drawn: what imports slowly waits for it. `joined` is what feeds a console that joined."""

    def __init__(self, store: Store, stream: Stream) -> None:
        self.store = store
        self.stream = stream
        self.tasks = Tasks(stream)
        self.settings = AttachSettings()
        self.cluster: ClusterSide | None = None
        self.is_lab = False
        self.live = True
        self.replay: ReplayPlayer | None = None
        self.joined: ViewerSource | None = None
        self.painted = asyncio.Event()
        self.painted.set()

    def now(self) -> float:
        """The right edge of graphs: the present, or the time of a recording that is shown."""
        if self.replay is not None:
            return self.replay.shown_at
        return time.time() if self.live or self.joined is not None else self.store.latest

    @property
    def lists_cluster(self) -> bool:
        """Whether there is a cluster: here, at the console that was joined, or in what was
        recorded."""
        elsewhere = self.joined is not None or self.replay is not None
        return self.cluster is not None or (elsewhere and self.store.start is not None)

    @property
    def refusal(self) -> str:
        """Why nothing is written or run from here, a sentence; '' where it may be."""
        return self.joined.refusal if self.joined is not None else ""

    def require_cluster(self) -> ClusterSide:
        if self.cluster is None:
            raise ClusterError(self.refusal or NO_CLUSTER)
        return self.cluster

    def notice(self, text: str, key: str = "", level: NoticeLevel = "information") -> None:
        """Say something about the session, to whoever looks at it or reads its recording."""
        self.stream.publish(Notice(self.now(), key, text, level))

    def mark(self, text: str, key: str = "") -> None:
        """A person's mark on the timeline, now, by the name that they are logged in as."""
        if self.joined is not None:
            self.joined.mark(text, key)
            return
        mark = Mark(self.now(), key, login_name(), sanitize(text.strip(), NOTE_KEPT))
        self.stream.publish(mark)
        if self.replay is not None:
            self.replay.keep(mark)


def login_name(uid: int | None = None) -> str:
    """Of a user, or of whoever runs podwire; their number where they have none."""
    return _name_of(os.getuid() if uid is None else uid)


@functools.lru_cache(maxsize=64)
def _name_of(uid: int) -> str:
    """Once: a directory service may be asked."""
    try:
        return sanitize(pwd.getpwuid(uid).pw_name, 64)
    except KeyError:
        return f"uid {uid}"
