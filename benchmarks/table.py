"""Figures as ratios within one run, median of five with the spread. Figures of different machines
or days do not compare; the ratios do."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

RUNS = 5


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as fast `ours` is as `theirs`; `bar` is the least that is wanted."""

    work: str
    against: str
    ratios: tuple[float, ...]
    bar: float
    detail: str = ""

    @property
    def reached(self) -> bool:
        return statistics.median(self.ratios) >= self.bar

    def row(self) -> str:
        low, high = min(self.ratios), max(self.ratios)
        median = statistics.median(self.ratios)
        mark = "yes" if self.reached else "NO"
        return (
            f"| {self.work} | {self.against} | {median:.2f} | {low:.2f}–{high:.2f} "
            f"| ≥ {self.bar:g} | {mark} | {self.detail} |"
        )


HEAD = (
    "| work | against | times as fast | spread | bar | reached | |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(
    work: str,
    against: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    bar: float,
    count: int = 0,
    unit: str = "",
) -> Ratio:
    """The two in turn, so that a machine that slows down slows both."""
    ours(), theirs()  # caches are warm for both
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(RUNS)]
    mine = statistics.median(first for first, _ in pairs)
    detail = f"{count / mine:,.0f} {unit}/s here" if count else ""
    return Ratio(work, against, tuple(other / first for first, other in pairs), bar, detail)


def program(*argv: str) -> Callable[[], object]:
    def run() -> None:
        subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)

    return run


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that must not be over its bar, in `unit`; the smaller the better."""

    work: str
    value: float
    bar: float
    unit: str
    detail: str = ""

    def row(self) -> str:
        mark = "yes" if self.value <= self.bar else "NO"
        return (
            f"| {self.work} | {self.value:.3g} {self.unit} | ≤ {self.bar:g} {self.unit} "
            f"| {mark} | {self.detail} |"
        )


FIGURES_HEAD = "| work | seen | bar | reached | |\n| --- | --- | --- | --- | --- |"
