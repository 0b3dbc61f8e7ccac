"""One of a Service's endpoints answers no datagram while others answer the same clients.

UDP of one direction (syslog, statsd) has no answers from anybody, and says nothing.
Facts: docs/reference/conntrack.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from collectors.events import ConntrackGroup, ServicePort, ServiceRow
from collectors.findings import Evidence, Finding, Subject
from collectors.frozen import frozen
from diagnosis.by_key import by_key
from diagnosis.path_groups import endpoint_text, grouped, node_text
from diagnosis.paths import PathRow, added
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._losses import is_denied
from diagnosis.rules._per_subject import first_of_each
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed

LEAST = Threshold("at least", 3, "conversations in 15 s, or conntrack entries, fail", CONVENTION)
MOSTLY = Threshold("from", 90, "% of an endpoint's", CONVENTION)
WELL = Threshold("while of another's, of the same workload, fail up to", 10, "%", CONVENTION)
RULE = Rule(
    id="udp_endpoint",
    title="An endpoint of a Service answers no UDP while others answer",
    scope="Service",
    stage="cause",
    inputs=("capture", "conntrack", "Services", "pods"),
    symptoms=("connect", "timeout", "name"),
    screen="flows",
    criterion="conversations by client, Service and endpoint",
    thresholds=(LEAST, MOSTLY, WELL),
    false_friends=(
        "UDP that nobody answers by design: all endpoints are alike",
        "the clients of that endpoint are others, and ask for what is never answered",
    ),
    severity="critical",
    confidence="likely",
    fix_kind="shell",
    verify="an answer comes from each endpoint",
)
TITLES = {
    True: "{end}, {count} of {server} over UDP: nothing listens there, {error}, while others "
    "answer",
    False: "{end}, {count} of {server} over UDP: nothing answers, while others do",
}
REFUSED = "kubectl -n {namespace} exec {pod} -- ss -lnu  # does it listen on {address}:{port}?"
SILENT = """# in the pod: a queue that is full (Recv-Q), its own rules
ss -lnu; iptables-save -c; nft list ruleset
# on its node: what goes to it, and what comes back
tcpdump -ni any 'udp and host {address}'"""


@frozen
class EndpointUse:
    """What clients of one workload got from an endpoint."""

    answered: int = 0
    failed: int = 0
    error: str = ""

    def __add__(self, other: EndpointUse) -> EndpointUse:
        return EndpointUse(
            self.answered + other.answered, self.failed + other.failed, other.error or self.error
        )

    @property
    def percent(self) -> float:
        """Of its conversations, those that failed."""
        total = self.answered + self.failed
        return 100 * self.failed / total if total else 0.0

    @property
    def is_dead(self) -> bool:
        return self.failed >= LEAST.value and self.percent >= MOSTLY.value

    @property
    def is_well(self) -> bool:
        return self.answered >= LEAST.value and self.percent <= WELL.value


@frozen
class SilentEndpoint:
    """`uses` are those of all endpoints, by address; `source` is where they were seen."""

    view: TargetView
    service: ServiceRow
    port: ServicePort
    address: str
    target: int
    workload: str
    uses: Mapping[str, EndpointUse]
    source: str


Uses = dict[str, dict[str, EndpointUse]]  # by workload and endpoint


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    return first_of_each(_finding(snapshot, one) for one in _silent(snapshot))


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What is asked of the endpoint, or of the Service."""
    return talk.protocol == "UDP" and any(
        (one.port.number == talk.port and talk.server in one.service.ips)
        or talk.end == (one.address, one.target)
        for one in _silent(snapshot)
        if _subject(one) == finding.subject
    )


@once_per_snapshot
def _silent(snapshot: Snapshot) -> list[SilentEndpoint]:
    return [
        one
        for view in snapshot.hosts
        for service in snapshot.services
        for port in service.targets
        if port.protocol == "UDP"
        for one in _of_port(snapshot, view, service, port)
    ]


def _of_port(
    snapshot: Snapshot, view: TargetView, service: ServiceRow, port: ServicePort
) -> Iterator[SilentEndpoint]:
    """By what was captured, where anything was: conntrack remembers answers for minutes."""
    ready, _ = snapshot.endpoints(service)
    known = set(ready)  # one that goes, or is not ready, has conversations of before
    rows = [row for row in view.paths if _asks(row, service, port)]
    uses, source = _of_paths(snapshot, rows), "capture, all interfaces"
    if not rows:
        entries = [one for one in view.conntrack_groups if _is_entry_of(one, service, port)]
        uses, source = _of_entries(snapshot, entries), "conntrack -L"
    if len(known) < 2 or _is_denied(snapshot, view, rows):
        return
    for workload, by_endpoint in uses.items():
        well = [end for end, use in by_endpoint.items() if use.is_well]
        for end, use in by_endpoint.items() if well else ():
            if end in known and use.is_dead:
                target = _target(rows, view.conntrack_groups, end)
                yield SilentEndpoint(
                    view=view,
                    service=service,
                    port=port,
                    address=end,
                    target=target,
                    workload=workload,
                    uses=by_endpoint,
                    source=source,
                )


def _asks(row: PathRow, service: ServiceRow, port: ServicePort) -> bool:
    is_translated = row.endpoint not in ("", row.asked)
    is_asked = row.asked in service.ips and row.asked_port == port.number
    return row.protocol == "UDP" and is_asked and is_translated


def _is_entry_of(entry: ConntrackGroup, service: ServiceRow, port: ServicePort) -> bool:
    is_asked = entry.destination in service.ips and entry.port == port.number
    return entry.protocol == "udp" and is_asked and entry.reply_source != entry.destination


def _is_denied(snapshot: Snapshot, view: TargetView, rows: list[PathRow]) -> bool:
    """By a policy, for one of the clients."""
    if not rows:
        return False
    return is_denied(snapshot, grouped(snapshot, view, *rows[0].asked_end, rows))


def _of_paths(snapshot: Snapshot, rows: Iterable[PathRow]) -> Uses:
    by_client = by_key(rows, lambda row: snapshot.workload(row.client))
    return {
        workload: {end: _use(added(of)) for end, of in by_key(own, _endpoint).items()}
        for workload, own in by_client.items()
    }


def _endpoint(row: PathRow) -> str:
    return row.endpoint


def _use(row: PathRow) -> EndpointUse:
    error = row.icmp if row.rejected else ""
    return EndpointUse(row.completed, row.unanswered + row.rejected, error)


def _of_entries(snapshot: Snapshot, entries: Iterable[ConntrackGroup]) -> Uses:
    found: Uses = {}
    for entry in entries:
        own = found.setdefault(snapshot.workload(entry.source), {})
        answered, failed = (entry.count, 0) if entry.replied else (0, entry.count)
        use = EndpointUse(answered, failed)
        own[entry.reply_source] = own.get(entry.reply_source, EndpointUse()) + use
    return found


def _target(rows: Iterable[PathRow], entries: Iterable[ConntrackGroup], end: str) -> int:
    ports = [row.endpoint_port for row in rows if row.endpoint == end]
    ports += [entry.reply_port for entry in entries if entry.reply_source == end]
    return ports[0] if ports else 0


# --- in words


def _subject(one: SilentEndpoint) -> Subject:
    service = one.service
    return Subject(
        kind="service",
        namespace=service.namespace,
        name=service.name,
        port=one.port.number,
        detail=f"→ {one.address}",
    )


def _finding(snapshot: Snapshot, one: SilentEndpoint) -> Finding:
    use = one.uses[one.address]
    whole = replace(_subject(one), detail="")
    ready, waiting = snapshot.endpoints(one.service)
    return RULE.finding(
        subject=_subject(one),
        title=TITLES[bool(use.error)].format(
            end=endpoint_text(snapshot, one.address, one.target),
            count=f"1 of {len({*ready, *waiting})} endpoints",
            server=whole.text,
            error=use.error,
        ),
        evidence=_evidence(snapshot, one),
        confidence="certain" if use.error else "likely",
        fix=_fix(snapshot, one),
    )


def _evidence(snapshot: Snapshot, one: SilentEndpoint) -> Iterator[Evidence]:
    texts = (
        f"{endpoint_text(snapshot, end, 0)}: {use.answered:,} answered, {use.failed:,} not"
        for end, use in sorted(one.uses.items())
    )
    scope = f"of {one.workload}, through {node_text(one.view)}: {listed(texts, 4)}"
    yield one.view.fact(scope, one.source)


def _fix(snapshot: Snapshot, one: SilentEndpoint) -> str:
    pod = snapshot.by_address.get(one.address)
    if pod is None or not one.uses[one.address].error:
        return SILENT.format(address=one.address)
    names = {"namespace": pod.namespace, "pod": pod.name}
    return REFUSED.format(address=one.address, port=one.target, **names)
