"""Opens the console on a cluster, the lab, this machine or a recording, and leaves it cleanly."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from cli import config
from cli.console_look import look_of, thresholds_set
from cli.exit_codes import LEFT_BEHIND
from cli.messages import print_message, print_messages
from cli.open_target import OPEN, prepare
from cli.recorder import HERE, Recorders
from collectors.errors import PodwireError
from collectors.sanitize import sanitize
from collectors.terminal_owner import TerminalOwner
from tui.app import OpenConsole, PodwireApp
from tui.look import TerminalLook
from tui.terminal_output import drawn_on_terminal

if TYPE_CHECKING:  # the first frame waits for none of them
    from cli.console_session import ConsoleSession
    from collectors.cluster.api.connection import Cluster
    from collectors.cluster.attach.settings import AttachSettings
    from session.controller import Controller
    from tui.command_keys import ContextSwitch

NAMES = {
    "local": "this machine",
    "pcap": "capture files",
    "replay": "a recording",
    "demo": "a recorded incident",
    "join": "a session",
}


def console(options: argparse.Namespace) -> int:
    settings_of = config.read(options.config)
    look = look_of(options, settings_of, said=thresholds_set(settings_of))
    print_messages(look.notices)  # they are there when it is left
    options.group = getattr(options, "share_group", "") or settings_of.share_group
    if options.command != "lab":
        return asyncio.run(_run(options, settings_of, look, None))
    with _lab(options.fault) as kubeconfig:
        return asyncio.run(_run(options, settings_of, look, kubeconfig))


@contextlib.contextmanager
def _lab(faults: list[str]) -> Iterator[Path]:
    """The kubeconfig of a lab that runs for so long."""
    from cli.lab import refuse_unknown
    from lab.supervisor import Lab

    refuse_unknown(faults)
    lab = Lab(faults)
    lab.start(lambda text: print_message(f"lab: {text}"))
    try:
        yield lab.kubeconfig
    finally:
        lab.stop()


async def _run(
    options: argparse.Namespace, settings_of: config.Config, look: TerminalLook, lab: Path | None
) -> int:
    """One console after the other, each of another context, until one is left for good."""
    opener, notes, left = await _opener(options, settings_of, lab), list[str](), 0
    while True:
        opener.notes = tuple(notes)
        app = PodwireApp(opener.open, opener.title, look)
        code = await _until_left(app, opener, look.mouse)
        opener.recorders.say_where()
        notes.clear()
        if opener.console is not None:
            code = _report(opener.console.control, code)
            notes += opener.console.control.left_behind
        left = left or (code if notes else 0)
        if app.switch_to is None:
            return code or left
        look = replace(look, theme=app.theme, notices=())
        opener = await _next_opener(app.switch_to, opener, settings_of, notes)


async def _next_opener(
    wanted: ContextSwitch, left: _Opener, settings_of: config.Config, notes: list[str]
) -> _Opener:
    """Of the wanted context; of the one that was left where that one cannot be opened."""
    _default_signals()
    there = _options_for(wanted, left.options, notes)
    print_message(f"context {sanitize(wanted.context, 80)}: connecting")
    try:
        return await _opener(there, settings_of, None)
    except PodwireError as error:
        if left.cluster is None or left.cluster.context == sanitize(wanted.context, 80):
            raise
        print_message(str(error))
        notes.append(f"{error} This is the context that you left.")
    kept = {"command": None, "target": "", "record": there.record}
    return await _opener(argparse.Namespace(**vars(left.options) | kept), settings_of, None)


def _options_for(
    wanted: ContextSwitch, options: argparse.Namespace, notes: list[str]
) -> argparse.Namespace:
    """As if podwire had been started for that context; a file of --record is of one console."""
    record = getattr(options, "record", None)
    if record not in (None, HERE):
        notes.append(f"{sanitize(record)} ends with the context that you left.")
    changed = {
        "command": None,
        "target": "",
        "context": [wanted.context],
        "namespace": wanted.namespace,
        "all_namespaces": wanted.namespace == "",
        "record": None if record is None else HERE,
    }
    return argparse.Namespace(**vars(options) | changed)


def _default_signals() -> None:
    """No console has them now: Ctrl-C ends the connecting."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


async def _opener(
    options: argparse.Namespace, settings_of: config.Config, lab: Path | None
) -> _Opener:
    if options.command == OPEN:
        prepare(options)
    if options.command == "join":
        from cli.join import link

        options.link = await link(options)
    if options.command not in (None, OPEN, "lab"):
        return _Opener(options, None, None, None, Recorders(options, settings_of))
    # while the server answers
    imported = asyncio.create_task(_imported("cluster"))
    cluster = await _connected(options, lab)
    settings = settings_of.settings(options, cluster.context)
    return _Opener(options, cluster, settings, imported, Recorders(options, settings_of))


async def _until_left(app: PodwireApp, opener: _Opener, mouse: bool) -> int:
    TerminalOwner.ours = True
    try:
        with drawn_on_terminal():
            await app.run_async(mouse=mouse)
    finally:
        TerminalOwner.ours = False
        await opener.close()
    if app.failed is not None:
        raise app.failed
    return app.return_code or 0


class _Opener:
    """Opens the console's session once the screen is there. `imported` is waited for before."""

    def __init__(
        self,
        options: argparse.Namespace,
        cluster: Cluster | None,
        settings: AttachSettings | None,
        imported: asyncio.Task[None] | None,
        recorders: Recorders,
    ) -> None:
        self.options, self.cluster, self.settings = options, cluster, settings
        self.imported, self.recorders = imported, recorders
        self.console: ConsoleSession | None = None
        self.notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return self.cluster.context if self.cluster else NAMES.get(self.options.command, "")

    async def open(self) -> OpenConsole:
        await (self.imported or _imported("target"))
        await self.recorders.prepare()
        from cli.console_session import ConsoleSession

        self.console = ConsoleSession(self.options, self.recorders)
        first = await self.console.open(self.cluster, self.settings)
        wanted = getattr(self.options, "target", "") or ""
        is_demo = self.options.command == "demo"
        return OpenConsole(
            self.console.control,
            first,
            wanted=wanted,
            is_demo=is_demo,
            contexts=self._contexts(),
            notes=self.notes,
        )

    def _contexts(self) -> Callable[[], Sequence[str]] | None:
        """Which others can be gone to: not from the lab, which has one."""
        if self.cluster is None or self.options.command == "lab":
            return None
        from collectors.cluster.api.connection import every_context

        return partial(every_context, self.options.kubeconfig)

    async def close(self) -> None:
        if self.console is not None:
            await _leave(self.console.control)
            await self.console.close()  # whatever was left: recorders end with it
        await self.recorders.finished()


async def _imported(screen: str) -> None:
    for name in ("cli.console_session", f"tui.screens.{screen}"):
        await asyncio.to_thread(import_module, name)


def _report(control: Controller, code: int) -> int:
    """Say where things are, and what is left; the exit code."""
    if control.captures.directory is not None:
        _say_what_was_captured(control.captures.directory)
    print_messages(control.left_behind)
    return LEFT_BEHIND if control.left_behind else code


def _say_what_was_captured(directory: Path) -> None:
    try:
        directory.rmdir()  # where nothing was
    except OSError:
        print_message(f"what was captured is in {directory}")


async def _connected(options: argparse.Namespace, lab: Path | None) -> Cluster:
    """Before the console owns the terminal: credential plugins may ask there."""
    from cli.cluster_options import connection_request
    from collectors.cluster.api.connection import ConnectionRequest, open_cluster

    if lab:
        return await open_cluster(ConnectionRequest(str(lab), namespace=options.namespace))
    return await open_cluster(connection_request(options))


async def _leave(control: Controller) -> None:
    """Remove what was added. One more Ctrl-C does not stop that: it says what it waits for; a
    second one does."""
    loop, leaving = asyncio.get_running_loop(), asyncio.ensure_future(control.close())
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGINT, _interrupts(leaving))
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, lambda: None)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.shield(leaving)


def _interrupts(leaving: asyncio.Future[None]) -> Callable[[], None]:
    """What each Ctrl-C does."""
    asked = 0

    def interrupted() -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            leaving.cancel()
            return
        print_message(
            "removing what was added to the cluster; Ctrl-C again leaves it to `podwire clean`"
        )

    return interrupted
