"""Packages that bring rules, as they are once installed: modules, and a .dist-info beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from textwrap import dedent

from diagnosis import RULES_GROUP

ROOT = Path(__file__).parent.parent.parent
RULE = """
from diagnosis.api import CONVENTION, Rule, Snapshot, Threshold

FULL = Threshold("from", 50, "% of the table", CONVENTION)
RULE = Rule(
    id="{name}",
    title="The table is more than our limit allows",
    scope="node",
    stage="advice",
    inputs=("conntrack_count", "conntrack_max"),
    symptoms=("load",),
    screen="conntrack",
    thresholds=(FULL,),
    false_friends=("the limit is about to be raised",),
    fix="Ask the team that owns the node",
    verify="conntrack -C",
)


def evaluate(snapshot: Snapshot):
    for node in snapshot.of_kind("node"):
        count, limit = (node.values.get(f"conntrack_{{one}}", 0) for one in ("count", "max"))
        if limit and 100 * count / limit >= FULL.value:
            fact = node.fact(f"{{count:,}} of {{limit:,}} entries", "conntrack")
            yield RULE.finding(subject=node.subject, evidence=(fact,))
"""


def rule(name: str) -> str:
    """The source of a rule that finds conntrack tables that are 50 % full."""
    return RULE.format(name=name)


def install(place: Path, modules: Mapping[str, str], name: str = "acme-rules") -> Path:
    """A package whose modules are rules, each under its own name."""
    package = name.replace("-", "_")
    for module, text in {"__init__": "", **modules}.items():
        path = place / package / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    about = place / f"{package}-1.0.dist-info"
    about.mkdir()
    about.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = "".join(f"{module} = {package}.{module}\n" for module in modules)
    about.joinpath("entry_points.txt").write_text(f"[{RULES_GROUP}]\n{points}")
    return place


def points_in(*places: Path) -> list[EntryPoint]:
    """Of the packages of these places alone."""
    found = distributions(path=list(map(str, places)))
    return [point for one in found for point in one.entry_points if point.group == RULES_GROUP]


def run_with(
    place: Path, *arguments: str, module: str = "cli.main"
) -> subprocess.CompletedProcess[str]:
    """Podwire, or another module, in a process of its own, where the packages of that place are
    installed."""
    path = os.pathsep.join((str(place), str(ROOT)))
    environment = {**os.environ, "PYTHONPATH": path, "XDG_CONFIG_HOME": str(place / "config")}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=place,
        env=environment,
        check=False,
    )
