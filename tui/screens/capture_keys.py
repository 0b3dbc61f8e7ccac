"""The keys that start, stop and save a target's capture, and that run probes there."""

from __future__ import annotations

from collectors.errors import PodwireError
from tui.screens.base import ConsoleScreen


class CaptureKeys(ConsoleScreen):
    """A screen of a target that can be captured; `key` is the target's."""

    key: str

    @property
    def is_file(self) -> bool:
        """A capture file has packets, and nothing that is sampled."""
        return self.key.startswith("pcap/")

    @property
    def capture_filter(self) -> str:
        """The BPF filter of the present capture, or of the last one."""
        capture = self.store.target(self.key).capture
        return capture.filter if capture else ""

    def is_recorded(self) -> bool:
        """Whether this is a recording, where nothing is captured nor counted: that is said."""
        if not self.control.live:
            self.say("This is a recording: nothing can be captured or counted here.")
        return not self.control.live

    def action_capture(self) -> None:
        capture = self.store.target(self.key).capture
        if self.is_refused():
            return
        if self.is_file:
            self.say("This is a capture file: nothing can be captured here.")
        elif self.is_recorded():
            return
        elif capture is not None and capture.phase == "running":
            self.run_worker(self.control.captures.stop(self.key))
        else:
            self.control.captures.start(self.key, self.capture_filter)

    def action_guide(self) -> None:
        from tui.screens.guide import GuideScreen

        if self.is_refused():
            return
        if self.is_file or not self.control.live:
            self.say("This is a recording: no probe can be run.")
        else:
            self.app.push_screen(GuideScreen(self.store, self.control, self.key))

    def action_save(self) -> None:
        self.run_worker(self._save())

    async def _save(self) -> None:
        try:
            path = await self.control.captures.save(self.key)
        except (PodwireError, OSError) as error:
            self.say(f"Not saved: {error}", "error")
            return
        self.say(f"Saved {path}")
