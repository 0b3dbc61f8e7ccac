"""Clusters from manifests, and questions about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from collectors import manifests
from collectors.events import ForeignPolicyRow, PolicyRow, SettingsRow
from diagnosis.reachability import path
from diagnosis.reachability.blind_spots import NONE, BlindSpots, not_evaluated
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import PathVerdict
from diagnosis.reachability.end_names import EndFinder, EndRow, aliases_of
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_set import PolicySet
from diagnosis.reachability.verdicts import Verdict
from diagnosis.reachability.written_ends import asked_port


def cluster_of_files(files: Sequence[Path], blind: BlindSpots = NONE) -> ClusterState:
    found = manifests.read(files)
    rows: dict[str, list[Any]] = {**found.rows, "foreignpolicies": list(found.foreign)}
    spots = (*blind.spots, *not_evaluated(found.others))
    return ClusterState.of(rows, BlindSpots(spots))


def cluster_of_text(folder: Path, *texts: str) -> ClusterState:
    file = folder / "all.yaml"
    file.write_text("\n---\n".join(texts))
    return cluster_of_files([file])


def row_of(cluster: ClusterState, text: str, namespace: str = "", port: str = "") -> EndRow:
    return EndFinder(cluster, namespace).find(text, port).row


def ask(
    cluster: ClusterState, source: str, destination: str, port: str, namespace: str = ""
) -> PathVerdict:
    """As `podwire policy` asks."""
    asked = asked_port(port)
    end = EndFinder(cluster, namespace).find(source)
    return path.ask_ends(
        cluster,
        end,
        EndFinder(cluster, namespace, aliases=aliases_of(end)).find(destination, asked.port),
        port=asked.port,
        protocol=asked.protocol,
    )


def policy_set(
    rows: Iterable[PolicyRow] = (), foreign: Iterable[ForeignPolicyRow] = ()
) -> PolicySet:
    """With a plugin whose ipBlock matches every address."""
    return PolicySet.of(rows, foreign, settings=(SettingsRow("antrea", "test", ()),))


def verdict(
    source: Party, destination: Party, number: int, protocol: str, known: PolicySet
) -> Verdict:
    return known.verdict(source, destination, number, protocol)
