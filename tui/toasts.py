"""Short messages in the corner: a few at a time. One that is said again replaces the first and has
a count; of many, the oldest of the least serious goes, and the newest says how many went so."""

from __future__ import annotations

from textual.app import App
from textual.notifications import Notification, SeverityLevel

from collectors.frozen import slotted

MOST = 3
SERIOUS = {"information": 0, "warning": 1, "error": 2}


@slotted
class ShownToast:
    """`text` as it was said `times` times; `shown` is what Textual has of it."""

    text: str
    severity: SeverityLevel
    shown: Notification
    times: int = 1


class Toasts(App[int]):
    _toasts: tuple[ShownToast, ...] = ()
    _not_shown = 0  # that went before their time, since there was none

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """On the event loop."""
        kept = [one for one in self._toasts if one.shown in self._notifications]
        kept = [one for one in kept if not one.shown.has_expired]
        times = 1
        for again in [one for one in kept if (one.text, one.severity) == (message, severity)]:
            kept.remove(again)
            times += again.times
            self._unnotify(again.shown, refresh=False)
        self._not_shown = self._not_shown if kept else 0
        self._make_room(kept)
        text = f"{message} ({times} times)" if times > 1 else message
        more = f"{self._not_shown} earlier ones are no longer shown" if self._not_shown else ""
        seconds = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        shown = Notification(text, title or more, severity, seconds, markup=markup)
        self._toasts = (*kept, ShownToast(message, severity, shown, times))
        self._notifications.add(shown)
        self._refresh_notifications()

    def _make_room(self, kept: list[ShownToast]) -> None:
        while len(kept) >= MOST:
            least = min(kept, key=lambda one: SERIOUS[one.severity])  # the oldest of them
            kept.remove(least)
            self._unnotify(least.shown, refresh=False)
            self._not_shown += 1
