"""Textual's driver of a terminal, where that terminal goes away or the process is stopped for a
while.

When a terminal hangs up, the kernel sends SIGHUP and SIGCONT, and reading fails (EIO) or ends.
To Textual 8.2 any SIGCONT is the end of a SIGTSTP: it begins again: a second thread reads the
keys, which nobody ends, so that the process is there for ever, at 100 % of a core. A read that
fails is an error of the app to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import termios
import threading
from typing import Any

from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key
from textual.message import Message

from collectors.key_priority import KEY_PRIORITY

HUNG_UP = 128 + signal.SIGHUP


class TerminalDriver(LinuxDriver):
    """A terminal that is begun once, ended once, and left where it is gone."""

    _is_begun = False

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self.exit_event = _End(self)

    def send_message(self, message: Message) -> None:
        """A key has priority as soon as the thread has read it."""
        if isinstance(message, Key):
            KEY_PRIORITY.begin()
        super().send_message(message)

    def start_application_mode(self) -> None:
        if self._is_begun:
            return
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._is_begun = self._key_thread is not None  # not where it may not be written to yet

    def stop_application_mode(self) -> None:
        self._is_begun = False
        super().stop_application_mode()
        self._key_thread = None

    def _sigcont_application(self, *_: object) -> None:
        """Not at once: what is interrupted may be writing, and hold the lock of that."""
        with contextlib.suppress(RuntimeError):  # no loop: it is over
            asyncio.get_running_loop().call_soon_threadsafe(self._begin_again)

    def _begin_again(self) -> None:
        """After SIGTSTP. After a SIGSTOP as well, which cannot be caught: the shell has drawn on
        the screen meanwhile, and changed the terminal's modes."""
        if is_gone(self) or not self._auto_restart:
            return
        if self._is_begun:
            self.suspend_application_mode()
            self._must_signal_resume = True
        if self._must_signal_resume:
            self.resume_application_mode()

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except OSError:
            pass
        except BaseException:
            from rich.traceback import Traceback

            self._app.call_later(self._app.panic, Traceback())
        if is_gone(self):  # no SIGHUP may come: that goes to the terminal's foreground alone
            self._app.call_later(self._app.exit, HUNG_UP, HUNG_UP)


class _End(threading.Event):
    """Is asked before each read: of a terminal that hung up these return at once, with nothing."""

    def __init__(self, driver: TerminalDriver) -> None:
        super().__init__()
        self._driver = driver

    def is_set(self) -> bool:
        return super().is_set() or is_gone(self._driver)


def is_gone(driver: Driver | None) -> bool:
    """Whether the terminal of a console hung up: it is not one any more."""
    if not isinstance(driver, TerminalDriver):
        return False
    try:
        termios.tcgetattr(driver.fileno)
    except termios.error:
        return True
    return False
