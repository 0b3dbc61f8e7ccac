"""Live sources that need a session: pods and nodes, to which something is attached, and this
machine."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from collectors.errors import TargetGone
from collectors.source import Source
from collectors.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from collectors.backoff import Check
    from collectors.cluster.attach.attacher import Attachment
    from collectors.cluster.attach.planner import Offer
    from collectors.command_runner import Runner
    from session.engine import Engine


class AttachedSource(Source):
    """A pod or a node: attach by the offer, or as well as can be, and sample until the target goes.

    `on_attached` is called once, when `runner` and `attachment` are there.
    """

    def __init__(
        self,
        target: Target,
        engine: Engine,
        offer: Offer | None = None,
        on_attached: Callable[[AttachedSource], None] | None = None,
    ) -> None:
        super().__init__(target.key, engine.stream)
        self.target = target
        self.runner: Runner | None = None
        self.attachment: Attachment | None = None
        self._engine = engine
        self._offer = offer
        self._on_attached = on_attached

    async def run(self) -> None:
        from collectors.target_sampler import TargetSampler

        try:
            await self._attach()
        except TargetGone as error:
            self.fail(str(error), "gone")
            return
        assert self.runner is not None
        if self._on_attached is not None:
            self._on_attached(self)
        await TargetSampler(self.target, self.runner, self.stream, self.alive).run()

    async def _attach(self) -> None:
        self.report("attaching", "asking the API server")
        cluster = self._engine.require_cluster()
        self.attachment = attachment = await cluster.attach(
            self.target, self._offer, lambda text: self.report("attaching", text)
        )
        self.runner = attachment.runner(cluster.cluster)
        if attachment.cost:
            self.report("attaching", f"{attachment.level}: {attachment.cost}")

    @property
    def alive(self) -> Check | None:
        """Raises TargetGone once the target is; None before anything is attached."""
        attachment, cluster = self.attachment, self._engine.cluster
        if attachment is None or cluster is None:
            return None
        return lambda: cluster.check_alive(attachment)


class LocalSource(Source):
    """This machine; its collectors import slowly, and wait for the first frame."""

    def __init__(self, target: Target, engine: Engine) -> None:
        super().__init__(target.key, engine.stream)
        self.target = target
        self._engine = engine

    async def run(self) -> None:
        await self._engine.painted.wait()
        local = await asyncio.to_thread(import_module, "collectors.kernel.local")
        await local.watch(self.stream, self.target)
