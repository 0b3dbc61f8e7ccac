"""An eBPF map of Cilium fills up.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import SettingsRow
from collectors.findings import Finding, Severity, Subject
from diagnosis.rule import CONVENTION, Rule, Threshold, level
from diagnosis.rules._agents import restart_daemonset
from diagnosis.snapshot import Snapshot

WARNING = Threshold("warning from", 80, "% of the map", CONVENTION)
CRITICAL = Threshold("critical from", 95, "%", CONVENTION)
RULE = Rule(
    id="cilium_map",
    title="A map of Cilium fills up: when it is full, entries or new connections are dropped",
    scope="node",
    stage="cause",
    inputs=("settings",),
    symptoms=("connect", "timeout", "load"),
    screen="node",
    thresholds=(WARNING, CRITICAL),
    false_friends=("the pressure falls by itself (garbage collection of entries)",),
    confidence="certain",
    fix_kind="shell",
    verify="cilium-dbg metrics list -p bpf_map_pressure",
)
PREFIX = "map pressure "
RATIO, DEFAULT_RATIO = "bpf-map-dynamic-size-ratio", 0.0025
# how the names of maps begin, and what makes their size: docs.cilium.io, eBPF Maps, and the chart
SIZES = (
    ("ct_any", "bpf-ct-global-any-max"),
    ("ct", "bpf-ct-global-tcp-max"),
    ("snat", "bpf-nat-global-max"),
    ("nat", "bpf-nat-global-max"),
    ("policy", "bpf-policy-map-max"),
    ("lb", "bpf-lb-map-max"),
)
DEFAULTS = {"bpf-policy-map-max": 16_384, "bpf-lb-map-max": 65_536}
FIXED = (
    "# its size is built in (docs.cilium.io, eBPF Maps): fewer entries is all that helps\n"
    "cilium-dbg map list --verbose"
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for row in snapshot.settings:
        if row.name == "cilium status":
            yield from _of_agent(snapshot, row)


def _of_agent(snapshot: Snapshot, row: SettingsRow) -> Iterator[Finding]:
    for name, value in row.values:
        if name.startswith(PREFIX):
            yield from _one(snapshot, name.removeprefix(PREFIX), value, row.source)


def _one(snapshot: Snapshot, table: str, value: str, agent: str) -> Iterator[Finding]:
    try:
        share = 100 * float(value)
    except ValueError:
        return
    if severity := level(share, WARNING, CRITICAL):
        yield _finding(snapshot, table, agent, severity, share)


def _finding(
    snapshot: Snapshot, table: str, agent: str, severity: Severity, share: float
) -> Finding:
    is_nat = "nat" in table and not table.startswith("lb")
    dropped = "new outgoing connections are dropped" if is_nat else "entries are dropped"
    return RULE.finding(
        subject=Subject(kind="cluster", name="Cilium", detail=table),
        severity=severity,
        title=f"Cilium's map {table} is {share:.0f} % full: when it is full, {dropped}",
        evidence=(snapshot.fact(f"cilium_bpf_map_pressure {share / 100:.2f}", agent, "one node"),),
        fix=_fix(snapshot, table),
    )


def _fix(snapshot: Snapshot, table: str) -> str:
    """Twice the setting that makes its size: its own where that is set or has a fixed default, else
    the share of the node's memory."""
    config = snapshot.setting("cilium")
    own = next((name for start, name in SIZES if table.startswith(start)), "")
    if not own:
        return FIXED
    size = config.get(own, "0").strip()
    usual = DEFAULTS.get(own, 0)
    if number := (int(size) if size.isdecimal() else 0) or usual:
        return _patch(snapshot, own, str(2 * number))
    try:
        share = float(config.get(RATIO, ""))
    except ValueError:
        share = 0.0
    return _patch(snapshot, RATIO, f"{2 * (share or DEFAULT_RATIO):g}")


def _patch(snapshot: Snapshot, setting: str, value: str) -> str:
    restart = restart_daemonset(snapshot, "cilium", "kube-system")
    namespace = restart.split()[2]
    return (
        f"kubectl -n {namespace} patch configmap cilium-config --type merge -p "
        f'\'{{"data":{{"{setting}":"{value}"}}}}\' && {restart}'
    )
