"""The symptoms' trees. Each begins where most causes are, goes on only where the step before left a question open, and
ends in findings or in what was ruled out."""

from __future__ import annotations

from collections.abc import Generator

from collectors.findings import Evidence, Finding, Subject
from diagnosis.guide import (
    Asked,
    AskPath,
    Conclusion,
    Goal,
    GuideSession,
    Look,
    ProbeCommand,
    ProbeResult,
    Said,
    Sent,
)
from diagnosis.reachability.path import PathVerdict, is_address
from diagnosis.subjects import policy_subject

Part = Generator[Asked, Sent, str]  # ends with '' where all is well, else with what is wrong
NETWORK = (
    "forwarding",
    "conntrack_full",
    "missing_route",
    "missing_fdb",
    "neighbour",
    "rp_filter",
    "mtu",
)
# bash opens a TCP connection by itself; host and port are arguments, never part of the program
DIAL = 'exec 3<>"/dev/tcp/$1/$2"'


class Notes:
    """What a session has learnt: findings, and what it has ruled out."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.ruled_out: list[str] = []

    def end(self, said: str = "") -> Conclusion:
        if self.findings:
            first = self.findings[0]
            return Conclusion(True, f"{first.where}: {first.title}", tuple(self.findings))
        if said:
            return Conclusion(True, said)
        return Conclusion(
            False,
            f"ruled out: {'; '.join(self.ruled_out)}" if self.ruled_out else "nothing was found",
        )


# --- steps that several symptoms share


def look(notes: Notes, does: str, why: str, *rules: str) -> Generator[Asked, Sent, bool]:
    """Whether one of these rules has found something."""
    found = yield Look(does, why, rules)
    assert isinstance(found, list)
    notes.findings += [f for f in found if f.severity != "info" and f not in notes.findings]
    worst = [f for f in found if f.severity != "info"]
    if worst:
        yield Said("bad", f"{worst[0].where}: {worst[0].title}")
        return True
    yield Said("good", "nothing of that kind is found")
    notes.ruled_out.append(does.removeprefix("look at ").removeprefix("look for "))
    return False


def resolve(notes: Notes, goal: Goal) -> Generator[Asked, Sent, str]:
    """Resolve the goal's name in the pod; '' where it does not."""
    if is_address(goal.host):
        return goal.host
    argv = ("timeout", "6", "getent", "ahostsv4", goal.host)
    result = yield ProbeCommand(
        f"resolve {goal.host} in the pod: {' '.join(argv[2:])}",
        "without an address nothing begins",
        argv,
    )
    assert isinstance(result, ProbeResult)
    address = result.out.split()[0] if result.code == 0 and result.out.split() else ""
    if address:
        yield Said("good", f"{goal.host} is {address}")
        notes.ruled_out.append("the name")
    else:
        yield Said(
            "bad",
            "no answer in time"
            if result.code == 124
            else f"it does not resolve {result.err or result.failed}".strip(),
        )
    return address


def dial(
    notes: Notes, host: str, port: int, what: str, why: str, tries: int = 4
) -> Generator[Asked, Sent, str]:
    """Connect some times: 'ok', 'refused', 'timeout', 'other', or 'some' where it works now and then."""
    script = f'ok=0; for n in {" ".join(map(str, range(tries)))}; do timeout 2 bash -c \'{DIAL}\' d "$1" "$2" && ok=$((ok + 1)); done; echo $ok'
    argv = ("bash", "-c", script, "podwire", host, str(port))
    result = yield ProbeCommand(
        f"connect {tries} times to {what} ({host}:{port}) from the pod", why, argv, 4.0 + 2 * tries
    )
    assert isinstance(result, ProbeResult)
    made = int(result.out.strip() or 0) if result.out.strip().isdecimal() else 0
    if result.failed:
        yield Said("unknown", result.failed)
        return "other"
    if made == tries:
        yield Said("good", f"{made} of {tries} connections are made")
        return "ok"
    refused = "refused" in result.err
    word = (
        "some"
        if made
        else "refused"
        if refused
        else "no route"
        if "oute" in result.err
        else "timeout"
    )
    told = {
        "some": "the others are " + ("refused" if refused else "not answered"),
        "refused": "refused at once",
        "timeout": "no answer within 2 s",
        "no route": "no route to it",
    }[word]
    yield Said("bad", f"{made} of {tries} connections are made: {told}")
    return word


def way(notes: Notes, why: str) -> Generator[Asked, Sent, PathVerdict | None]:
    """Policies and Services on the way; None where the goal is not of this cluster."""
    answer = yield AskPath("ask policies, Services and endpoints for the way there", why)
    if not isinstance(answer, PathVerdict):
        yield Said("unknown", "the destination is no pod or Service of this cluster")
        return None
    stops = [step for step in answer.path if step.result == "stops"]
    if not stops:
        yield Said("good", "every step of the way is open")
        notes.ruled_out.append("NetworkPolicies, Services and endpoints")
        return answer
    yield Said("bad", f"{stops[0].what}: {stops[0].reason}")
    if not any(f.rule in ("policy_drops", "endpoints", "target_port") for f in notes.findings):
        decided = answer.decided_by
        policy = decided.policy if decided else ""
        subject = policy_subject(policy) if policy else Subject(kind="cluster", name=stops[0].what)
        evidence = tuple(
            Evidence(f"{step.what}: {step.reason}", "policies, Services, EndpointSlices")
            for step in answer.path
        )
        notes.findings.append(
            Finding(
                rule="path",
                severity="critical",
                subject=subject,
                title=f"The way is closed: {stops[0].reason}",
                evidence=evidence,
                threshold="the rules of NetworkPolicy v1",
                confidence="certain",
                disproof="",
                fix="podwire policy --from … --to … shows the way; open it where it stops",
                fix_kind="text",
                verify="it connects",
                screen="policy",
            )
        )
    return answer


# --- the symptoms


def cannot_connect(goal: Goal) -> GuideSession:
    return (yield from _reach(goal))


def times_out(goal: Goal) -> GuideSession:
    return (yield from _reach(goal, slow_first=True))


def _reach(goal: Goal, slow_first: bool = False) -> GuideSession:
    notes = Notes()
    address = yield from resolve(notes, goal)
    if not address:
        return (yield from _unresolved(notes))
    word = yield from dial(
        notes, address, goal.port or 80, goal.host, "is it so, and how does it fail?"
    )
    if word == "ok":
        notes.ruled_out.append("the connection itself: it is made")
    yield from way(notes, "objects first: they are certain")
    if (
        yield from look(
            notes,
            "look at Services and endpoints",
            "a refusal is mostly a port or an endpoint",
            "endpoints",
            "target_port",
            "external_local",
            "hairpin",
            "refused",
            "stale_udp",
        )
    ):
        return notes.end()
    if notes.findings:
        return notes.end()
    if (
        yield from look(
            notes,
            "look at policies that drop",
            "a policy's drop is a silence",
            "policy_drops",
            "policy_label",
            "policy_selects_nothing",
        )
    ):
        return notes.end()
    if (
        yield from look(
            notes,
            "look at the node: conntrack, routes, neighbours, reverse path",
            "the node may drop it",
            *NETWORK,
        )
    ):
        return notes.end()
    if (
        yield from look(
            notes,
            "look at the local ports and the accept queue",
            "either end may be full",
            "ephemeral_ports",
            "listen_queue",
            "syn_flood",
        )
    ):
        return notes.end()
    yield from look(
        notes,
        "look for loss and resets",
        "what is left is the path",
        "retransmits",
        "resets",
        "unanswered",
        "conntrack_invalid",
    )
    return notes.end(
        ""
        if word == "ok"
        else f"{goal.host}:{goal.port or 80} is {word}, and no cause is seen from here: open the server's pod"
    )


def _unresolved(notes: Notes) -> GuideSession:
    yield from look(
        notes,
        "look at the DNS Service, its answers, and policies for port 53",
        "the name is where it fails",
        "endpoints",
        "dns_failing",
        "dns_slow",
        "policy_cuts_dns",
        "policy_cuts_dns_tcp",
        "dns_unanswered",
        "crash_loop",
    )
    if not notes.findings:
        yield from look(
            notes,
            "look at the node: conntrack, routes, neighbours",
            "DNS may not get there",
            *NETWORK,
        )
    return notes.end(
        "the name does not resolve, and DNS answers others: it does not exist, or it is mistyped"
    )


def name(goal: Goal) -> GuideSession:
    notes = Notes()
    address = yield from resolve(notes, goal)
    dot = ProbeCommand(
        f"resolve {goal.host}. with a dot at the end: without search domains",
        "is it the search list?",
        ("timeout", "6", "getent", "ahostsv4", f"{goal.host}."),
    )
    if not address:
        result = yield dot
        assert isinstance(result, ProbeResult)
        yield Said(
            "good" if result.code == 0 else "bad",
            "it exists as it is" if result.code == 0 else "it does not either",
        )
        return (yield from _unresolved(notes))
    yield from look(
        notes,
        "look at how DNS answers",
        "it resolves now: late, or after many tries?",
        "dns_slow",
        "dns_failing",
        "dns_search",
        "dns_unanswered",
        "conntrack_races",
        "dns_truncated",
    )
    return notes.end()


def settled(notes: Notes, address: str, why: str) -> Generator[Asked, Sent, bool]:
    """Whether policies, Services or endpoints decide it: they are certain, where the goal is of this cluster."""
    if address:
        yield from way(notes, why)
    return bool(notes.findings)


def slow(goal: Goal) -> GuideSession:
    notes = Notes()
    address = yield from resolve(notes, goal)
    if (
        yield from look(
            notes,
            "look at how DNS answers",
            "every connection by name begins there",
            "dns_slow",
            "dns_search",
            "dns_unanswered",
        )
    ):
        return notes.end()
    if (
        yield from settled(
            notes, address, "half of the endpoints closed is slow for whoever tries again"
        )
    ):
        return notes.end()
    if address:
        yield from dial(notes, address, goal.port or 80, goal.host, "does the handshake take long?")
    if (
        yield from look(
            notes,
            "look at the receiver and the server",
            "most that is slow is a program",
            "receiver",
            "slow_server",
            "listen_queue",
        )
    ):
        return notes.end()
    if (yield from look(notes, "look for loss", "what is resent comes late", "retransmits", "mtu")):
        return notes.end()
    yield from look(
        notes,
        "look at the node's CPUs, interfaces and latency",
        "packets wait where CPUs are busy",
        "cpu_steal",
        "softirq",
        "udp_flood",
        "softnet",
        "softnet_drops",
        "nic_drops",
        "nic_allowance",
        "latency",
        "cross_zone",
        "service_scale",
        "overlay_fallback",
    )
    return notes.end()


def reset(goal: Goal) -> GuideSession:
    notes = Notes()
    address = yield from resolve(notes, goal)
    if address:
        yield from dial(
            notes,
            address,
            goal.port or 80,
            goal.host,
            "a reset of the SYN is a refusal: another thing",
        )
    if (yield from settled(notes, address, "a policy that rejects looks like a reset")):
        return notes.end()
    if (
        yield from look(
            notes,
            "look at conntrack: INVALID packets",
            "the node may cause them",
            "conntrack_invalid",
        )
    ):
        return notes.end()
    yield from look(
        notes,
        "look at who resets, and in which phase",
        "then the program",
        "resets",
        "refused",
        "listen_queue",
        "target_port",
    )
    return notes.end()


def one_node(goal: Goal) -> GuideSession:
    notes = Notes()
    if (
        yield from look(
            notes,
            "look at routes, forwarding entries and neighbours of both nodes",
            "nodes differ there first",
            "missing_route",
            "missing_fdb",
            "neighbour",
            "rp_filter",
            "overlay_fallback",
            "asymmetric_path",
            "mixed_backends",
        )
    ):
        return notes.end()
    if (
        yield from look(
            notes,
            "look at what depends on the node: local endpoints, hairpin, conntrack, CPU",
            "then what runs on them",
            "external_local",
            "hairpin",
            "conntrack_full",
            "refused",
            "cpu_steal",
            "udp_flood",
            "softirq",
            "slow_server",
            "mtu",
        )
    ):
        return notes.end()
    address = yield from resolve(notes, goal)
    if address:
        yield from dial(notes, address, goal.port or 80, goal.host, "from this node")
    yield from way(notes, "policies may name nodes' addresses")
    return notes.end()


def large(goal: Goal) -> GuideSession:
    notes = Notes()
    address = yield from resolve(notes, goal)
    if (
        yield from look(
            notes,
            "look at the MTU of pods, overlay and underlay",
            "full-size segments are what hangs",
            "mtu",
        )
    ):
        return notes.end()
    if (yield from settled(notes, address, "is the way open at all?")):
        return notes.end()
    if address:
        yield from mtu_search(notes, address)
    if (
        yield from look(notes, "look at the receiver", "a closed window hangs as well", "receiver")
    ):
        return notes.end()
    yield from look(
        notes,
        "look for loss",
        "the more segments the more loss",
        "retransmits",
        "checksum",
        "reassembly",
    )
    return notes.end()


SIZES = (
    8972,
    1472,
    1452,
    1422,
    1402,
    1372,
    1272,
    1172,
)  # payloads of ping: jumbo, Ethernet, overlays, and below


def mtu_search(notes: Notes, address: str) -> Generator[Asked, Sent, None]:
    """The largest packet that passes without fragmentation, by a few sizes."""
    passed = 0
    for size in SIZES:
        argv = ("ping", "-n", "-M", "do", "-c", "1", "-W", "1", "-s", str(size), address)
        result = yield ProbeCommand(
            f"ping with DF and {size + 28} bytes: {' '.join(argv)}",
            "which size still passes?",
            argv,
        )
        assert isinstance(result, ProbeResult)
        if result.failed or "not found" in result.err or result.code in (126, 127):
            yield Said("unknown", "there is no ping here")
            return
        if result.code == 0:
            passed = size + 28
            yield Said("good", f"{passed} bytes pass")
            break
        yield Said(
            "unknown",
            "it does not pass"
            if "too long" not in result.out + result.err
            else "larger than this interface's MTU",
        )
    notes.ruled_out.append(
        f"packets of {passed} bytes pass" if passed else "the destination does not answer pings"
    )


def under_load(goal: Goal) -> GuideSession:
    notes = Notes()
    address = yield from resolve(notes, goal)
    if (yield from settled(notes, address, "what is closed breaks without load, too")):
        return notes.end()
    if (
        yield from look(
            notes,
            "look at tables that fill: conntrack, local ports, neighbours",
            "load breaks at limits",
            "conntrack_full",
            "ephemeral_ports",
            "neighbour_table",
            "nic_allowance",
            "cilium_map",
            "service_scale",
            "ipvs_reuse",
        )
    ):
        return notes.end()
    if (
        yield from look(
            notes,
            "look at queues: accept queue, CPUs, interfaces",
            "then at queues",
            "listen_queue",
            "syn_flood",
            "listen_drops",
            "softnet_drops",
            "softnet",
            "softirq",
            "udp_flood",
            "nic_drops",
            "cpu_steal",
        )
    ):
        return notes.end()
    yield from look(
        notes,
        "look at DNS, the programs, and loss",
        "then at what is asked",
        "dns_search",
        "dns_slow",
        "dns_unanswered",
        "slow_server",
        "receiver",
        "close_wait",
        "retransmits",
        "conntrack_races",
    )
    return notes.end()
