"""Accept queues that were never shorter than before for a while."""

from __future__ import annotations

from collectors.frozen import frozen


@frozen
class AcceptQueue:
    """The listeners of a port whose longest accept queue was never shorter than before through
    `seconds`: `before` connections waited at first, `waiting` wait now, of `limit`; `emptied`
    listeners of the same port have none waiting."""

    port: int
    listeners: int
    emptied: int
    waiting: int
    before: int
    limit: int
    seconds: float
