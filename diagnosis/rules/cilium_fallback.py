"""Cilium does not do what its configuration asks for.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from collectors.findings import Finding, Subject
from collectors.frozen import frozen
from diagnosis.rule import Rule
from diagnosis.rules._agents import restart_daemonset
from diagnosis.snapshot import Snapshot

FIX = (
    "{restart}  # if it stays, its log has 'falling back' or 'disabled': the kernel or another "
    "setting forbids it"
)
RULE = Rule(
    id="cilium_fallback",
    title="Cilium was asked for a feature and does not use it",
    scope="cluster",
    stage="cause",
    inputs=("settings",),
    symptoms=("slow", "nodes"),
    screen="node",
    criterion="cilium-config against cilium-dbg status",
    false_friends=(
        "the setting was changed and the agents were not restarted since",
        "what the feature needs was not asked for",
    ),
    confidence="certain",
    fix=FIX,
    fix_kind="shell",
    verify="{line} of cilium-dbg status",
)

ON = ("true", "strict")


@frozen
class Check:
    """`line` of `cilium-dbg status` must satisfy `holds` where the `setting` is one of `wanted`.
    Settings that it `needs` are on, else nobody asked: charts write some by themselves."""

    setting: str
    wanted: tuple[str, ...]
    line: str
    holds: Callable[[str], bool]
    needs: tuple[str, ...] = ()

    def fails(self, asked: Mapping[str, str], line: str) -> bool:
        is_asked = asked.get(self.setting, "").lower() in self.wanted
        is_possible = all(asked.get(name, "").lower() in ON for name in self.needs)
        return is_asked and is_possible and not self.holds(line)


def _enabled(text: str) -> bool:
    return not text.startswith("Disabled")


CHECKS = (
    Check("routing-mode", ("native",), "Routing", lambda text: "Tunnel" not in text),
    Check(
        "kube-proxy-replacement",
        ON,
        "KubeProxyReplacement",
        lambda text: text.startswith(("True", "Strict")),
    ),
    Check(
        "enable-bpf-masquerade",
        ("true",),
        "Masquerading",
        lambda text: text.startswith(("BPF", "Disabled")),
    ),
    Check("enable-bandwidth-manager", ("true",), "BandwidthManager", _enabled),
    Check("enable-ipv4-big-tcp", ("true",), "IPv4 BIG TCP", _enabled),
    Check("enable-ipv6-big-tcp", ("true",), "IPv6 BIG TCP", _enabled),
    Check(
        "enable-host-legacy-routing",
        ("false",),
        "Routing",
        lambda text: "Host: Legacy" not in text,
        # docs.cilium.io, Tuning Guide, eBPF Host-Routing: requirements
        needs=("kube-proxy-replacement", "enable-bpf-masquerade"),
    ),
    Check("enable-wireguard", ("true",), "Encryption", _enabled),
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    rows = {row.name: row for row in snapshot.settings}
    config, status = rows.get("cilium"), rows.get("cilium status")
    if config is None or status is None:
        return
    asked, actual = dict(config.values), dict(status.values)
    for check in CHECKS:
        value, line = asked.get(check.setting, ""), actual.get(check.line)
        if line is None or not check.fails(asked, line):
            continue
        yield RULE.finding(
            subject=Subject(kind="cluster", name="Cilium", detail=check.setting),
            title=f"Cilium was asked for {check.setting} {value} and does not do it: "
            f"{check.line} is {line}",
            evidence=(
                snapshot.fact(f"{check.setting}: {value}", config.source, "global setting"),
                snapshot.fact(f"{check.line}: {line}", status.source, "one agent"),
            ),
            line=check.line,
            restart=restart_daemonset(snapshot, "cilium", "kube-system"),
        )
