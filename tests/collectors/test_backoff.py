"""What is connected again, what is not, and what is done between."""

from __future__ import annotations

import pytest

from collectors import backoff
from collectors.backoff import Backoff, keep_connected
from collectors.errors import CaptureError, ClusterError, PodwireError, TargetGone


class Remote:
    """Connections that break on demand: each a reason, None for an end."""

    def __init__(self, *ends: PodwireError | None) -> None:
        self.ends = list(ends)
        self.calls: list[str] = []
        self.waits: list[float] = []

    async def connect(self) -> PodwireError | None:
        self.calls.append("connect")
        return self.ends.pop(0)

    async def clean_up(self) -> None:
        self.calls.append("clean up")

    def gap(self, error: PodwireError, wait: float) -> None:
        self.waits.append(wait)

    async def keep(self, alive: backoff.Check | None = None) -> None:
        await keep_connected(self.connect, alive=alive, on_gap=self.gap, clean_up=self.clean_up)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(seconds: float) -> None:
        return None

    monkeypatch.setattr("collectors.backoff.asyncio.sleep", at_once)


async def test_until_it_ends_with_doubling_waits() -> None:
    remote = Remote(*[CaptureError("broke")] * 6, None)
    await remote.keep()
    assert remote.calls == ["connect", "clean up"] * 6 + ["connect"]
    first, *others = remote.waits
    assert 0.5 <= first <= 0.6 and 7.5 < others[-1] <= 15.0 * 1.2


async def test_never_sooner_than_the_server_asked_for() -> None:
    busy = ClusterError("429")
    busy.retry_after = 7.0
    remote = Remote(busy, None)
    await remote.keep()
    assert 7.0 <= remote.waits[0] <= 7.0 * 1.2


async def test_not_where_the_target_is_gone() -> None:
    async def gone() -> None:
        raise TargetGone("The pod ended.")

    remote = Remote(CaptureError("broke"))
    with pytest.raises(TargetGone):
        await remote.keep(gone)
    assert remote.calls == ["connect"]


async def test_where_nobody_can_say_it_is_tried_again() -> None:
    async def no_answer() -> None:
        raise ClusterError("The API server does not answer.")

    remote = Remote(CaptureError("broke"), None)
    await remote.keep(no_answer)
    assert remote.calls == ["connect", "clean up", "connect"]


def test_jitter_and_a_longest_wait() -> None:
    one = Backoff(first=1.0, longest=4.0)
    waits = [one.next() for _ in range(20)]
    assert all(4.0 <= wait <= 4.0 * 1.2 for wait in waits[3:]) and len(set(waits)) == 20
    one.reset()
    assert one.next() <= 1.2
