"""Which keys do something in a console: help and menu offer no others. Where a recording or a
capture is shown, or a session of somebody else, nothing can be written or run, and a key says so.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from collectors.frozen import frozen
from tui.actions import Action

if TYPE_CHECKING:  # the first frame waits for none of them
    from session.controller import Controller

OF_THE_OWNER = frozenset(
    {
        "cluster.clean",
        "cluster.local",
        "target.again",
        "target.guide",
        "target.capture",
        "compare.again",
        "app.share",
    }
)
OF_SHARING = frozenset({"app.people", "app.follow", "app.hand_over"})
RECORDED = {
    "target.filter": "filter as you type: words; ! in front excludes",
    "target.close": "close its tab",
    "target.back": "clear the filter; back to the cluster",
    "app.leave": "quit",
    "app.interrupt": "quit",
}


@frozen
class Offered:
    """`without` are places of the table of actions, and ids of actions, that do nothing here;
    `recorded`: what some others do with a recording."""

    without: Container[str] = ()
    recorded: bool = False

    def of(self, actions: tuple[Action, ...]) -> Iterator[Action]:
        for action in actions:
            if action.where in self.without or action.id in self.without:
                continue
            text = RECORDED.get(action.id, "") if self.recorded else ""
            yield replace(action, help=text) if text else action


def offered(control: Controller, lists_cluster: bool) -> Offered:
    """`lists_cluster`: there is a screen of the cluster to go back to."""
    is_joined = control.joined is not None
    recorded = not control.live and not is_joined
    without: set[str] = set()
    if not control.is_lab:
        without.add("lab")
    if control.replay is None:
        without.add("replay")
    if not lists_cluster:
        without |= {"cluster", "matrix"}
    if not control.live:
        without |= {*OF_THE_OWNER, "guide"}
    if recorded:
        without |= {*OF_SHARING, "people"}
    return Offered(without, recorded)
