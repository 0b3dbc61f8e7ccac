"""Connections are refused: by pods, by all endpoints of a Service, by addresses outside, or on the
path. What a Service without endpoints refuses is another finding.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.events import PodRow
from collectors.findings import Evidence, Finding, Subject
from diagnosis.addresses import LOOPBACK
from diagnosis.icmp_errors import with_meaning
from diagnosis.path_groups import endpoint_text, is_translated, node_text, path_views, translated
from diagnosis.paths import End
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules import service_failing
from diagnosis.rules._connections import LEAST, by_server, node_of_unused, refused, seen
from diagnosis.rules._probers import PROBED, SCANNED, asked_in_earnest
from diagnosis.rules._service_and_endpoints import endpoints_of, is_explained
from diagnosis.rules._service_paths import endpoint_of, is_fresh
from diagnosis.snapshot import Conversation, Snapshot, listed
from diagnosis.subjects import pod_subject

ALL = Threshold("of a Service that has endpoints from", 90, "% refused", CONVENTION)
NOW_S = 5.0  # a convention, not from a source
RULE = Rule(
    id="refused",
    title="Connections are refused",
    scope="connection",
    stage="symptom",
    inputs=("capture", "pods"),
    symptoms=("connect", "reset", "nodes"),
    screen="flows",
    thresholds=(LEAST, PROBED, SCANNED, ALL),
    false_friends=(
        "connections to the same port from elsewhere are made",
        "one prober of a closed port (a note where no objects are known)",
    ),
    verify="the connection is made",
)
ON_THE_PATH = """# on {node}, the rule or route that rejects:
nft list ruleset | grep -n reject
iptables-save -c | grep REJECT
ip route show type unreachable; ip route show type prohibit"""


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    servers = by_server(snapshot, refused)
    for (server, port), all_talks in servers.items():
        talks = asked_in_earnest(snapshot, all_talks, refused)
        if sum(map(refused, talks)) < LEAST.value:
            continue
        behind = sorted(endpoints_of(snapshot, (server, port), servers))
        if node_of_unused(snapshot, server, port):
            continue
        if server in snapshot.service_by_address and not _refuses_all(snapshot, server, talks):
            continue
        known = _known(snapshot, talks)
        if _rejected_on_the_path(server, talks):
            yield _by_another(snapshot, talks, known)
        elif len(behind) > 1:
            yield _by_endpoints(snapshot, (server, port), behind, known)
        elif _is_by_icmp(talks) and server not in snapshot.by_address:
            yield _by_icmp(snapshot, talks, known)
        else:
            finding = _by_server(snapshot, (server, port), known)
            yield replace(finding, severity="info") if _is_probe(snapshot, talks) else finding


def _is_probe(snapshot: Snapshot, talks: list[Conversation]) -> bool:
    """Whether it may be one prober of a closed port, where no objects say which are served: few
    connections of one client, to no address that something is seen translated to or for."""
    if snapshot.slices or len({talk.client for talk in talks}) > 1:
        return False
    end, number = talks[0].end, sum(map(refused, talks))
    own = [talk for talk in snapshot.conversations if talk.end == end]
    is_of_service = bool(translated(snapshot, end)) or is_translated(snapshot, end)
    is_used = any(talk.answered for talk in own)
    return number < PROBED.value and not is_of_service and not is_used


def _refuses_all(snapshot: Snapshot, address: str, talks: list[Conversation]) -> bool:
    """Whether nothing else comes of what asks a Service that has endpoints: service_failing is
    about a share, `endpoints` about Services that have none, or have had some for a moment."""
    service = snapshot.service_by_address[address]
    if not snapshot.endpoints(service)[0] or is_fresh(snapshot, service):
        return False
    failed, answered = sum(map(refused, talks)), sum(talk.answered for talk in talks)
    return 100 * failed >= ALL.value * (failed + answered)


def _by_server(snapshot: Snapshot, end: End, known: Evidence) -> Finding:
    server, port = end
    pod = snapshot.by_address.get(server)
    if pod is None:
        node = _resetting(snapshot, end)
        return _by_node(snapshot, end, node, known) if node else _by_address(snapshot, end, known)
    if _listens(snapshot, pod, end):
        return _for_pod(snapshot, pod, server, port, known)
    return _by_pod(snapshot, pod, server, port, known)


def _resetting(snapshot: Snapshot, end: End) -> str:
    """The machine that RSTs leave which never came into it, and whose address this is not; '' for
    none."""
    rows = (row for view in path_views(snapshot) for row in view.paths if row.asked_end == end)
    made = sum(row.to_client.resets_made for row in rows if row.refused)
    if made < LEAST.value or end[0] in snapshot.node_addresses:
        return ""
    return listed(
        node_text(view)
        for view in path_views(snapshot)
        if any(row.asked_end == end and row.to_client.resets_made > 0 for row in view.paths)
    )


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That a share of a Service's connections is rejected, of which this is an endpoint; that an
    endpoint refuses, where all do; that some get no answer, where the kernel sends few ICMP errors
    a second."""
    if other.rule == "unanswered":
        return finding.subject == other.subject and _are_limited(snapshot, finding.subject)
    if other.rule == RULE.id:
        ends = {talk.end for talk in snapshot.conversations if talk.refused}
        pair = finding.subject, other.subject
        return is_explained(snapshot, ends, snapshot.subject, pair)
    if other.rule != service_failing.RULE.id:
        return False
    rejecting = service_failing.ends_of(snapshot, other, "rejected")
    return finding.subject in {other.subject, *(snapshot.subject(*end) for end in rejecting)}


def _are_limited(snapshot: Snapshot, server: Subject) -> bool:
    """Whether it is rejected by ICMP errors: icmp(7), icmp_ratelimit."""
    return any(
        talk.rejected and snapshot.subject(*talk.end) == server for talk in snapshot.conversations
    )


def _known(snapshot: Snapshot, talks: list[Conversation]) -> Evidence:
    counts = f"{sum(map(refused, talks))} refused, {sum(t.answered for t in talks)} answered"
    return seen(snapshot, talks, counts)


def _rejected_on_the_path(server: str, talks: list[Conversation]) -> bool:
    """Mostly by ICMP errors that another than the server sent."""
    return _rejected_by(talks) != server and _is_by_icmp(talks)


def _is_by_icmp(talks: list[Conversation]) -> bool:
    return 2 * sum(talk.rejected for talk in talks) > sum(map(refused, talks))


def _by_icmp(snapshot: Snapshot, talks: list[Conversation], known: Evidence) -> Finding:
    """With the address that was asked: its own, or that of a node which translates for it."""
    talk = _rejected(talks)
    name = f"{snapshot.name(talk.server)}:{talk.port}"
    finding = _on_the_path(snapshot, talk, "the client's node, and those behind it", known)
    return replace(
        finding,
        title=f"Connections to {name} are rejected by ICMP errors "
        f"{with_meaning(talk.unreachable)}, by a filter or a node on the path to what serves it",
    )


def _by_another(snapshot: Snapshot, talks: list[Conversation], known: Evidence) -> Finding:
    talk = _rejected(talks)
    by = snapshot.name(talk.rejected_by)
    return replace(
        _on_the_path(snapshot, talk, by, known),
        title=f"Connections are rejected on the path, by {by}, not by the server "
        f"{with_meaning(talk.unreachable, on_the_path=True)}",
        confidence="certain",
    )


def _rejected(talks: list[Conversation]) -> Conversation:
    """One of which it is known who rejected it, if there is one."""
    return next((talk for talk in talks if talk.rejected_by), talks[0])


def _rejected_by(talks: list[Conversation]) -> str:
    return _rejected(talks).rejected_by


def _on_the_path(snapshot: Snapshot, talk: Conversation, node: str, known: Evidence) -> Finding:
    """By ICMP errors; `node` is where to look for what sends them."""
    return RULE.finding(
        subject=snapshot.subject(talk.server, talk.port),
        evidence=(known, snapshot.fact(talk.unreachable, f"ICMP from {talk.rejected_by}")),
        disproof="a capture at the server shows that they arrive, and a RST",
        fix=ON_THE_PATH.format(node=node),
        fix_kind="shell",
    )


def _listens(snapshot: Snapshot, pod: PodRow, end: End) -> bool:
    """Whether the pod is seen to serve the port: by its listen sockets, or by what other clients
    opened a moment ago, and none of theirs is refused."""
    talks = [talk for talk in snapshot.conversations if talk.end == end]
    if any(t.answered and not t.refused and snapshot.at - t.opened < NOW_S for t in talks):
        return True
    views = (view for view in snapshot.of_kind("pod") if view.pod == pod)
    return any(
        row.state == "LISTEN" and row.local_port == end[1] and not row.local.startswith(LOOPBACK)
        for view in views
        for row in view.sockets
    )


def _for_pod(snapshot: Snapshot, pod: PodRow, address: str, port: int, known: Evidence) -> Finding:
    return RULE.finding(
        subject=pod_subject(pod, port),
        title=f"Connections to {address}:{port} are refused though the pod listens there: it "
        "restarts its program, or a filter refuses in its place",
        evidence=_by_pod_evidence(snapshot, pod, known),
        disproof="ss -ltn in the pod does not show the port",
        fix=f"# when did it begin to listen? Rules that refuse: reject with tcp reset\n"
        f"kubectl -n {pod.namespace} logs {pod.name} --since 5m\n"
        "nft list ruleset | grep -n 'tcp reset'; iptables-save -c | grep tcp-reset",
        fix_kind="shell",
    )


def _by_pod(snapshot: Snapshot, pod: PodRow, address: str, port: int, known: Evidence) -> Finding:
    return RULE.finding(
        subject=pod_subject(pod, port),
        title=f"Connections are refused by the pod itself: nothing listens on {address}:{port}",
        evidence=_by_pod_evidence(snapshot, pod, known),
        confidence="certain",
        disproof="ss -ltn in the pod shows the port on 0.0.0.0 or [::]",
        fix=f"kubectl -n {pod.namespace} exec {pod.name} -- ss -ltn  # if it is bound to "
        f"127.0.0.1, or to another port, correct {_wrong(snapshot, address, port)}",
        fix_kind="shell",
    )


def _wrong(snapshot: Snapshot, address: str, port: int) -> str:
    """A targetPort is to blame only where the pod is an endpoint of the Service that was asked."""
    asked = endpoint_of(snapshot, address, port)
    if asked:
        return f"the program's bind address or the targetPort of {listed(asked)}"
    return "the program's bind address, or the port that the client asks"


def _by_pod_evidence(snapshot: Snapshot, pod: PodRow, known: Evidence) -> Iterator[Evidence]:
    ready = "it is ready" if pod.all_ready else f"{pod.ready} ready"
    state = f"{pod.namespace}/{pod.name} is {pod.phase}, {ready}"
    yield known
    yield snapshot.fact(state, "pods")


def _by_endpoints(snapshot: Snapshot, end: End, behind: list[End], known: Evidence) -> Finding:
    """Of a Service, or of what a capture saw translated."""
    ends = listed(endpoint_text(snapshot, *one) for one in behind)
    return RULE.finding(
        subject=snapshot.subject(*end),
        title=f"Connections to {snapshot.name(end[0])}:{end[1]} are refused by {len(behind)} "
        f"endpoints, {ends}: nothing listens there on port {behind[0][1]}",
        evidence=(known,),
        disproof="ss -ltn in the pods shows the port on 0.0.0.0 or [::]",
        fix=f"In each of them: ss -ltn 'sport = {behind[0][1]}'  # does the program run, and "
        "listen there? Else the targetPort of the Service",
    )


def _by_node(snapshot: Snapshot, end: End, node: str, known: Evidence) -> Finding:
    name = f"{snapshot.name(end[0])}:{end[1]}"
    return RULE.finding(
        subject=snapshot.subject(*end),
        title=f"Connections to {name} are refused by {node} itself, with RSTs that no server sent: "
        f"a rule rejects them, or {end[0]} is its own address and nothing listens there",
        evidence=(known,),
        disproof=f"connections to {name} from elsewhere are made",
        fix=f"# on {node}: the rule that rejects with a RST, or the listener\n"
        f"iptables-save -c | grep tcp-reset; nft list ruleset | grep -n 'tcp reset'\n"
        f"ss -ltn 'sport = {end[1]}'",
        fix_kind="shell",
    )


def _by_address(snapshot: Snapshot, end: End, known: Evidence) -> Finding:
    server, port = end
    name = snapshot.name(server)
    if server in snapshot.service_by_address:
        name = f"every endpoint of {name}, or for them"
    return RULE.finding(
        subject=snapshot.subject(server, port),
        title=f"Connections are refused by {name}: nothing listens there, or a firewall answers "
        "for it",
        evidence=(known,),
        disproof=f"connections to {server}:{port} from elsewhere are made",
        fix=f"On that machine: ss -ltn 'sport = {port}'  # does the program run, and listen on "
        "this address?",
    )
