"""Guided sessions, driven without a cluster: the tree of each symptom, with answers made by hand."""

from __future__ import annotations

import pytest

from collectors.findings import Finding, Subject
from diagnosis import rules
from diagnosis.guide import (
    AskPath,
    Conclusion,
    Goal,
    Look,
    Looked,
    ProbeCommand,
    ProbeResult,
    Said,
    Sent,
    rule_groups,
    symptoms,
)
from diagnosis.guide.rule_groups import RuleGroup
from diagnosis.reachability.blind_spots import BlindSpot, BlindSpots
from diagnosis.reachability.deliveries import PathStep, PathVerdict
from diagnosis.rule import SymptomName
from tests.support.rules import unknown_ids

GOAL = Goal("api.shop", 80)
OPEN = PathVerdict("allowed", False, None, (PathStep("Service", "ok", "fine"),))


def played(
    name: str,
    found: dict[str, Finding],
    resolves: bool = True,
    connects: str = "4",
    unseen: tuple[str, ...] = (),
    looked: list[Look] | None = None,
) -> tuple[list[str], Conclusion]:
    """(what was done, how it ended) where these rules have found something."""
    symptom = next(s for s in symptoms() if s.name == name)
    session, answer, done = symptom.start(GOAL), None, []
    sent: Sent = answer
    try:
        while True:
            asked = session.send(sent)
            sent = None
            if isinstance(asked, Said):
                assert asked.text
                continue
            assert asked.does and asked.why, "it says what it does and why, before it does it"
            done.append(asked.does)
            if isinstance(asked, Look):
                (looked if looked is not None else []).append(asked)
                sent = Looked(tuple(found[rule] for rule in asked.rules if rule in found), unseen)
            elif isinstance(asked, AskPath):
                sent = OPEN
            elif isinstance(asked, ProbeCommand) and "getent" in asked.argv:
                sent = (
                    ProbeResult(0, "10.96.0.1 STREAM x", "") if resolves else ProbeResult(2, "", "")
                )
            elif "ping" in asked.argv:
                sent = ProbeResult(0, "", "")
            else:
                sent = ProbeResult(
                    0, connects, "" if connects == "4" else "connect: Connection refused"
                )
            assert len(done) < 30
    except StopIteration as end:
        return done, end.value


@pytest.mark.parametrize("symptom", [s.name for s in symptoms()])
def test_where_nothing_is_wrong_it_says_what_was_ruled_out(symptom: str) -> None:
    done, end = played(symptom, {})
    assert not end.found and end.text.startswith("ruled out: ") and done


@pytest.mark.parametrize(
    ("symptom", "rule"),
    [
        ("connect", "target_port"),
        ("connect", "policy_drops"),
        ("connect", "missing_route"),
        ("timeout", "conntrack_full"),
        ("timeout", "ephemeral_ports"),
        ("slow", "dns_slow"),
        ("slow", "slow_server"),
        ("slow", "cpu_steal"),
        ("reset", "conntrack_invalid"),
        ("reset", "resets"),
        ("name", "dns_search"),
        ("nodes", "missing_fdb"),
        ("nodes", "external_local"),
        ("large", "mtu"),
        ("large", "receiver"),
        ("load", "conntrack_full"),
        ("load", "listen_queue"),
        ("load", "dns_search"),
    ],
)
def test_a_cause_is_found_and_what_comes_after_is_skipped(symptom: str, rule: str) -> None:
    finding = Finding(
        rule=rule,
        severity="critical",
        subject=Subject(kind="address", name="here"),
        title="It is this",
    )
    whole, _ = played(symptom, {})
    done, end = played(symptom, {rule: finding})
    assert end.found and end.findings == (finding,) and end.text == "here: It is this"
    assert len(done) <= len(whole)


def test_a_name_that_does_not_resolve_leads_to_dns() -> None:
    done, end = played(
        "connect",
        {
            "dns_failing": Finding(
                rule="dns_failing",
                severity="critical",
                subject=Subject(kind="address", name="pod"),
                title="SERVFAIL",
            )
        },
        resolves=False,
    )
    assert end.findings and not any("connect 4 times" in step for step in done)
    _, end = played("connect", {}, resolves=False)
    assert end.found and "it does not exist" in end.text


def test_a_failure_without_a_cause_is_said_plainly() -> None:
    _, end = played("connect", {}, connects="0")
    assert end.found and "no cause is seen from here" in end.text


def test_an_error_and_silence_are_followed_by_different_trees() -> None:
    """A refusal was answered by somebody: Services first. Silence is a drop, or a late answer."""
    refused, _ = played("connect", {}, connects="0")
    silent, _ = played("timeout", {}, connects="0")
    late, _ = played("timeout", {}, connects="4")
    first = {
        name: next(s for s in done if s.startswith("look"))
        for name, done in (("refused", refused), ("silent", silent), ("late", late))
    }
    assert first == {
        "refused": "look at Services and endpoints",
        "silent": "look at policies that drop",
        "late": "look at the server and the receiver",
    }


@pytest.mark.parametrize("symptom", [s.name for s in symptoms()])
def test_every_rule_of_a_symptom_is_looked_at(symptom: SymptomName) -> None:
    """A rule that declares a symptom is asked for it, without a word in the trees."""
    for rule in rules.of_symptom(symptom):
        finding = Finding(
            rule=rule,
            severity="critical",
            subject=Subject(kind="node", name="n1"),
            title="It is this",
        )
        _, end = played(symptom, {rule: finding})
        assert end.findings == (finding,), f"{rule} is not found by the tree of {symptom!r}"


def test_rules_that_the_guide_names_exist() -> None:
    groups = {name: one for name, one in vars(rule_groups).items() if isinstance(one, RuleGroup)}
    wrong = [
        text
        for name, group in groups.items()
        for text in unknown_ids(group.rules, f"diagnosis/guide/rule_groups.py: {name}")
    ]
    assert groups and not wrong, "\n".join(wrong)


Tried = tuple[str, bool, str]  # a symptom, whether the name resolves, connections that are made
TREES: tuple[Tried, ...] = tuple(
    (symptom.name, resolves, made)
    for symptom in symptoms()
    for resolves in (True, False)
    for made in ("4", "0")
)


def looks(symptom: str, resolves: bool, made: str) -> list[Look]:
    """What a tree looks at where nothing is found."""
    asked: list[Look] = []
    played(symptom, {}, resolves, made, looked=asked)
    return asked


@pytest.mark.parametrize("tree", TREES)
def test_what_is_looked_at_declares_the_symptom(tree: Tried) -> None:
    """Declarations of rules are the one list: a name that does not resolve is its own symptom."""
    symptom, resolves, _ = tree
    asked = looks(*tree)
    names_alone = not resolves and symptom in ("connect", "timeout")
    declared = {
        row.rule.id
        for row in rules.table()
        if ("name" if names_alone else symptom) in row.rule.symptoms
    }
    assert {rule for look in asked for rule in look.rules} == declared
    assert all(look.rules for look in asked), "a step that looks at nothing is no step"


def test_every_rule_of_a_group_is_looked_at_in_its_step() -> None:
    """A rule that no symptom of its group has is a list that disagrees with the rule."""
    looked = {
        (one.does, one.why, rule) for tree in TREES for one in looks(*tree) for rule in one.rules
    }
    idle = [
        f"diagnosis/guide/rule_groups.py: {name} names {rule!r}, which declares no symptom whose "
        "tree has that step: declare it in the rule, or leave it out here."
        for name, group in vars(rule_groups).items()
        if isinstance(group, RuleGroup)
        for rule in group.rules
        if (group.does, group.why, rule) not in looked
    ]
    assert not idle, "\n".join(idle)


REFUSED = "NetworkPolicies could not be listed: forbidden."


def test_what_was_not_seen_is_not_ruled_out() -> None:
    """Silent rules say nothing of policies that could not be read."""
    _, seen = played("timeout", {}, connects="0")
    _, blind = played("timeout", {}, connects="0", unseen=(REFUSED,))
    assert REFUSED in blind.text and REFUSED not in seen.text
    _, end = played("slow", {}, unseen=(REFUSED,))
    assert REFUSED in end.text and "polic" not in end.text.partition("(not known")[0]


def test_rules_name_the_lists_that_they_look_at() -> None:
    blind = BlindSpots((BlindSpot("networkpolicies", "no"), BlindSpot("nodes", "no")))
    assert rules.unseen(("policy_drops",), blind) == ["NetworkPolicies could not be listed: no."]
    assert rules.unseen(("udp_buffer",), blind) == []
    assert len(rules.unseen(rules.ids(), blind)) == 2
