"""The product's verdicts beside the oracle's, over random clusters.

    python -m tests.oracles.compare [COUNT] [FIRST_SEED]

Prints what they disagree about with the cluster as YAML, and the counts; exits with 1 where they
disagree.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from collectors.cluster.inventory.row_builders import built
from collectors.events import SettingsRow
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import AT_MOST, PathVerdict
from diagnosis.reachability.end_names import EndFinder
from diagnosis.reachability.path import ask_ends
from tests.oracles.network_policy import Question, World
from tests.oracles.random_cluster import Maker

QUESTIONS = 20  # per cluster
SHOWN = 5  # disagreements that are printed in full
KINDS = {
    "nodes": "nodes",
    "namespaces": "namespaces",
    "pods": "pods",
    "services": "services",
    "slices": "endpointslices",
    "policies": "networkpolicies",
}


@dataclass(frozen=True)
class Disagreement:
    seed: int
    question: Question
    expected: str
    answer: PathVerdict
    world: World

    def text(self) -> str:
        items = [item for kind in KINDS for item in getattr(self.world, kind)]
        path = "\n".join(f"  {s.result} {s.what}: {s.reason}" for s in self.answer.path)
        return (
            f"--- seed {self.seed}: {self.question}\n"
            f"oracle {self.expected}, podwire {said(self.answer)}\n{path}\n"
            f"{yaml.safe_dump_all(items, sort_keys=False)}"
        )


def said(answer: PathVerdict) -> str:
    if answer.verdict == "unknown" or answer.share == AT_MOST:
        return "unknown"
    if answer.allowed:
        return "allowed"
    return "partly" if answer.partly else "denied"


def state_of(world: World) -> ClusterState:
    """As the inventory would have listed it, with a plugin whose blocks of addresses match pods and
    nodes: so does the oracle."""
    antrea = SettingsRow("antrea", "compare", ())
    rows: dict[str, list[Any]] = {"foreignpolicies": [], "networking": [antrea]}
    for name, kind in KINDS.items():
        rows[kind], broken = built(kind, getattr(world, name))
        assert not broken, f"{broken} of the {kind} could not be read"
    return ClusterState.of(rows)


def ask(state: ClusterState, question: Question) -> PathVerdict:
    finder = EndFinder(state, "shop", explicit=True)
    source = finder.find(question.source)
    destination = finder.find(question.destination, str(question.port))
    return ask_ends(state, source, destination, port=str(question.port), protocol=question.protocol)


def compared(
    count: int, first_seed: int, counts: Counter[tuple[str, str]]
) -> Iterator[Disagreement]:
    """`counts` is filled with (oracle, podwire)."""
    for seed in range(first_seed, first_seed + -(-count // QUESTIONS)):
        maker = Maker(random.Random(seed))
        world = maker.world()
        state = state_of(world)
        for _ in range(QUESTIONS):
            question = maker.question(world)
            expected, answer = world.answer(question), ask(state, question)
            counts[expected, said(answer)] += 1
            if said(answer) not in (expected, "unknown"):
                yield Disagreement(seed, question, expected, answer, world)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    began, wrong, counts = time.monotonic(), 0, Counter[tuple[str, str]]()
    for found in compared(count, first, counts):
        wrong += 1
        if wrong <= SHOWN:
            sys.stdout.write(found.text() + "\n")
    lines = [f"{n:>8,}  oracle {o:<8} podwire {p}" for (o, p), n in sorted(counts.items())]
    seconds = time.monotonic() - began
    lines.append(f"{sum(counts.values()):,} verdicts, {wrong} disagreements, {seconds:.0f} s")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
