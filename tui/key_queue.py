"""Keys in order: each is handled after the one before has had its effect.

Textual forwards a key to the widget that has the focus when the key arrives. Of keys that come all
at once (pasted, sent by tmux, over a slow link) those after a `/` would go to the list rather than
to the filter that it opens."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from textual.events import Key
from textual.message import Message

from collectors.key_priority import KEY_PRIORITY

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

STUCK_S = 0.3  # a widget that vanished with its key


class Handled(Message):
    """Follows a key through the same queues; arrives first where a widget handled the key."""

    def __init__(self, key: Key) -> None:
        super().__init__()
        self.key = key


class KeyQueue:
    def __init__(self, app: App[int]) -> None:
        self._app = app
        self._waiting: deque[Key] = deque()
        self._now: Key | None = None
        self._screen: Screen[object] | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._last = 0.0

    def begins(self, key: Key) -> bool:
        """Whether it is this key's turn; where not, it waits."""
        if self._now is not None and self._now is not key:
            self._waiting.append(key)
            return False
        self._now, self._screen, self._last = key, self._app.screen, time.monotonic()
        self._stuck = asyncio.get_running_loop().call_later(STUCK_S, self._next, key)
        return True

    @property
    def idle_s(self) -> float:
        """Seconds since the last key; 0 while one waits for its turn."""
        return 0.0 if self._waiting else time.monotonic() - self._last

    def ended(self, key: Key) -> None:
        """It had its effect. On a new screen the next waits for the first frame: before,
        nothing has focus."""
        if not self._app.screen_stack:  # it ended the console
            return
        self._app.screen.call_after_refresh(KEY_PRIORITY.end)
        if key is not self._now:
            return
        if self._waiting and self._app.screen is not self._screen:
            self._app.screen.call_after_refresh(self._next, key)
        else:
            self._next(key)

    def _next(self, after: Key) -> None:
        if after is not self._now:
            return
        if self._stuck is not None:
            self._stuck.cancel()
        self._now = self._waiting.popleft() if self._waiting else None
        if self._now is not None:
            self._app.post_message(self._now)
