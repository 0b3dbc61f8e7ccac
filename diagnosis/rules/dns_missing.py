"""A program asks again and again for a name that does not exist.

A resolver tries a name with each search domain (resolv.conf(5)): most NXDOMAIN answers belong to
lookups that succeed. Those of which no form has any answer are names that are not there.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.by_key import by_key
from diagnosis.lookups import AbsentName
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules import host_dns
from diagnosis.rules._dns import SOURCE, is_dns_server
from diagnosis.snapshot import Snapshot, TargetView, listed

LEAST = Threshold("at least", 5, "times in 15 s for one name", CONVENTION)
FIX = """# what is the name, and where is it from: a setting of the program, with its namespace?
getent hosts {name}
kubectl get services,ingresses -A | grep -i -e {first}"""
RULE = Rule(
    id="dns_missing",
    title="A name that is asked for again and again does not exist",
    scope="pod",
    stage="cause",
    inputs=("DNS",),
    symptoms=("name", "connect"),
    screen="dns",
    thresholds=(LEAST,),
    false_friends=(
        "a name that may be missing: block lists, discovery, an optional part",
        "the name with another search domain exists, and was not asked for here",
    ),
    severity="info",
    confidence="certain",
    fix_kind="shell",
    verify="getent hosts NAME answers in the pod",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    found = [
        (view, one)
        for view in snapshot.targets
        if view.lookups is not None and not is_dns_server(snapshot, view)
        for one in view.lookups.absent
        if one.times >= LEAST.value and not _is_of_another_resolver(snapshot, one)
    ]
    for client, sights in by_key(found, lambda sight: sight[1].client).items():
        yield _finding(snapshot, client, sights)


def _is_of_another_resolver(snapshot: Snapshot, one: AbsentName) -> bool:
    """A Service's name, which a node's resolver does not know: `host_dns` says that."""
    services = {f"{row.namespace}/{row.name}": row for row in snapshot.services}
    is_pod = one.client in snapshot.by_address
    return not is_pod and host_dns.service_named(services, one.name) is not None


def _finding(
    snapshot: Snapshot, client: str, sights: list[tuple[TargetView, AbsentName]]
) -> Finding:
    """The same name may be seen by several vantage points."""
    most = {one.name: one for _, one in sorted(sights, key=lambda sight: sight[1].times)}
    worst = sorted(most.values(), key=lambda one: -one.times)
    name = worst[0].name
    also = f", and {len(worst) - 1} more" if len(worst) > 1 else ""
    counts = listed(f"{one.name} {one.times:,} times" for one in worst)
    return RULE.finding(
        subject=snapshot.workload_subject(client),
        title=f"{snapshot.name(client)} asks for {name}{also}: the name does not exist (NXDOMAIN), "
        "with any search domain",
        evidence=[
            sights[0][0].fact(f"asked for in 15 s, and NXDOMAIN each time: {counts}", SOURCE)
        ],
        fix=FIX.format(name=shlex.quote(name), first=shlex.quote(name.partition(".")[0])),
    )
