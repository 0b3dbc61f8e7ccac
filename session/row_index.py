"""One kind of the inventory as lists read it: rows in order, found by words, at a cost that does
not grow with each draw.

Ten thousand rows change a few at a time, so order, searchable text and counts are kept, not
computed at each draw.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

from collectors.events import ForeignPolicyRow, NodeRow, PodRow, Row, ServiceRow

Key = tuple[str, str]  # namespace, name


def key_of(row: Row) -> Key:
    """Of one kind no two rows have the same; policies of several APIs are one kind here."""
    if isinstance(row, ForeignPolicyRow):
        return row.namespace, f"{row.object_kind}.{row.group}/{row.name}"
    return row.namespace, row.name


def searchable(row: Row) -> str:
    """What the words of a filter are looked for in."""
    if isinstance(row, PodRow):
        return f"{row.namespace}/{row.name} {row.node} {row.ip} {row.phase}".lower()
    if isinstance(row, NodeRow):
        return f"{row.name} {row.address} {row.zone}".lower()
    if isinstance(row, ServiceRow):
        return f"{row.namespace}/{row.name} {' '.join(row.ips)} {' '.join(row.ports)}".lower()
    return f"{row.namespace}/{row.name}".lower()


class RowIndex:
    """Rows of one kind by namespace and name."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._rows: dict[Key, Row] = {key_of(row): row for row in rows}
        self._order: list[Key] = sorted(self._rows)
        self._texts: dict[Key, str] = {}  # made when first searched
        self._counts: dict[str, int] = {}
        for namespace, _ in self._order:
            self._counts[namespace] = self._counts.get(namespace, 0) + 1

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, namespace: str, name: str) -> Row | None:
        return self._rows.get((namespace, name))

    def put(self, row: Row) -> None:
        key = key_of(row)
        if key not in self._rows:
            insort(self._order, key)
            self._counts[row.namespace] = self._counts.get(row.namespace, 0) + 1
        self._rows[key] = row
        self._texts.pop(key, None)

    def remove(self, row: Row) -> None:
        key = key_of(row)
        if self._rows.pop(key, None) is None:
            return
        del self._order[bisect_left(self._order, key)]
        self._texts.pop(key, None)
        left = self._counts[row.namespace] - 1
        if left:
            self._counts[row.namespace] = left
        else:
            del self._counts[row.namespace]

    @property
    def counts(self) -> dict[str, int]:
        """Rows per namespace."""
        return self._counts

    def rows(self, namespace: str = "", words: str = "") -> list[Row]:
        """The rows of a namespace ('' for all) in which every word occurs; one with ! in front
        must not occur."""
        order: Sequence[Key] = self._order
        if namespace:
            first = bisect_left(order, (namespace, ""))
            order = order[first : bisect_left(order, (namespace + "\0", ""))]
        for word in words.lower().split():
            wanted, needle = not word.startswith("!"), word.lstrip("!")
            if needle:
                order = [key for key in order if (needle in self._text(key)) == wanted]
        rows = self._rows
        return [rows[key] for key in order]

    def _text(self, key: Key) -> str:
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = searchable(self._rows[key])
        return text
