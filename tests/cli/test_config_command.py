"""`podwire config`: what is in force, where it comes from, as a file that says the same."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cli import config
from cli.main import main
from cli.settings import SETTINGS
from tests.support.json_schema import violations
from tui.actions import ACTIONS

TEXT = """image = "registry.corp/net:1"
theme = "day"
[colours]
primary = "#10406f"
[keys.target]
capture = ["f5", "C"]
[contexts.prod]
read_only = true
"""


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for setting in SETTINGS:
        monkeypatch.delenv(setting.environment or "-", raising=False)
    (tmp_path / "podwire").mkdir()
    return tmp_path / "podwire" / "config.toml"


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    """The exit code, the file that was printed, and all that was."""
    code = main([*arguments, "config"])
    out, err = capsys.readouterr()
    return code, tomllib.loads(out), out + err


def origin_of(text: str, name: str) -> str:
    line = next(line for line in text.splitlines() if line.startswith(f"{name} = "))
    return line.partition("  # ")[2].strip()


def test_each_value_has_its_origin(
    capsys: pytest.CaptureFixture[str], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(TEXT)
    monkeypatch.setenv("PODWIRE_BELL", "bell")
    code, values, text = shown(capsys, "--pull-policy", "Never")
    assert code == 0, text
    assert values["image"] == "registry.corp/net:1" and origin_of(text, "image") == "line 1"
    assert origin_of(text, "theme") == "line 2"
    assert values["bell"] == "bell" and origin_of(text, "bell") == "$PODWIRE_BELL"
    assert values["pull_policy"] == "Never" and origin_of(text, "pull_policy") == "--pull-policy"
    assert origin_of(text, "record") == "default"
    assert values["colours"]["primary"] == "#10406f" and origin_of(text, "primary") == "line 4"
    assert origin_of(text, "secondary") == "theme day"
    assert values["keys"]["target"]["capture"] == ["f5", "C"]
    assert origin_of(text, "capture").startswith("line 6;")
    assert values["contexts"] == {"prod": {"read_only": True}}


def test_it_has_every_setting_colour_and_key(capsys: pytest.CaptureFixture[str]) -> None:
    code, values, _ = shown(capsys)
    assert code == 0
    assert {one.name for one in SETTINGS} | {"colours", "keys"} == values.keys()
    assert sum(len(table) for table in values["keys"].values()) == len(ACTIONS)


def test_what_it_prints_says_the_same_again(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    path.write_text(TEXT)
    _, values, text = shown(capsys)
    path.write_text(text)
    assert config.read(None).problems == ()
    code, again, _ = shown(capsys)
    assert (code, again) == (0, values)


def test_what_is_wrong_is_said_and_the_rest_is_shown(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    path.write_text('theme = "nite"\nread_onyl = true\n[keys.target]\ncapture = "d"\nx = "y"\n')
    code, values, text = shown(capsys)
    assert code == 2
    for sentence in (
        "There is no theme 'nite'. Known: night,",
        "line 2: there is no key 'read_onyl': the nearest is 'read_only'.",
        "line 4: keys.target.capture: 'd' is app.findings already, on the same screen",
        "line 5: there is no key 'keys.target.x': there are again, back, capture",
    ):
        assert sentence in text
    assert values["read_only"] is True and origin_of(text, "read_only") == "to be safe: see below"
    assert values["keys"]["target"]["capture"] == "c"


def test_colours_that_cannot_be_read_are_named_with_pair_and_figure(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    path.write_text('[colours]\nforeground = "#444444"\nprimary = "red"\n')
    code, _, text = shown(capsys)
    assert code == 2
    assert "line 3: primary = 'red': a colour is #rrggbb." in text
    assert "below a contrast of 4.5: foreground on background 1.9" in text


def test_the_schema_knows_what_is_printed(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    path.write_text(TEXT)
    _, values, _ = shown(capsys)
    assert main(["config", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    wrong = dict(values, imge="x", record="no", bell="loud")
    assert list(violations(values, schema, schema, "")) == []
    assert len(list(violations(wrong, schema, schema, ""))) == 3


def test_options_that_it_cannot_honour_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--context", "prod"]) == 2
    assert "cannot honour --context" in capsys.readouterr().err
