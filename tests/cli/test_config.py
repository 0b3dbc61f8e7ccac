"""The configuration: precedence, a table a context, and a sentence for everything that is wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import config
from cli.parser import parser
from collectors.errors import ConfigError

TEXT = """
image = "registry.corp/netshoot:1"
pull_timeout_s = 60
theme = "day"
[images]
s390x = "registry.corp/netshoot-s390x:1"
[contexts.prod]
read_only = true
image = "registry.prod/netshoot:2"
"""


def test_the_command_line_before_the_context_before_the_common_keys(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(TEXT)
    loaded = config.load(path)
    plain = parser().parse_args([])
    assert loaded.theme == "day"
    assert loaded.settings(plain, "dev").image == "registry.corp/netshoot:1"
    prod = loaded.settings(plain, "prod")
    assert (prod.image, prod.read_only, prod.pull_timeout_s) == (
        "registry.prod/netshoot:2",
        True,
        60,
    )
    assert prod.image_for("s390x") == "registry.corp/netshoot-s390x:1"
    given = parser().parse_args(["--image", "mine:3", "--pull-policy", "Never", "--yes"])
    mine = loaded.settings(given, "prod")
    assert (mine.image, mine.pull_policy, mine.yes, mine.read_only) == (
        "mine:3",
        "Never",
        True,
        True,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\nimage = x\n", r"is not TOML: Invalid value \(at line 2"),
        (f"pull_timeout_s = {'1' * 5000}", r"is not TOML: Exceeds the limit"),
        (f"image = {'[' * 5000}", r"is not TOML: maximum recursion depth"),
        ("imge = 'x'", r"config\.toml, line 1: there is no key 'imge': the nearest is 'image'\."),
        ("zzzzz = 'x'", r"there is no key 'zzzzz': there are bell, characters, colours, contexts"),
        ("\nreed_only = 'x'", r"line 2: there is no key 'reed_only': the nearest is 'read_only'"),
        (
            "read_only = 'yes'",
            r"'read_only' has a value of the wrong type: it must be true or false",
        ),
        ("pull_policy = 'never'", r"'never'; it must be one of Always, IfNotPresent, Never"),
        ("image = 3", r"'image' has a value of the wrong type"),
        ("pull_timeout_s = true", r"'pull_timeout_s' has a value of the wrong type"),
        ("[contexts.prod]\ntheme = 'day'", r"there is no key 'contexts\.prod\.theme'"),
        ("contexts = 3", r"contexts must be tables"),
        ("pull_secrets = [1]", r"contains a value that is not text"),
        ("thresholds = 3", r"'thresholds' must be tables of numbers"),
        ("[thresholds]\nmtu.stuck = 'x'", r"'thresholds\.mtu\.stuck' must be a number"),
        ("[thresholds]\nmtu.stuck = true", r"'thresholds\.mtu\.stuck' must be a number"),
        ("[thresholds.mtu.stuck]\nx = 1", r"'thresholds\.mtu\.stuck' must be a number"),
    ],
)
def test_what_is_wrong_is_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        config.load(path)


def test_a_missing_file_is_only_wrong_when_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config.load(None) == config.Config()
    with pytest.raises(ConfigError, match="There is no configuration at"):
        config.load(tmp_path / "nope.toml")


def test_options_may_stand_before_and_after_a_command() -> None:
    for line in (["--context", "a", "doctor"], ["doctor", "--context", "a"]):
        assert parser().parse_args(line).context == ["a"]
    both = parser().parse_args(["--image", "x", "clean", "--context", "a", "--context", "b"])
    assert (both.context, both.image, both.read_only) == (["a", "b"], "x", False)


@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan", "-0.5"])
@pytest.mark.parametrize("key", ["sessions_gib", "sessions_days", "pull_timeout_s"])
def test_a_number_is_more_than_nothing(key: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"{key} = {value}")
    with pytest.raises(ConfigError, match=r"must be more than 0|wrong type"):
        config.load(path)


def test_thresholds_are_numbers_under_their_rules(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[thresholds]\nconntrack_full.warning = 60\n"dns_slow.critical" = 500.5\n')
    loaded = config.load(path)
    assert loaded.thresholds == {"conntrack_full.warning": 60.0, "dns_slow.critical": 500.5}
    assert "thresholds" not in loaded.common


@pytest.mark.parametrize(
    "text",
    [
        "read_only = 'no'",
        "read_onyl = false",
        "= 3",
        "read_only = false\n\xff",
        "[contexts.prod]\nread_only = 'x'",
        "[contexts.prod]\nreadonly = 1",
    ],
)
def test_what_may_forbid_something_is_read_as_if_it_did(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode("latin-1"))
    found = config.read(path)
    assert len(found.problems) == 1
    assert found.settings(parser().parse_args([]), "prod").read_only


def test_what_was_said_clearly_beside_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("read_only = false\nreadonly = 3\nrecord = false\nrecrod = 'x'")
    found = config.read(path)
    assert len(found.problems) == 2
    assert not found.settings(parser().parse_args([]), "prod").read_only and not found.record


def test_only_the_console_minds_what_only_it_uses(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("theme = 3\nbell = 'loud'\ncolours = 1\n[keys]\nx = 1")
    assert len(config.load(path).problems) == 4


def test_a_variable_of_the_environment_that_is_wrong_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PODWIRE_READ_ONLY", "maybe")
    monkeypatch.setenv("PODWIRE_SESSIONS_GIB", "-1")
    with pytest.raises(ConfigError, match=r"\$PODWIRE_READ_ONLY has a value of the wrong type"):
        config.load(None)
    found = config.read(None)
    assert len(found.problems) == 2 and found.value("sessions_gib") == 2.0
    assert found.settings(parser().parse_args([]), "prod").read_only
