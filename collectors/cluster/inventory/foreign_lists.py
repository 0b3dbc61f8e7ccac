"""The lists of several kinds of policies as one list on the stream."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from collectors.cluster.inventory.foreign_policies import KIND
from collectors.cluster.inventory.watch import ListedRows
from collectors.events import InventoryChange, InventoryList, Row
from collectors.stream import Stream


@dataclass(slots=True)
class OneList:
    """What is known of one kind. `rows` by namespace and name."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    namespace: str = ""  # the only one that was listed
    refused: str = ""
    answered: bool = False


class ForeignPolicyLists:
    """Publishes once each of `names` was listed or refused, and at each change after that.

    `unknown` says why there may be kinds that discovery did not show.
    """

    def __init__(self, session: Stream, names: Sequence[str], unknown: str) -> None:
        self.session = session
        self.unknown = unknown
        self._lists = {name: OneList() for name in names}
        self._publish()

    def listed(self, name: str, listed: ListedRows) -> None:
        by_name = {(row.namespace, row.name): row for row in listed.rows}
        missing = f"{name}: {listed.missing}" if listed.missing else ""
        self._lists[name] = OneList(by_name, listed.namespace, missing, answered=True)
        self._publish()

    def refused(self, name: str, reason: str) -> None:
        self._lists[name] = OneList(refused=reason, answered=True)
        self._publish()

    def changed(self, name: str, verb: str, row: Row) -> None:
        key = (row.namespace, row.name)
        if verb == "DELETED":
            self._lists[name].rows.pop(key, None)
        else:
            self._lists[name].rows[key] = row
        if self._complete:
            change = cast(Literal["ADDED", "MODIFIED", "DELETED"], verb)
            self.session.publish(InventoryChange(time.time(), "", change, row))

    @property
    def _complete(self) -> bool:
        return all(one.answered for one in self._lists.values())

    def _publish(self) -> None:
        if not self._complete:
            return
        lists = self._lists.values()
        reasons = [self.unknown, *(one.refused for one in lists)]
        event = InventoryList(
            time.time(),
            "",
            KIND,
            tuple(row for one in lists for row in one.rows.values()),
            refused=" ".join(dict.fromkeys(reason for reason in reasons if reason)),
            namespace=next((one.namespace for one in lists if one.namespace), ""),
        )
        self.session.publish(event)
