"""Options that a command cannot honour."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import unused_options
from cli.main import main
from cli.parser import COMMANDS, parser

REFUSED = (
    ("--theme night check", "check cannot honour --theme"),
    ("check --from x --context a --yes", "cannot honour --context, --yes"),
    ("check --from x --for 30s --strict", "cannot honour --for, --strict"),
    ("--record f policy --from a/b --to c/d --port 80", "policy cannot honour --record"),
    ("policy --from a/b --to c/d --port 80 --image x", "cannot honour --image"),
    ("--as bob local", "local cannot honour --as"),
    ("-n shop pcap -o jsonl f", "cannot honour --namespace"),
    ("--no-capture replay f", "replay cannot honour --no-capture"),
    ("--share replay f", "replay cannot honour --share"),
    ("join --share --record f", "join cannot honour --record, --share: leave them out"),
    ("--as bob local", "local cannot honour --as: leave it out"),
    ("--theme day pcap -o jsonl f", "podwire pcap -o jsonl cannot honour --theme"),
)


@pytest.mark.parametrize(("line", "said"), REFUSED)
def test_an_option_that_does_nothing_is_refused(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    assert said in capsys.readouterr().err


def test_what_is_honoured_is_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "none")
    assert main(["check", "--from", missing, "--fail-on", "info", "--budget", "3"]) == 2
    assert "cannot be read" in capsys.readouterr().err
    record = str(tmp_path / "f")
    line = ["--no-capture", "check", "-A", "--record", record, "--strict", "--kubeconfig", missing]
    assert main(line) != 0
    assert "cannot honour" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ["replay", "demo", "join", "pcap", "policy", "local"])
def test_the_help_offers_nothing_that_is_refused(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    offered = set(capsys.readouterr().out.replace(",", " ").split())
    refused = unused_options.UNUSED[command]
    assert not {f"--{name.replace('_', '-')}" for name in refused} & offered
    assert "--help" in offered


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("sessions prune --bogus", "podwire sessions prune"),
        ("check --bogus", "podwire check"),
        ("--bogus", "podwire"),
    ],
)
def test_an_unknown_option_gets_the_usage_of_its_command(
    line: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(line.split())
    said = capsys.readouterr().err
    assert left.value.code == 2 and "unrecognized arguments: --bogus" in said
    assert said.startswith(f"usage: {command} [") and f"{command}: error:" in said


@pytest.mark.parametrize("text", ["-5", "nan", "0", "inf", "x"])
@pytest.mark.parametrize("line", ["check --budget", "check --pull-timeout"])
def test_a_number_that_nothing_can_be_more_than(
    line: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*line.split(), text])
    assert f"{text!r} is not a number above 0" in capsys.readouterr().err


def test_every_command_has_its_list() -> None:
    known = {name.partition(" ")[0] for name in unused_options.UNUSED}
    assert known == set(COMMANDS)
    given = vars(parser().parse_args(["check"]))
    for names in unused_options.UNUSED.values():
        assert set(names) <= {
            *given,
            "theme",
            "characters",
            "mouse",
            "record",
            "no_record",
            "share",
            "share_group",
            "seconds",
            "strict",
        }
