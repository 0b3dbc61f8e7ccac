"""Opens the console on a cluster, the lab, this machine or a recording, and leaves it cleanly."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import themes
from cli import config
from cli.exit_codes import LEFT_BEHIND
from cli.messages import print_message
from collectors.errors import ConfigError
from collectors.sanitize import sanitize
from collectors.terminal_owner import TerminalOwner
from tui.app import OpenConsole, PodwireApp

if TYPE_CHECKING:  # the first frame waits for none of them
    from cli.console_session import ConsoleSession
    from collectors.cluster.api.connection import Cluster
    from collectors.recording.event_log import Recorder
    from session.controller import Controller

NAMES = {"local": "this machine", "pcap": "capture files", "replay": "a recording"}


def console(options: argparse.Namespace) -> int:
    settings_of = config.load(options.config)
    theme = _theme(options, settings_of)
    if options.command != "lab":
        return asyncio.run(_run(options, settings_of, theme, None))
    from lab.supervisor import Lab

    known = Lab(options.fault)
    known.start(lambda text: print_message(f"lab: {text}"))
    try:
        return asyncio.run(_run(options, settings_of, theme, known.kubeconfig))
    finally:
        known.stop()


def _theme(options: argparse.Namespace, settings_of: config.Config) -> str:
    names = themes.names()
    chosen = str(getattr(options, "theme", "") or settings_of.theme or themes.DEFAULT)
    if chosen not in names:
        raise ConfigError(f"There is no theme {sanitize(chosen, 40)!r}. Known: {', '.join(names)}")
    return chosen


async def _run(
    options: argparse.Namespace, settings_of: config.Config, theme: str, lab: Path | None
) -> int:
    on_cluster = options.command in (None, "lab")
    imported = (
        asyncio.create_task(_imported("cluster")) if on_cluster else None
    )  # while the server answers
    cluster = await _connected(options, lab) if on_cluster else None
    settings = settings_of.settings(options, cluster.context) if cluster else None
    recorder = _recorder(options)
    console: ConsoleSession | None = None

    async def opening() -> OpenConsole:
        nonlocal console
        await (imported or _imported("target"))
        from cli.console_session import ConsoleSession

        console = ConsoleSession(options, recorder)
        return OpenConsole(console.control, await console.open(cluster, settings))

    app = PodwireApp(opening, cluster.context if cluster else NAMES.get(options.command, ""), theme)
    TerminalOwner.ours = True
    try:
        await app.run_async(mouse=_wants_mouse(options))
    finally:
        TerminalOwner.ours = False
        if console is not None:
            await _leave(console.control)
            await console.recorded()
        elif recorder is not None:
            recorder.close()
    if app.failed is not None:
        raise app.failed
    code = app.return_code or 0
    return _report(console.control, code) if console is not None else code


async def _imported(screen: str) -> None:
    for name in ("cli.console_session", f"tui.screens.{screen}"):
        await asyncio.to_thread(import_module, name)


def _report(control: Controller, code: int) -> int:
    """Say where things are, and what is left; the exit code."""
    if control.captures.directory is not None:
        try:
            control.captures.directory.rmdir()  # where nothing was captured
        except OSError:
            print_message(f"what was captured is in {control.captures.directory}")
    for text in control.left_behind:
        print_message(text)
    return LEFT_BEHIND if control.left_behind else code


async def _connected(options: argparse.Namespace, lab: Path | None) -> Cluster:
    """Before the console owns the terminal: credential plugins may ask there."""
    from cli.cluster_options import connection_request
    from collectors.cluster.api.connection import ConnectionRequest, open_cluster

    return await open_cluster(
        ConnectionRequest(str(lab), namespace=options.namespace)
        if lab
        else connection_request(options)
    )


async def _leave(control: Controller) -> None:
    """Remove what was added. One more Ctrl-C does not stop that: it says what it waits for; a
    second one does."""
    loop, leaving = asyncio.get_running_loop(), asyncio.ensure_future(control.close())
    asked = 0

    def interrupted() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            print_message(
                "removing what was added to the cluster; Ctrl-C again leaves it to `podwire clean`"
            )
        else:
            leaving.cancel()

    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGINT, interrupted)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, lambda: None)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.shield(leaving)


def _wants_mouse(options: argparse.Namespace) -> bool:
    """Off where people select text with the terminal: in tmux and over SSH."""
    shared = os.environ.get("TMUX") or os.environ.get("SSH_CONNECTION")
    return bool(getattr(options, "mouse", False)) or not shared


def _recorder(options: argparse.Namespace) -> Recorder | None:
    if getattr(options, "record", None) is None:
        return None
    from collectors.recording.event_log import Recorder

    try:
        return Recorder(options.record)
    except OSError as error:
        raise ConfigError(
            f"The recording {options.record} cannot be written: {error.strerror}."
        ) from None
