"""Opens the console on a cluster, the lab, this machine or a recording, and leaves it cleanly."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import themes
from collectors.errors import ConfigError
from collectors.safe import safe
from collectors.session import Session
from collectors.terminal import Terminal
from tui import config
from tui.app import PodwireApp
from tui.control import Control
from tui.exits import LEFT_BEHIND, tell
from tui.store import Store

if TYPE_CHECKING:  # each way to begin imports what it needs: the first frame waits for it
    from collectors.recording.log import Recorder


def console(options: argparse.Namespace) -> int:
    settings_of = config.load(options.config)
    theme = _theme(options, settings_of)
    if options.command != "lab":
        return asyncio.run(_run(options, settings_of, theme, None))
    from lab.supervisor import Lab

    known = Lab(options.fault)
    known.start(lambda text: tell(f"lab: {text}"))
    try:
        return asyncio.run(_run(options, settings_of, theme, known.kubeconfig))
    finally:
        known.stop()


def _theme(options: argparse.Namespace, settings_of: config.Config) -> str:
    names = [theme.name for theme in themes.all_themes()]
    chosen = str(getattr(options, "theme", "") or settings_of.theme or themes.DEFAULT)
    if chosen not in names:
        raise ConfigError(f"There is no theme {safe(chosen, 40)!r}. Known: {', '.join(names)}")
    return chosen


async def _run(options: argparse.Namespace, settings_of: config.Config, theme: str, lab: Path | None) -> int:
    session, store = Session(), Store()
    control = Control(store, session, capture_at_once=not options.no_capture)
    recording = _record(options, session)
    first = ""
    if options.command == "local":
        first = control.watch_this_machine()
    elif options.command == "pcap":
        control.live = False
        keys = [control.watch_file(path) for path in options.files]
        first = keys[0]
        for key in keys:
            control.open_tab(key)
    elif options.command == "replay":
        first = _replay(options.file, store, control)
    else:
        await _open_cluster(options, settings_of, control, lab)
    app = PodwireApp(store, control, first, theme)
    Terminal.ours = True
    try:
        await app.run_async(mouse=_wants_mouse(options))
    finally:
        Terminal.ours = False
        await _leave(control)
        if recording is not None:
            await recording
    if control.kept is not None:
        try:
            control.kept.rmdir()  # where nothing was captured
        except OSError:
            tell(f"what was captured is in {control.kept}")
    for text in control.left_behind:
        tell(text)
    code = app.return_code or 0
    return LEFT_BEHIND if control.left_behind else code


async def _open_cluster(
    options: argparse.Namespace, settings_of: config.Config, control: Control, lab: Path | None
) -> None:
    from collectors.cluster.access import Wanted, open_cluster
    from collectors.recording.journal import Journal
    from tui.clustercommands import wanted
    from tui.files import journal_path

    asked = Wanted(str(lab), namespace=options.namespace) if lab else wanted(options)
    cluster = await open_cluster(asked)  # credential plugins may ask on the terminal, which is still theirs
    journal = None if lab else Journal(journal_path())  # the lab goes, and all in it
    settings = settings_of.settings(options, cluster.context)
    control.open(cluster, is_lab=lab is not None, settings=settings, journal=journal)


async def _leave(control: Control) -> None:
    """Take away what was added. One more Ctrl-C does not stop that: it says what it waits for; a second one does."""
    loop, leaving = asyncio.get_running_loop(), asyncio.ensure_future(control.close())
    asked = 0

    def interrupted() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            tell("removing what was added to the cluster; Ctrl-C again leaves it to `podwire clean`")
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


def _replay(path: Path, store: Store, control: Control) -> str:
    if not path.is_file():
        raise ConfigError(f"There is no recording at {path}.")
    from collectors.recording.log import read

    control.live = False
    for event in read(path):
        store.apply(event)
    return next((key for key in store.targets if key.startswith(("pod/", "local/"))), "")


def _record(options: argparse.Namespace, session: Session) -> asyncio.Task[None] | None:
    path = getattr(options, "record", None)
    if path is None:
        return None
    from collectors.recording.log import Recorder

    try:
        recorder = Recorder(path)
    except OSError as error:
        raise ConfigError(f"The recording {path} cannot be written: {error.strerror}.") from None
    return asyncio.create_task(_keep_recording(recorder, session))


async def _keep_recording(recorder: Recorder, session: Session) -> None:
    subscription = session.subscribe(65_536)
    with contextlib.closing(recorder):
        async for batch in subscription.batches():
            await asyncio.to_thread(recorder.write, batch)
