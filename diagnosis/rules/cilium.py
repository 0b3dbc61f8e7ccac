"""What Cilium was asked to do and does not, and its maps.

Facts: docs/reference/mtu.md, docs/reference/failures.md #27.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from collectors.findings import Evidence, Finding, Subject
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot

FULL, FILLING = 0.95, 0.8  # of a map

# setting, what it asks for, the line of `cilium-dbg status`, and whether that line says it is so
Check = tuple[str, tuple[str, ...], str, Callable[[str], bool]]
CHECKS: tuple[Check, ...] = (
    ("routing-mode", ("native",), "Routing", lambda text: "Tunnel" not in text),
    (
        "kube-proxy-replacement",
        ("true", "strict"),
        "KubeProxyReplacement",
        lambda text: text.startswith(("True", "Strict")),
    ),
    (
        "enable-bpf-masquerade",
        ("true",),
        "Masquerading",
        lambda text: text.startswith(("BPF", "Disabled")),
    ),
    (
        "enable-bandwidth-manager",
        ("true",),
        "BandwidthManager",
        lambda text: not text.startswith("Disabled"),
    ),
    (
        "enable-ipv4-big-tcp",
        ("true",),
        "IPv4 BIG TCP",
        lambda text: not text.startswith("Disabled"),
    ),
    (
        "enable-ipv6-big-tcp",
        ("true",),
        "IPv6 BIG TCP",
        lambda text: not text.startswith("Disabled"),
    ),
    ("enable-host-legacy-routing", ("false",), "Routing", lambda text: "Host: Legacy" not in text),
    ("enable-wireguard", ("true",), "Encryption", lambda text: not text.startswith("Disabled")),
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    rows = {row.name: (dict(row.values), row.source) for row in snapshot.settings}
    asked, told = rows.get("cilium"), rows.get("cilium status")
    if asked and told:
        yield from _fallbacks(snapshot, *asked, *told)
    if told:
        yield from _maps(snapshot, *told)


def _fallbacks(
    snapshot: Snapshot, asked: dict[str, str], source: str, told: dict[str, str], agent: str
) -> Iterator[Finding]:
    for setting, wanted, line, holds in CHECKS:
        if asked.get(setting, "").lower() in wanted and line in told and not holds(told[line]):
            yield Finding(
                rule="cilium_fallback",
                severity="warning",
                subject=Subject(kind="cluster", name="Cilium", detail=setting),
                title=f"Cilium was asked for {setting} {asked[setting]} and does not do it: {line} is {told[line]}",
                evidence=(
                    Evidence(f"{setting}: {asked[setting]}", source, snapshot.at, "global setting"),
                    Evidence(f"{line}: {told[line]}", agent, snapshot.at, "one agent"),
                ),
                threshold="Cilium's own configuration",
                confidence="certain",
                disproof="the setting was changed and the agents were not restarted since",
                fix="kubectl -n kube-system rollout restart daemonset cilium  # then look for 'falling back' or 'disabled' in "
                "its log: the kernel or another setting forbids it",
                fix_kind="shell",
                verify=f"{line} of cilium-dbg status",
                screen="node",
            )


def _maps(snapshot: Snapshot, told: dict[str, str], agent: str) -> Iterator[Finding]:
    for name, value in told.items():
        try:
            share = float(value) if name.startswith("map pressure ") else 0.0
        except ValueError:
            continue
        if share < FILLING:
            continue
        table = name.removeprefix("map pressure ")
        nat = "nat" in table
        yield Finding(
            rule="cilium_map",
            severity="critical" if share >= FULL else "warning",
            subject=Subject(kind="cluster", name="Cilium", detail=table),
            title=f"Cilium's map {table} is {100 * share:.0f} % full: when it is full, "
            + ("new outgoing connections are dropped" if nat else "entries are dropped"),
            evidence=(
                Evidence(f"cilium_bpf_map_pressure {share:.2f}", agent, snapshot.at, "one node"),
            ),
            threshold=f"{100 * FILLING:g} and {100 * FULL:g} % are {CONVENTION}",
            confidence="certain",
            disproof="the pressure falls by itself (garbage collection of entries)",
            fix="kubectl -n kube-system patch configmap cilium-config --type merge -p "
            f'\'{{"data":{{"{"bpf-nat-global-max" if nat else "bpf-map-dynamic-size-ratio"}":'
            f'"{"1048576" if nat else "0.005"}"}}}}\' && kubectl -n kube-system rollout restart daemonset cilium',
            fix_kind="shell",
            verify="cilium-dbg metrics list -p bpf_map_pressure",
            screen="node",
        )
