"""`podwire doctor` names the packages that bring rules, and what is wrong with them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from cli import doctor

NOTES = [
    "rules of packages: acme-rules 1.0 (acme_table)",
    "The rule 'acme_broken' of acme-rules 1.0 is left out: it has no RULE = Rule(…).",
]


def test_rules_of_packages_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "package_notes", lambda: NOTES)
    cluster = SimpleNamespace(namespace="shop", context="prod", user="alice", version="v1.36")
    settings = SimpleNamespace(image="netshoot", pull_policy="Always")
    doctor._print_cluster(cast(Any, cluster), cast(Any, settings))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("context prod, namespace shop, as alice")
    assert lines[2:] == [*NOTES, ""]
