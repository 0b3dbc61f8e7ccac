"""How a console joins a session that is shared."""

from __future__ import annotations

import asyncio

from collectors.errors import ConfigError
from session.controller import Controller
from session.share.links import SessionLink
from session.share.viewer_source import ViewerSource


async def joined(control: Controller, link: SessionLink) -> ViewerSource:
    """The state is there. ConfigError where the session is not reached, or does not let in."""
    source = control.joined = ViewerSource(link, control)
    control.live = control.diagnosis.enabled = False
    control.start()
    control.tasks.watch(source.start())
    waiting = {asyncio.create_task(work) for work in (source.ready.wait(), source.finished())}
    _, others = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    if not source.ready.is_set():
        raise ConfigError(source.message)
    return source
