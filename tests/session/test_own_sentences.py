"""Which words of a sentence podwire wrote: never one that it was given."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from session.own_sentences import OwnSentences, own_sentences, sentences_in

SOURCE = '''
"""No sentence at all."""
RULE = Rule(title="The table is full", fix="kubectl -n {namespace} get pod {name} -w")
def evidence(node, full):
    """Also no sentence."""
    yield f"{node} keeps idle connections for {node} s"
    yield f"{'not ' if full else ''}with {node}: {'no more than this' if full else ''}"
    yield "its readiness " + changes(node) + " comes and goes"
    return f"""# {node} in front of it
of {node} nobody knows a thing"""
'''


def own(text: str, sentences: OwnSentences | None = None) -> str:
    """A text with podwire's words in capitals."""
    places = (sentences or OwnSentences(sentences_in(SOURCE))).places(text)
    for begin, end in places:
        text = text[:begin] + text[begin:end].upper() + text[end:]
    return text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The table is full", "THE TABLE IS FULL"),
        ("web/idle keeps idle connections for 4 s", "web/idle KEEPS IDLE CONNECTIONS FOR 4 s"),
        ("warning: The table is full", "warning: THE TABLE IS FULL"),
        ("web (The table is full)", "web (THE TABLE IS FULL)"),
        ("kubectl -n pod get pod get -w", "KUBECTL -N pod GET POD get -w"),
        ("its readiness table comes and goes", "ITS READINESS table COMES AND GOES"),
        ("# table in front of it", "# table IN FRONT OF IT"),
        ("of table nobody knows a thing", "of table NOBODY KNOWS A THING"),
        ("idle keeps idle connections-web for 4 s", "idle keeps idle connections-web for 4 s"),
        ("The table is full-1", "The table is full-1"),
        ("the table is full, they say", "the table is full, they say"),
        ("No sentence at all.", "No sentence at all."),
        ("Also no sentence.", "Also no sentence."),
    ],
)
def test_fixed_words_alone_are_its_own(text: str, expected: str) -> None:
    assert own(text) == expected


def test_what_has_two_readings_is_nobodys() -> None:
    text = "web keeps idle connections for keeps idle connections for 4 s"
    assert own(text) == text


words = st.sampled_from(["keeps", "idle", "connections", "for", "web", "s", "at", "table"])
names = st.lists(words, min_size=1, max_size=5).map(" ".join)


@given(names, names)
def test_no_word_that_it_was_given_is_its_own(first: str, second: str) -> None:
    sentences = OwnSentences(sentences_in('f"{a} keeps idle connections for {b} s"'))
    fixed = " keeps idle connections for "
    begin = len(first)
    text = f"{first}{fixed}{second} s"
    for place in sentences.places(text):
        assert begin <= place[0] and place[1] <= begin + len(fixed)


def test_those_of_the_rules_are_known() -> None:
    own_words = own_sentences()
    said = "1 of 2 endpoints are out: their probes fail"
    assert own(said, own_words) == "1 of 2 ENDPOINTS ARE OUT: THEIR PROBES FAIL"
    line = "# one day instead of five for idle connections, as kube-proxy does"
    assert own(f"net.x = 1\n{line}", own_words) == f"net.x = 1\n{line.upper()}"
