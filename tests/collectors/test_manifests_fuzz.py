"""Manifests that are almost right: whatever is changed in them, there are answers or a ConfigError.

`python -m tests.fuzz.manifests 20000` does the same with more of them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from collectors import manifests
from collectors.errors import ConfigError
from tests.support.foreign_policies import KINDS
from tests.support.fuzzed_manifests import META, OBJECTS, QUESTIONS, check, harmless, texts


def test_unchanged_they_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_text(
        "\n".join(
            json.dumps({"apiVersion": version, "kind": kind, "metadata": META, **rest})
            for version, kind, rest in OBJECTS
        )
    )
    found = manifests.read([path])
    assert {(row.api_version, row.object_kind) for row in found.foreign} == set(KINDS.values())
    assert not found.others
    counts = {kind: len(rows) for kind, rows in found.rows.items()}
    # the pod stands for the Deployment that selects it; the CronJob has none
    assert counts == dict.fromkeys(counts, 1) | {"pods": 2, "endpointslices": 2, "events": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=5000)
@given(texts(), st.lists(QUESTIONS, max_size=3))
def test_answers_or_a_sentence(
    folder: Path, made: tuple[str, str], questions: list[tuple[str, str, tuple[str, str]]]
) -> None:
    suffix, text = made
    path = folder / f"m.{suffix}"
    path.write_text(text, errors="surrogatepass")
    check(path, questions)


@settings(deadline=5000)
@given(st.text(max_size=200) | st.text("{}[]:,&*!|>-'\"#%@` \n\tab1", max_size=80))
def test_any_text(folder: Path, text: str) -> None:
    for suffix in ("yaml", "json"):
        path = folder / f"any.{suffix}"
        path.write_text(text, errors="surrogatepass")
        try:
            manifests.read([path])
        except ConfigError as error:
            assert harmless(str(error)), str(error)
