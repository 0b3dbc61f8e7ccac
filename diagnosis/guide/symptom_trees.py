"""The symptoms' trees. Each begins where most causes are, goes on only where the step before left a
question open, and ends in findings or in what was ruled out."""

from __future__ import annotations

from collections.abc import Generator

from diagnosis.guide import Asked, Goal, GuideSession, ProbeCommand, ProbeResult, Said, Sent
from diagnosis.guide.rule_groups import (
    AFTER_THE_HANDSHAKE,
    DNS_ANSWERS,
    DNS_NODE_PATH,
    DNS_REACHED,
    DNS_SPEED,
    INVALID,
    LOSS,
    LOSS_AND_RESETS,
    LOSS_OF_LARGE,
    MTU,
    NODE_DIFFERENCES,
    NODE_PATH,
    NODE_SPEED,
    PER_NODE,
    POLICIES,
    PORTS_AND_QUEUES,
    PROGRAMS,
    QUEUES,
    RECEIVER,
    SERVICES,
    STALE_ENDPOINTS,
    TABLES,
    UNDER_LOAD,
    WHERE_LOST,
    WHO_RESETS,
)
from diagnosis.guide.steps import (
    DEFAULT_PORT,
    Notes,
    ask_path,
    connect,
    decided_by_objects,
    look,
    look_in_turn,
    resolve,
    search_mtu,
)


def cannot_connect(goal: Goal) -> GuideSession:
    """An error at once: somebody answered it. Objects and listeners first."""
    notes = Notes("connect")
    address = yield from resolve(notes, goal)
    if not address:
        return (yield from _unresolved(notes))
    outcome = yield from _connected(notes, goal, address, "is it so, and how does it fail?")
    yield from ask_path(notes, "objects first: they are certain")
    if (yield from look(notes, SERVICES)) or notes.findings:
        return notes.end()
    yield from look_in_turn(notes, POLICIES, NODE_PATH, PORTS_AND_QUEUES, LOSS_AND_RESETS)
    return notes.end(_no_cause(goal, outcome))


def times_out(goal: Goal) -> GuideSession:
    """Silence: something drops, or the server is connected to and does not answer."""
    notes = Notes("timeout")
    address = yield from resolve(notes, goal)
    if not address:
        return (yield from _unresolved(notes))
    outcome = yield from _connected(notes, goal, address, "is it the connection, or the answer?")
    if outcome == "ok":
        yield from look_in_turn(notes, AFTER_THE_HANDSHAKE, LOSS)
        return notes.end()
    yield from ask_path(notes, "a policy drops in silence")
    if (yield from look(notes, POLICIES)) or notes.findings:
        return notes.end()
    yield from look_in_turn(notes, NODE_PATH, PORTS_AND_QUEUES, STALE_ENDPOINTS, WHERE_LOST)
    return notes.end(_no_cause(goal, outcome))


def _connected(notes: Notes, goal: Goal, address: str, why: str) -> Generator[Asked, Sent, str]:
    outcome = yield from connect(goal, address, why)
    if outcome == "ok":
        notes.ruled_out.append("the connection itself: it is made")
    return outcome


def _no_cause(goal: Goal, outcome: str) -> str:
    if outcome == "ok":
        return ""
    state = "reached only sometimes" if outcome == "some" else outcome
    return (
        f"{goal.host}:{goal.port or DEFAULT_PORT} is {state}, and no cause is seen from here: "
        "open the server's pod"
    )


def _unresolved(notes: Notes) -> GuideSession:
    """Whatever it looked like, the symptom is that of a name."""
    notes.symptom = "name"
    yield from look_in_turn(notes, DNS_REACHED, DNS_NODE_PATH)
    return notes.end(
        "the name does not resolve, and DNS answers others: it does not exist, or it is mistyped"
    )


def name(goal: Goal) -> GuideSession:
    notes = Notes("name")
    address = yield from resolve(notes, goal)
    if address:
        yield from look_in_turn(notes, DNS_ANSWERS)
        return notes.end()
    result = yield ProbeCommand(
        f"resolve {goal.host}. with a dot at the end: without search domains",
        "is it the search list?",
        ("timeout", "6", "getent", "ahostsv4", f"{goal.host}."),
    )
    assert isinstance(result, ProbeResult)
    if result.code == 0:
        yield Said("good", "it exists as it is")
    else:
        yield Said("bad", "it does not either")
    return (yield from _unresolved(notes))


def slow(goal: Goal) -> GuideSession:
    notes = Notes("slow")
    address = yield from resolve(notes, goal)
    if (yield from look(notes, DNS_SPEED)):
        return notes.end()
    why = "where some endpoints are closed, clients that try again are slow"
    if (yield from decided_by_objects(notes, address, why)):
        return notes.end()
    if address:
        yield from connect(goal, address, "is the handshake slow?")
    yield from look_in_turn(notes, PROGRAMS, LOSS, NODE_SPEED)
    return notes.end()


def reset(goal: Goal) -> GuideSession:
    notes = Notes("reset")
    address = yield from resolve(notes, goal)
    if address:
        yield from connect(goal, address, "a reset of the SYN is a refusal: another thing")
    if (yield from decided_by_objects(notes, address, "a policy that rejects looks like a reset")):
        return notes.end()
    yield from look_in_turn(notes, INVALID, WHO_RESETS)
    return notes.end()


def one_node(goal: Goal) -> GuideSession:
    notes = Notes("nodes")
    if (yield from look_in_turn(notes, NODE_DIFFERENCES, PER_NODE)):
        return notes.end()
    address = yield from resolve(notes, goal)
    if address:
        yield from connect(goal, address, "from this node")
    yield from ask_path(notes, "policies may name nodes' addresses")
    return notes.end()


def large(goal: Goal) -> GuideSession:
    notes = Notes("large")
    address = yield from resolve(notes, goal)
    if (yield from look(notes, MTU)):
        return notes.end()
    if (yield from decided_by_objects(notes, address, "is the path open at all?")):
        return notes.end()
    if address:
        yield from search_mtu(notes, address)
    yield from look_in_turn(notes, RECEIVER, LOSS_OF_LARGE)
    return notes.end()


def under_load(goal: Goal) -> GuideSession:
    notes = Notes("load")
    address = yield from resolve(notes, goal)
    why = "what is closed breaks without load, too"
    if (yield from decided_by_objects(notes, address, why)):
        return notes.end()
    yield from look_in_turn(notes, TABLES, QUEUES, UNDER_LOAD)
    return notes.end()
