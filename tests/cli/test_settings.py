"""The table of settings: each default is right by its own rules, each can be set wherever it says, and the reference is
made from it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from cli import config
from cli.config_command import toml
from cli.config_page import page
from cli.config_schema import schema
from cli.parser import parser
from cli.settings import BY_NAME, SETTINGS, Setting, wrong
from session.session_bounds import Bounds
from tests.support.json_schema import violations

ROOT = Path(__file__).parent.parent.parent
OTHER: dict[str, Any] = {  # a value of each setting that is not its default
    "image": "registry.corp/net:1",
    "images": {"s390x": "registry.corp/net-s390x:1"},
    "pull_policy": "Never",
    "pull_timeout_s": 30.0,
    "pull_secrets": ["corp"],
    "node_namespace": "debug",
    "read_only": True,
    "end_on_leave": True,
    "theme": "day",
    "characters": "ascii",
    "mouse": "off",
    "title": False,
    "bell": "notification",
    "record": False,
    "share_group": "sre",
    "sessions_gib": 3.0,
    "sessions_days": 7.0,
}
names = pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.name)


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for setting in SETTINGS:
        monkeypatch.delenv(setting.environment or "-", raising=False)
    return tmp_path / "podwire" / "config.toml"


def test_the_reference_is_made_from_the_table() -> None:
    assert (ROOT / "docs/configuration.md").read_text() == page(), (
        "run: python -m cli.config_page > docs/configuration.md"
    )


def test_each_setting_has_another_value_here() -> None:
    assert OTHER.keys() == BY_NAME.keys()


@names
def test_its_default_and_another_value_are_right(setting: Setting) -> None:
    for value in (setting.default, OTHER[setting.name]):
        assert wrong(setting, value) == ""
        assert list(violations({setting.name: value}, schema(), schema(), "")) == []
    assert OTHER[setting.name] != setting.default


@names
def test_it_may_stand_in_the_file(setting: Setting, nothing_set: Path) -> None:
    nothing_set.parent.mkdir()
    nothing_set.write_text(f"{setting.name} = {toml(OTHER[setting.name])}\n")
    found = config.read(None)
    assert found.problems == ()
    assert in_use(found, setting) == OTHER[setting.name]


@names
def test_the_environment_wins_over_the_file(
    setting: Setting, nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not setting.environment:
        pytest.skip("a table")
    nothing_set.parent.mkdir()
    nothing_set.write_text(f"{setting.name} = {toml(setting.default)}\n")
    other = OTHER[setting.name]
    text = ",".join(other) if isinstance(other, list) else str(other)
    monkeypatch.setenv(setting.environment, text)
    found = config.read(None)
    assert found.problems == ()
    assert in_use(found, setting) == other


@names
def test_its_option_is_one(setting: Setting) -> None:
    help_text = parser().format_help()
    assert not setting.option or f"{setting.option}" in help_text


@names
def test_a_value_of_another_kind_is_a_sentence_and_replaced_by_what_is_safe(
    setting: Setting, nothing_set: Path
) -> None:
    nothing_set.parent.mkdir()
    nothing_set.write_text(f"\n{setting.name} = 1979-05-27\n")
    found = config.read(None)
    (problem,) = found.problems
    assert f"config.toml, line 2: '{setting.name}' has a value of the wrong type" in problem.text
    expected = setting.default if setting.safe is None else setting.safe
    assert in_use(found, setting) == expected


def in_use(found: config.Config, setting: Setting) -> Any:
    if not setting.of_context:
        return found.value(setting.name)
    value = getattr(found.settings(parser().parse_args([]), "prod"), setting.name)
    return list(value) if isinstance(value, tuple) else value


def test_bounds_of_sessions_are_by_default_those_of_the_sessions() -> None:
    assert Bounds(**config.Config().bounds) == Bounds()


def test_values_are_written_as_toml() -> None:
    values = {
        "text": 'a "b" \\ \x1b\x7f é ✓',
        "switch": False,
        "number": 2.5,
        "list": ["a", 'b"'],
        "table": {"x.y": "z"},
    }
    text = "\n".join(f"{name} = {toml(value)}" for name, value in values.items())
    assert tomllib.loads(text) == values
    assert text.isascii() and "\x1b" not in text
