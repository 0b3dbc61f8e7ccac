"""A node's Service rules are not those of the EndpointSlices: it translates to an address that is
in none of them, or not at all.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collectors.findings import Evidence, Finding
from diagnosis.by_key import by_key
from diagnosis.rule import Rule
from diagnosis.rules._agents import proxy_log, restart_proxy
from diagnosis.rules._service_paths import LEAST, SINCE, ServicePath, is_stale, service_paths
from diagnosis.snapshot import Conversation, Snapshot, listed

RULE = Rule(
    id="stale_rule",
    title="A node translates a Service to an address that is none of its endpoints, or not at all",
    scope="node",
    stage="cause",
    inputs=("capture", "Services"),
    symptoms=("connect", "timeout", "nodes"),
    screen="services",
    criterion="the endpoint that connections to a Service leave for, compared with its "
    "EndpointSlices",
    thresholds=(LEAST, SINCE),
    false_friends=(
        "a rollout changed the endpoints a moment ago",
        "another program than kube-proxy translates that address on purpose",
    ),
    severity="critical",
    confidence="certain",
    fix_kind="shell",
    verify="connections to the Service leave for one of its endpoints",
)
SHOW_RULES = """# its rules for that Service
nft list ruleset | grep -F {address}; iptables-save | grep -F {address}; \
ipvsadm -Ln 2>/dev/null | grep -A9 -F {address}"""


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    every = list(service_paths(snapshot))
    stale = (path for path in every if is_stale(snapshot, path))
    for paths in by_key(stale, lambda path: path.host.key).values():
        yield _finding(snapshot, paths, every)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What goes to the wrong endpoint, or to the Service from a client of that node."""
    for path in service_paths(snapshot):
        if path.host.subject != finding.subject or not is_stale(snapshot, path):
            continue
        row = path.row
        if talk.end == row.endpoint_end:
            return True
        if (talk.client, talk.server, talk.port) == (row.client, row.asked, row.asked_port):
            return True
    return False


def _finding(
    snapshot: Snapshot, paths: Sequence[ServicePath], every: Sequence[ServicePath]
) -> Finding:
    host = paths[0].host
    return RULE.finding(
        subject=host.subject,
        title=_title(snapshot, paths),
        evidence=_evidence(snapshot, paths, every),
        fix=f"# does kube-proxy of {host.name} keep up with the API server?\n"
        f"{proxy_log(snapshot, host.node)}\n{restart_proxy(snapshot, host.node)}\n"
        + SHOW_RULES.format(address=paths[0].row.asked),
    )


def _title(snapshot: Snapshot, paths: Sequence[ServicePath]) -> str:
    name = paths[0].host.name
    services = list(dict.fromkeys(_name(path) for path in paths))
    if all(path.untranslated for path in paths):
        return f"{name} does not translate {listed(services)}, which has endpoints"
    if len(services) > 1:
        return f"{name} translates {listed(services)} to addresses in none of their EndpointSlices"
    ends = dict.fromkeys(_whose(snapshot, path) for path in paths if not path.untranslated)
    return f"{name} translates {services[0]} to {listed(ends)}, in none of its EndpointSlices"


def _name(path: ServicePath) -> str:
    return f"svc/{path.service.namespace}/{path.service.name}:{path.port.number}"


def _whose(snapshot: Snapshot, path: ServicePath) -> str:
    pod = snapshot.by_address.get(path.row.endpoint)
    owner = f"{pod.namespace}/{pod.name}" if pod else "which no pod has"
    return f"{path.endpoint} ({owner})"


def _evidence(
    snapshot: Snapshot, paths: Sequence[ServicePath], every: Sequence[ServicePath]
) -> Iterator[Evidence]:
    for path in _most(paths)[:3]:
        row = path.row
        end = "leave untranslated" if path.untranslated else f"leave for {path.endpoint}"
        counts = f"{row.connections} connections to {_name(path)} {end}"
        ended = f"{row.refused} refused, {row.unanswered} unanswered, {row.completed} made"
        yield path.host.fact(f"{counts}: {ended}", "capture")
    service = paths[0].service
    ready, _ = snapshot.endpoints(service)
    yield snapshot.fact(
        f"endpoints: {listed(ready, 4)}", f"EndpointSlices of {service.namespace}/{service.name}"
    )
    yield from _other_nodes(snapshot, paths, every)


def _most(paths: Sequence[ServicePath]) -> list[ServicePath]:
    return sorted(paths, key=lambda path: -path.row.connections)


def _other_nodes(
    snapshot: Snapshot, paths: Sequence[ServicePath], every: Sequence[ServicePath]
) -> Iterator[Evidence]:
    """Those that translate the same Services as they should: the fault is of this node alone."""
    own, names = paths[0].host.name, {_name(path) for path in paths}
    right = (
        path.host.name
        for path in every
        if path.current and path.host.name != own and _name(path) in names
    )
    if others := listed(sorted(set(right))):
        yield snapshot.fact(f"{others}: translates as the EndpointSlices say", "capture")
