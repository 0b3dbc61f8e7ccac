"""What captures on two nodes saw of a client's connections to a server."""

from __future__ import annotations

from collectors.events import (
    PodRow,
)
from diagnosis.snapshot import Conversation, Snapshot, TargetView

CLIENT = PodRow(
    "shop", "web", "u1", "n1", "10.244.1.5", "Running", "1/1", 0, 0.0, ips=("10.244.1.5",)
)


SERVER = PodRow(
    "shop", "db", "u2", "n2", "10.244.2.6", "Running", "1/1", 0, 0.0, ips=("10.244.2.6",)
)


SILENT = Conversation("TCP", CLIENT.ip, SERVER.ip, 5432, flows=9, unanswered=9)


ANSWERED = Conversation("TCP", CLIENT.ip, "10.244.2.9", 80, flows=9, answered=9)


def seen(first: Conversation | None, second: Conversation | None, **more: object) -> Snapshot:
    """What was captured on the client's node and on the server's; None: nothing of it."""
    views = tuple(
        TargetView(
            f"node/{name}",
            "node",
            name,
            0.0,
            "whole node",
            values={"x": 1},
            conversations=(ANSWERED, *([talk] if talk else [])),
        )
        for name, talk in (("n1", first), ("n2", second))
    )
    return Snapshot(0.0, views, (CLIENT, SERVER), **more)  # type: ignore[arg-type]
