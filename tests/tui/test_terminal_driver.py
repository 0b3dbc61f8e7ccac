"""A terminal that goes away, and a process that is stopped for a while: one thread reads keys, and none is left."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from textual.css.query import NoMatches
from textual.worker import WorkerFailed

from tui.app import PodwireApp
from tui.terminal_driver import HUNG_UP, TerminalDriver, is_gone
from tui.terminal_output import TerminalOutput

HANDLED = (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH, signal.SIGTTOU, signal.SIGTTIN)


class App(SimpleNamespace):
    def __init__(self) -> None:
        super().__init__(asked=[])

    def call_later(self, *call: Any) -> None:
        self.asked.append(call[1:])

    def exit(self) -> None: ...

    def panic(self) -> None: ...

    async def _post_message(self, message: object) -> None: ...


@pytest.fixture
def ends() -> Iterator[list[int]]:
    """Of a terminal: the one that shows, the one that the program has."""
    before = {number: signal.getsignal(number) for number in HANDLED}
    descriptors = list(pty.openpty())
    yield descriptors
    for number, handler in before.items():
        signal.signal(number, handler)
    for descriptor in descriptors:
        os.close(descriptor)


def driver_on(ends: list[int]) -> tuple[TerminalDriver, App]:
    app = App()
    driver = TerminalDriver(app)  # type: ignore[arg-type]
    stream = open(ends[1], "w", closefd=False)  # noqa: SIM115
    driver._file = TerminalOutput(stream)  # type: ignore[assignment]
    driver.fileno, driver.input_tty = ends[1], True
    return driver, app


def readers() -> int:
    return sum(thread.name == "textual-input" for thread in threading.enumerate())


async def continued(driver: TerminalDriver) -> None:
    driver._sigcont_application(signal.SIGCONT, None)
    await asyncio.sleep(0.01)


async def test_one_thread_reads_keys_after_a_stop_and_none_after_the_end(ends: list[int]) -> None:
    driver, _ = driver_on(ends)
    driver.start_application_mode()
    await continued(driver)
    assert readers() == 1
    driver.suspend_application_mode()
    await continued(driver)  # as the kernel does when a terminal hangs up
    assert readers() == 0


async def test_a_terminal_that_is_gone_is_left(ends: list[int]) -> None:
    driver, app = driver_on(ends)
    driver.start_application_mode()
    assert not is_gone(driver)
    os.close(ends[0])
    ends[0] = os.dup(ends[1])
    assert is_gone(driver)
    assert driver._key_thread is not None
    driver._key_thread.join(5)
    assert (readers(), app.asked) == (0, [(HUNG_UP, HUNG_UP)])
    await continued(driver)
    assert readers() == 0
    driver.suspend_application_mode()


def test_an_error_nobody_can_read_is_none_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> Any: ...

    app = PodwireApp(never)
    assert app.driver_class is TerminalDriver

    def gone(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(app.error_console, "print", gone)
    app._exit_renderables.append("an error")
    app._print_error_renderables()


def test_a_dialog_that_opens_while_it_is_left_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> Any: ...

    app = PodwireApp(never)
    written: list[BaseException | None] = []

    def write(error: BaseException | None) -> str:
        written.append(error)
        return ""

    monkeypatch.setattr("tui.app.report_crash", write)
    app.exit(HUNG_UP, return_code=HUNG_UP)
    app._handle_exception(NoMatches("Input"))
    app._handle_exception(WorkerFailed(NoMatches("Input")))
    assert (app.return_code, written) == (HUNG_UP, [])
    app._handle_exception(WorkerFailed(error := ValueError("wrong")))
    assert written == [error]  # of the worker, where it was
