"""The steps that the trees of several symptoms share."""

from __future__ import annotations

from collections.abc import Generator

from collectors.address_text import is_address
from collectors.findings import Evidence, Finding, Subject
from diagnosis.guide import (
    Asked,
    AskPath,
    Conclusion,
    Goal,
    Look,
    Looked,
    ProbeCommand,
    ProbeResult,
    Said,
    Sent,
)
from diagnosis.guide.rule_groups import RuleGroup
from diagnosis.reachability.deliveries import PathStep, PathVerdict
from diagnosis.rule import Rule, SymptomName
from diagnosis.subjects import policy_subject

# bash opens a TCP connection by itself; host and port are arguments, never part of the program
CONNECT = 'exec 3<>"/dev/tcp/$1/$2"'
CONNECT_SEVERAL = (
    'ok=0; for n in {numbers}; do timeout 2 bash -c \'{connect}\' d "$1" "$2" && ok=$((ok + 1)); '
    "done; echo $ok"
)
TRIES = 4
DEFAULT_PORT = 80
SIZES = (8972, 1472, 1452, 1422, 1402, 1372, 1272, 1172)  # of ping: jumbo, Ethernet, overlays
ICMP_AND_IP = 28  # bytes of headers before a ping's payload
OUTCOMES = {
    "refused": "refused at once",
    "timeout": "no answer within 2 s",
    "no route": "no route to it",
}
CLOSED_PATH = Rule(
    id="path",
    title="The path is closed by a policy, a Service or its endpoints",
    scope="connection",
    stage="cause",
    inputs=("NetworkPolicies", "Services", "pods"),
    symptoms=("connect", "timeout"),
    screen="policy",
    criterion="the rules of NetworkPolicy v1",
    false_friends=("a connection from the same pod to the same port is made",),
)  # of the guide alone: it needs a source and a destination
EXPLAINED_BY_OBJECTS = ("policy_drops", "endpoints", "target_port")


class Notes:
    """What a session has learnt: findings, what it has looked at, and what it has ruled out."""

    def __init__(self, symptom: SymptomName) -> None:
        self.symptom: SymptomName = symptom
        self.findings: list[Finding] = []
        self.looked_at: set[str] = set()
        self.ruled_out: list[str] = []
        self.unseen: dict[str, None] = {}  # sentences, each once

    def end(self, otherwise: str = "") -> Conclusion:
        if self.findings:
            first = self.findings[0]
            return Conclusion(True, f"{first.where}: {first.title}", tuple(self.findings))
        if otherwise:
            return Conclusion(True, " ".join((otherwise, *self._not_seen())))
        text = f"ruled out: {'; '.join(self.ruled_out)}" if self.ruled_out else "nothing was found"
        return Conclusion(False, " ".join((text, *self._not_seen())))

    def _not_seen(self) -> list[str]:
        return [f"(not known for certain: {' '.join(self.unseen)})"] if self.unseen else []


def look(notes: Notes, group: RuleGroup) -> Generator[Asked, Sent, bool]:
    """Whether one of the group's rules has found something. Only those are looked at that declare
    the symptom; a group of which none does is no step."""
    asked = tuple(one for one in group.rules if one in _of_symptom(notes.symptom))
    if not asked:
        return False
    notes.looked_at |= set(asked)
    found = yield Look(group.does, group.why, asked)
    assert isinstance(found, Looked)
    serious = [finding for finding in found.findings if finding.severity != "info"]
    notes.findings += [finding for finding in serious if finding not in notes.findings]
    if serious:
        yield Said("bad", f"{serious[0].where}: {serious[0].title}")
        return True
    if found.unseen:
        notes.unseen |= dict.fromkeys(found.unseen)
        yield Said("unknown", f"nothing is found in what was seen. {' '.join(found.unseen)}")
        return False
    yield Said("good", "nothing of that kind is found")
    notes.ruled_out.append(group.does.removeprefix("look at ").removeprefix("look for "))
    return False


def _of_symptom(symptom: SymptomName) -> tuple[str, ...]:
    from diagnosis import rules  # all of them: slow, the first time

    return rules.of_symptom(symptom)


def look_in_turn(notes: Notes, *groups: RuleGroup) -> Generator[Asked, Sent, bool]:
    """One group after another, until one has found something; last, every other rule that may
    explain the symptom."""
    for group in groups:
        if (yield from look(notes, group)):
            return True
    return (yield from look_at_the_rest(notes))


def look_at_the_rest(notes: Notes) -> Generator[Asked, Sent, bool]:
    rest = tuple(one for one in _of_symptom(notes.symptom) if one not in notes.looked_at)
    does = "look at everything else that may explain it"
    return (yield from look(notes, RuleGroup(does, f"{len(rest)} rules are left", rest)))


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
    words = result.out.split()
    if result.code == 0 and words:
        yield Said("good", f"{goal.host} is {words[0]}")
        notes.ruled_out.append("the name")
        return words[0]
    reason = f"it does not resolve {result.err or result.failed}".strip()
    yield Said("bad", "no answer in time" if result.code == 124 else reason)
    return ""


def connect(goal: Goal, address: str, why: str) -> Generator[Asked, Sent, str]:
    """Connect some times: 'ok', 'refused', 'timeout', 'no route', 'other', or 'some' where it works
    sometimes."""
    result = yield _connect_command(goal, address, why)
    assert isinstance(result, ProbeResult)
    if result.failed:
        yield Said("unknown", result.failed)
        return "other"
    made = _connections_made(result)
    if made == TRIES:
        yield Said("good", f"{made} of {TRIES} connections are made")
        return "ok"
    failure = _failure(result.err)
    rest = f"the others: {OUTCOMES[failure]}" if made else OUTCOMES[failure]
    yield Said("bad", f"{made} of {TRIES} connections are made: {rest}")
    return "some" if made else failure


def _connect_command(goal: Goal, address: str, why: str) -> ProbeCommand:
    port = goal.port or DEFAULT_PORT
    script = CONNECT_SEVERAL.format(numbers=" ".join(map(str, range(TRIES))), connect=CONNECT)
    return ProbeCommand(
        f"connect {TRIES} times to {goal.host} ({address}:{port}) from the pod",
        why,
        ("bash", "-c", script, "podwire", address, str(port)),
        4.0 + 2 * TRIES,
    )


def _connections_made(result: ProbeResult) -> int:
    count = result.out.strip()
    return int(count) if count.isdecimal() else 0


def _failure(error: str) -> str:
    if "refused" in error:
        return "refused"
    return "no route" if "oute" in error else "timeout"


def ask_path(notes: Notes, why: str) -> Generator[Asked, Sent, PathVerdict | None]:
    """Policies and Services on the path; None where the goal is not of this cluster."""
    answer = yield AskPath("ask policies, Services and endpoints for the path to it", why)
    if not isinstance(answer, PathVerdict):
        yield Said("unknown", "the destination is not a pod or Service of this cluster")
        return None
    stop = next((step for step in answer.path if step.result == "stops"), None)
    if answer.verdict == "unknown":
        yield Said("unknown", "; ".join(answer.unknown_because))
        return answer
    if stop is None or answer.allowed:
        yield Said("good", "every step of the path is open")
        notes.ruled_out.append("NetworkPolicies, Services and endpoints")
        return answer
    yield Said("bad", f"{stop.what}: {stop.reason}")
    if not any(finding.rule in EXPLAINED_BY_OBJECTS for finding in notes.findings):
        notes.findings.append(_closed_path(answer, stop))
    return answer


def _closed_path(answer: PathVerdict, stop: PathStep) -> Finding:
    policy = answer.decided_by.policy if answer.decided_by else ""
    source = "policies, Services, EndpointSlices"
    return CLOSED_PATH.finding(
        subject=policy_subject(policy) if policy else Subject(kind="cluster", name=stop.what),
        severity="critical",
        title=f"The path is closed: {stop.reason}",
        evidence=tuple(Evidence(f"{step.what}: {step.reason}", source) for step in answer.path),
        confidence="certain",
        fix="podwire policy --from … --to … shows the path; open it where it stops",
        verify="it connects",
    )


def decided_by_objects(notes: Notes, address: str, why: str) -> Generator[Asked, Sent, bool]:
    """Whether policies, Services or endpoints decide it: they are certain, where the goal is of
    this cluster."""
    if address:
        yield from ask_path(notes, why)
    return bool(notes.findings)


def search_mtu(notes: Notes, address: str) -> Generator[Asked, Sent, None]:
    """The largest packet that passes without fragmentation, by a few sizes."""
    for size in SIZES:
        bytes_in_all = size + ICMP_AND_IP
        result = yield _ping_command(size, address)
        assert isinstance(result, ProbeResult)
        if _did_not_run(result):
            yield Said("unknown", "there is no ping here")
            return
        if result.code == 0:
            yield Said("good", f"{bytes_in_all} bytes pass")
            notes.ruled_out.append(f"packets of {bytes_in_all} bytes pass")
            return
        too_long = "too long" in result.out + result.err
        yield Said(
            "unknown", "larger than this interface's MTU" if too_long else "it does not pass"
        )
    notes.ruled_out.append("the destination does not answer pings")


def _ping_command(size: int, address: str) -> ProbeCommand:
    """One ping of that many bytes of payload, which no router may fragment."""
    argv = ("ping", "-n", "-M", "do", "-c", "1", "-W", "1", "-s", str(size), address)
    does = f"ping with DF and {size + ICMP_AND_IP} bytes: {' '.join(argv)}"
    return ProbeCommand(does, "which size still passes?", argv)


def _did_not_run(result: ProbeResult) -> bool:
    return bool(result.failed) or "not found" in result.err or result.code in (126, 127)
