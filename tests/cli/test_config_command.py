"""`podwire config`: what is in force, where it comes from, as a file that says the same."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import config
from cli.main import main
from cli.settings import SETTINGS
from tests.support.declared_thresholds import as_declared
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
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for setting in SETTINGS:
        monkeypatch.delenv(setting.environment or "-", raising=False)
    (tmp_path / "podwire").mkdir()
    with as_declared():
        yield tmp_path / "podwire" / "config.toml"


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
        "line 1: There is no theme 'nite'. The nearest is 'night'.",
        "line 2: there is no key 'read_onyl': the nearest is 'read_only'.",
        "line 4: keys.target.capture: 'd' is app.findings already, on the same screen",
        "line 5: there is no key 'keys.target.x': there are again, back, capture",
    ):
        assert sentence in text
    assert values["read_only"] is True and origin_of(text, "read_only") == "to be safe: see below"
    assert values["keys"]["target"]["capture"] == "c"
    assert (values["theme"], origin_of(text, "theme")) == ("auto", "night: see below")


def test_what_is_not_in_force_is_not_printed_as_if_it_were(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    path.write_text(
        'read_only = "yes"\n[thresholds]\nconntrack_full.warning = 60\nx.y = 1\nx.z = 2\n'
    )
    code, values, text = shown(capsys)
    assert code == 2 and values["read_only"] is True
    assert origin_of(text, "read_only") == "to be safe: see below"
    assert origin_of(text, '"conntrack_full.warning"') == "line 3; not all are used: see below"
    assert "'x.y'" in text and "'x.z'" in text  # each, not the first alone


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


VALUES = (
    "3", "-1", "1e400", "nan", "true", "'x'", '"\\u001b[2J\\u202e"', "[]", "[1]", "['']", "{}",
    "{a=1}", "2020-01-01", "12:30:00", f"'{'x' * 5000}'", "[['a']]", "{a={b='c'}}",
    f"0x{'f' * 300}", '"\\u0000"', "'''a\nb'''", "['q', 'q']", "'ctrl+c'",
)  # fmt: skip
NAMES = (
    *(one.name for one in SETTINGS),
    *("colours", "keys", "contexts", "thresholds", "imge", '"\\u001b[2J"', "''", "a.b.c"),
    *("colours.primary", "colours.nope", "keys.app", "keys.app.help", "keys.target.nope"),
    *("contexts.prod", 'contexts."\\u202e".image', "contexts.prod.read_only", "contexts.p.theme"),
    *("thresholds.mtu.stuck", "thresholds.conntrack_full.warning", "thresholds.''.''"),
)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_any_value_of_any_key_is_used_or_is_a_sentence(
    name: str, capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    for value in VALUES:
        path.write_text(f"{name} = {value}\n")
        code, values, text = shown(capsys)
        assert code in (0, 2), (value, text)
        assert {one.name for one in SETTINGS} <= values.keys()
        said = [line for line in text.splitlines() if line.startswith("podwire: ")]
        assert bool(said) == (code == 2), (value, said)
        assert all(line.isprintable() and line.endswith(".") for line in said), (value, said)
        assert "error of its own" not in text and "\u202e" not in text


@pytest.mark.slow
@pytest.mark.parametrize("name", [one.environment for one in SETTINGS if one.environment])
def test_any_value_of_a_variable_is_used_or_is_a_sentence(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("", "x", "1", "-1", "nan", "1e400", "\x1b[2J", "\udcff", "a,b", ",", "9" * 5000):
        monkeypatch.setenv(name, value)
        code, _, text = shown(capsys)
        assert code in (0, 2), (value, text)
        assert "error of its own" not in text and "\x1b" not in text


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe",
        b"\x00",
        b"a = " + b"[" * 5000,
        b"a = " + b"1" * 5000,
        b"[" * 5000,
        b"\xef\xbb\xbf",
    ],
)
def test_a_file_that_is_none_is_a_sentence(
    data: bytes, capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    path.write_bytes(data)
    code, values, text = shown(capsys)
    assert code == 2 and values["read_only"] is True
    assert "podwire: " in text and "error of its own" not in text
