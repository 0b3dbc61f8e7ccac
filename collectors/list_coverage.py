"""How much of a kind's objects is known: a verdict over some of them would be a guess."""

from __future__ import annotations

from typing import Literal

from collectors.frozen import frozen

LISTS = "cluster"  # the key of the target whose state is that of the lists
CoverageState = Literal["complete", "namespace", "refused", "pending"]


@frozen
class ListCoverage:
    """`complete`; `namespace`: of one namespace only, which `detail` names; `refused`: some or all
    may not be listed, `detail` says why; `pending`: not listed yet, `detail` says why where it is
    known."""

    kind: str
    state: CoverageState
    detail: str = ""

    @property
    def complete(self) -> bool:
        return self.state == "complete"

    def covers(self, namespace: str) -> bool:
        """Whether all objects of a namespace are known."""
        return self.complete or (self.state == "namespace" and self.detail == namespace)

    @property
    def reason(self) -> str:
        """Why something may be missing, a sentence's end; '' where nothing is."""
        if self.state == "namespace":
            return f"{self.kind} are listed in the namespace {self.detail} only"
        if self.state == "refused":
            return f"{self.kind} are not all known: {self.detail}"
        if self.state == "pending":
            return f"{self.kind} are not listed yet{f': {self.detail}' if self.detail else ''}"
        return ""
