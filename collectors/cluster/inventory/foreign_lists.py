"""The lists of several kinds of policies as one list on the stream."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from collectors.cluster.inventory.watch import ListedRows
from collectors.events import InventoryChange, InventoryList, Row
from collectors.stream import Stream

Verb = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(slots=True)
class OneList:
    """What is known of one kind. `rows` by namespace and name."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)
    namespace: str = ""  # the only one that was listed
    refused: str = ""
    answered: bool = False


class ForeignPolicyLists:
    """Publishes, as a list of `kind`, once each of `names` was listed or refused, and at each
    change after that.

    `unknown` says why there may be kinds that discovery did not show.
    """

    def __init__(self, session: Stream, kind: str, names: Sequence[str], unknown: str) -> None:
        self.session = session
        self.kind = kind
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
        rows, key = self._lists[name].rows, (row.namespace, row.name)
        if verb == "DELETED":
            rows.pop(key, None)
        else:
            rows[key] = row
        if self._complete:
            self._publish_change(cast(Verb, verb), row)

    def _publish_change(self, verb: Verb, row: Row) -> None:
        self.session.publish(InventoryChange(time.time(), "", verb, row))

    @property
    def _complete(self) -> bool:
        return all(one.answered for one in self._lists.values())

    def _publish(self) -> None:
        if not self._complete:
            return
        lists = self._lists.values()
        rows = tuple(row for one in lists for row in one.rows.values())
        namespace = next((one.namespace for one in lists if one.namespace), "")
        event = InventoryList(
            time.time(), "", self.kind, rows, self._refusals(), namespace=namespace
        )
        self.session.publish(event)

    def _refusals(self) -> str:
        reasons = [self.unknown, *(one.refused for one in self._lists.values())]
        return " ".join(dict.fromkeys(filter(None, reasons)))
