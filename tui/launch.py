"""Opens the console on a cluster, the lab, this machine or a recording, and leaves it cleanly."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
from pathlib import Path

import themes
from collectors.cluster.access import connect
from collectors.errors import ConfigError
from collectors.recording.log import Recorder, read
from collectors.session import Session
from lab.supervisor import Lab
from tui.app import PodwireApp
from tui.control import Control
from tui.exits import LEFT_BEHIND, tell
from tui.store import Store


def console(options: argparse.Namespace) -> int:
    _check_theme(options)
    if options.command != "lab":
        return asyncio.run(_run(options, None))
    known = Lab(options.fault)
    known.start(lambda text: tell(f"lab: {text}"))
    try:
        return asyncio.run(_run(options, known.kubeconfig))
    finally:
        known.stop()


def _check_theme(options: argparse.Namespace) -> None:
    names = [theme.name for theme in themes.all_themes()]
    if getattr(options, "theme", names[0]) not in names:
        raise ConfigError(f"There is no theme {options.theme!r}. Known: {', '.join(names)}")


async def _run(options: argparse.Namespace, lab_kubeconfig: Path | None) -> int:
    session, store = Session(), Store()
    control = Control(store, session, image=options.image, capture_at_once=not options.no_capture)
    recording = _record(options, session)
    first = ""
    if options.command == "local":
        from collectors.kernel import local

        where = local.target()
        first = where.key
        control.watch_local(where, local.watch(session, where))
    elif options.command == "replay":
        first = _replay(options.file, store, control)
    else:
        namespace = "" if options.all_namespaces else options.namespace
        config = str(lab_kubeconfig) if lab_kubeconfig else options.kubeconfig
        control.open(await connect(config, options.context, namespace), is_lab=lab_kubeconfig is not None)
    app = PodwireApp(store, control, first, getattr(options, "theme", themes.DEFAULT))
    try:
        await app.run_async(mouse=_wants_mouse(options))
    finally:
        await control.close()
        if recording is not None:
            await recording
    for text in control.left_behind:
        tell(text)
    code = app.return_code or 0
    return code if code or not control.left_behind else LEFT_BEHIND


def _wants_mouse(options: argparse.Namespace) -> bool:
    """Off where people select text with the terminal: in tmux and over SSH."""
    shared = os.environ.get("TMUX") or os.environ.get("SSH_CONNECTION")
    return bool(getattr(options, "mouse", False)) or not shared


def _replay(path: Path, store: Store, control: Control) -> str:
    if not path.is_file():
        raise ConfigError(f"There is no recording at {path}.")
    control.live = False
    for event in read(path):
        store.apply(event)
    return next((key for key in store.targets if key.startswith(("pod/", "local/"))), "")


def _record(options: argparse.Namespace, session: Session) -> asyncio.Task[None] | None:
    path = getattr(options, "record", None)
    if path is None:
        return None
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
