"""A test module is called as the product's module that it tests, and is in the room of that name."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("cli", "tui", "session", "diagnosis", "collectors", "themes", "lab")
# what is tested through several modules, or through other programs; tests/e2e is all of that kind
STORIES = {
    "cli": {"imports"},  # which command imports what
    "collectors": {
        "broken_streams",  # exec and watch streams that are cut
        "busybox",  # commands on another shell
        "compiled_core",  # beside the same code as Python
        "foreign_captures",  # captures of other people's wires
        "foreign_lists",  # lists that another server answers
        "manifests_fuzz",
        "refusals",  # each refusal of a cluster, through connection and attachment
        "sampler_load",  # what the sampler costs
        "tshark",  # beside another decoder
    },
    "diagnosis": {
        "oracle",  # beside an independent implementation
        "policy_cases",
        "policy_coverage",
        "rule_table",  # all rules at once
    },
    "lab": {
        "fixes",  # what findings advise, tried
        "host",  # what the lab leaves
        "kubectl",  # the API server as kubectl sees it
        "parts",
        "rights",  # verdicts with rights that RBAC narrows
        "scale",
        "transcripts",  # beside a real API server's answers
    },
    "session": {"source_contract"},  # one contract over all sources
    "tui": {
        "hostile",  # text from outside through every screen
        "opening",  # the first frame
        "random_keys",
        "terminals",  # of every kind and size, in the real program
        "replay_equals_live",
        "snapshots",
    },
}


def module_names(room: str) -> set[str]:
    """The modules and packages of a room, at any depth."""
    paths = [path.relative_to(ROOT) for path in (ROOT / room).rglob("*.py")]
    return {path.parent.name if path.stem == "__init__" else path.stem for path in paths}


def names_of_tests(room: str) -> set[str]:
    return {path.stem.removeprefix("test_") for path in (ROOT / "tests" / room).rglob("test_*.py")}


def test_a_test_module_is_named_as_what_it_tests() -> None:
    strangers = {
        f"tests/{room}: test_{name}.py"
        for room in ROOMS
        for name in names_of_tests(room) - module_names(room) - STORIES.get(room, set())
    }
    assert not strangers, f"no module of that name, rename it or name it in STORIES: {strangers}"


def test_every_story_is_there() -> None:
    gone = {
        f"{room}: {name}"
        for room, names in STORIES.items()
        for name in names - names_of_tests(room)
    }
    assert not gone
