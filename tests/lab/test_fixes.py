"""Every fix that is a file, an object or a command is accepted by what reads it: sysctl in a namespace, the API server's
dry run, a shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from collectors.events import PolicyRow, RuleCount, ServicePort, ServiceRow
from collectors.findings import Finding
from diagnosis import rules
from diagnosis.reachability import policy_proposal
from diagnosis.snapshot import Snapshot
from lab.supervisor import Lab
from tests.diagnosis.rules.test_cross_zone import crossing
from tests.diagnosis.test_rules import FIRES
from tests.support import network_snapshots as modes, policy_snapshots as gaps
from tests.support.lab_client import Client, client_of
from tests.support.snapshots import API, NODE, OTHER, POD, found, pod, talk

MERGE = "application/strategic-merge-patch+json"
PATHS = {
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies",
    "deployment": "/apis/apps/v1/namespaces/shop/deployments/backend",
    "service": "/api/v1/namespaces/shop/services/backend",
}


def findings() -> Iterator[Finding]:
    """Those of every rule's own case, of policies, and of networks that are set up otherwise."""
    for _, target, more in FIRES:
        yield from found(target, **more).values()
    yield from filter(None, [crossing()])
    cut = PolicyRow("shop", "locked", '{"podSelector":{},"policyTypes":["Egress"]}')
    dns = ServiceRow(
        "kube-system",
        "kube-dns",
        ("10.96.0.10",),
        ("53/UDP",),
        "ClusterIP",
        (("k8s-app", "kube-dns"),),
        (ServicePort("dns", 53, "UDP", "53"),),
    )
    server = replace(
        API,
        namespace="kube-system",
        name="coredns-1",
        ip="10.2.0.9",
        labels=(("k8s-app", "kube-dns"),),
    )
    dropped = pod(conversations=(talk(unanswered=9, answered=0),))
    yield from rules.findings(
        Snapshot(
            100.0, (dropped,), (POD, API, server), (NODE, OTHER), services=(dns,), policies=(cut,)
        )
    )
    yield from rules.findings(modes.network_snapshot(modes.DIRECT))
    udp_only = {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}],
    }
    deny = gaps.policy("deny", {"podSelector": {}, "policyTypes": ["Ingress"]}, "bank")
    vault = replace(API, namespace="bank")
    yield from rules.findings(
        gaps.policy_snapshot(gaps.policy("udp", udp_only), deny, pods=(POD, vault, server))
    )
    open_ = gaps.policy_snapshot(
        services=(gaps.WEB,),
        ingresses=(gaps.INGRESS,),
        pods=(replace(POD, ports=gaps.DNS_POD.ports),),
    )
    yield from rules.findings(open_)
    ipvs = modes.counted(RuleCount("ipvs", 30, 10, 0))
    yield from rules.findings(
        modes.network_snapshot(view=replace(ipvs, values={"sysctl net.ipv4.vs.conn_reuse_mode": 1}))
    )


ALL = {(f.rule, f.fix): f for f in findings() if f.fix}
OF_KIND = {
    kind: [f for f in ALL.values() if f.fix_kind == kind] for kind in ("sysctl", "yaml", "shell")
}


@pytest.mark.parametrize("finding", OF_KIND["sysctl"], ids=lambda f: f.rule)
def test_a_drop_in_is_read_by_sysctl(finding: Finding, tmp_path: Path) -> None:
    """All of it is parsed; what a network namespace has of its own is really set, in one of ours. (The machine's own
    settings are left alone.)"""
    file = tmp_path / "99-k8s-networking.conf"
    file.write_text(finding.fix)
    assert finding.fix.splitlines()[0].startswith("#")
    names = re.findall(r"^([a-z0-9_.-]+) = (.+)$", finding.fix, re.MULTILINE)
    assert names, finding.fix
    read = subprocess.run(
        ["sysctl", "--dry-run", "-p", str(file)], capture_output=True, text=True, check=False
    )
    if "unrecognized" not in read.stderr and "invalid option" not in read.stderr:
        for (
            name,
            value,
        ) in names:  # IPVS and conntrack are modules: what is not loaded has no settings
            printed = f"{name} = {value}" in read.stdout
            assert printed or not Path("/proc/sys", name.replace(".", "/")).exists(), (
                read.stdout,
                read.stderr,
            )
    if os.getuid() or not shutil.which("unshare"):
        pytest.skip("NOT ROOT: nothing was set, only read")
    script = (
        'for n in "$@"; do p=/proc/sys/$(echo "$n" | tr . /); [ -e "$p" ] && [ "$(stat -c %a "$p")" = 644 ] && echo "$n"; '
        "done; true"
    )
    wanted = [name for name, _ in names if name.startswith("net.")]
    own = subprocess.run(
        ["unshare", "-n", "sh", "-c", script, "x", *wanted],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    file.write_text("".join(f"{name} = {value}\n" for name, value in names if name in own))
    done = subprocess.run(
        ["unshare", "-n", "sysctl", "-p", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout.count("\n") == len(own), (done.stdout, done.stderr)


@pytest.mark.parametrize("finding", OF_KIND["shell"], ids=lambda f: f.rule)
def test_a_command_is_read_by_a_shell(finding: Finding) -> None:
    done = subprocess.run(
        ["sh", "-n"], input=finding.fix, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (finding.fix, done.stderr)


async def dry_run(client: Client, document: dict[str, Any]) -> int:
    """An object is made, a part of one is merged into what it is of; nothing is kept."""
    if kind := document.get("kind"):
        return (
            await client.call("POST", f"{PATHS[kind]}?dryRun=All&fieldValidation=Strict", document)
        )[0]
    spec = document["spec"]
    of, patch = (
        ("deployment", {"spec": {"template": document}})
        if "dnsConfig" in spec
        else ("service", document)
    )
    return (await client.call("PATCH", f"{PATHS[of]}?dryRun=All", patch, content_type=MERGE))[0]


async def test_yaml_is_accepted_by_the_servers_dry_run(lab: Lab) -> None:
    texts = {f.rule: f.fix for f in OF_KIND["yaml"]}
    wanted = {
        "policy_cuts_dns",
        "policy_drops",
        "dns_search",
        "cross_zone",
        "policy_cuts_dns_tcp",
        "no_default_deny",
    }
    assert wanted <= set(texts)
    seen = Snapshot(100.0, (pod(conversations=(talk(),)),), (POD, API), (NODE, OTHER), policies=())
    texts["proposal"] = policy_proposal.from_traffic(POD, seen)
    async with client_of(lab) as client:
        for name, text in texts.items():
            for document in yaml.safe_load_all(text):
                code = await dry_run(client, document)
                assert code in (200, 201), (name, code, text)


def test_every_kind_of_fix_was_looked_at() -> None:
    assert {kind: len(rows) > 3 for kind, rows in OF_KIND.items()} == {
        "sysctl": True,
        "yaml": True,
        "shell": True,
    }
