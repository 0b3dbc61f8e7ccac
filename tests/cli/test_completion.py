"""What a shell offers, by the parser that the commands have; never later than its deadline."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.completion import DEADLINE_S, LONGER, NO_FILES, glued, offered
from cli.parser import parser
from tests.support.name_server import kubeconfig, name_server

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
KUBECTL = Path(sys.executable).parent / "kubectl"
START_S = 2.5  # of Python, on a busy machine, beside the deadline
PROGRAM = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(ROOT)!r})
from podwire import main
sys.exit(main())
"""


def names(*words: str) -> list[str]:
    *before, prefix = words
    return list(offered(parser(), before, prefix).candidates)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with what the wheel installs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("podwire", "kubectl-podwire", "kubectl_complete-podwire"):
        (folder / name).write_text(PROGRAM)
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def environment(programs: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A cluster with a few names."""
    with name_server() as url:
        config = kubeconfig(tmp_path / "config", url)
        path = f"{programs}:{os.environ['PATH']}"
        yield {**os.environ, "PATH": path, "KUBECONFIG": str(config), LONGER: "20"}


def printed(environment: dict[str, str], *command: str) -> list[str]:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.splitlines()


def asked(environment: dict[str, str], *words: str) -> list[str]:
    """Candidates without what they mean, and the directive."""
    found = printed(environment, "podwire", "__complete", *words)
    return [line.partition("\t")[0] for line in found]


def test_commands_and_options_come_from_the_parser() -> None:
    assert {"check", "policy", "open", "completion"} <= set(names(""))
    assert names("che") == ["check"]
    assert names("check", "--fail") == ["--fail-on"]
    assert names("check", "--fail-on", "") == ["critical", "warning", "info", "never"]
    assert names("check", "--fail-on=n") == ["--fail-on=never"]
    assert names("lab", "fa") == ["fault"]
    assert names("lab", "fault", "") == ["on", "off", "list"]


def test_every_option_in_the_help_of_every_command_is_offered() -> None:
    top = parser()
    (commands,) = (action for action in top._actions if action.dest == "command")
    assert commands.choices is not None
    for name, command in dict(commands.choices).items():
        shown = command.format_help()
        assert all(option in shown for option in names(name, "--")), name
        assert len(names(name, "--")) >= 1


def test_an_option_that_a_command_refuses_is_not_offered() -> None:
    assert "--context" not in names("lab", "--")
    assert "--theme" not in names("check", "--")


def test_values_before_a_command_are_passed_over() -> None:
    assert names("--context", "prod", "-n", "check", "che") == ["check"]
    assert names("--context=prod", "--read-only", "che") == ["check"]


def test_faults_and_themes_are_those_there_are() -> None:
    assert "conntrack-full" in names("lab", "--fault", "")
    assert "conntrack-full" in names("lab", "fault", "on", "conn")
    assert "conntrack-full" in names("lab", "serve", "--fault", "conn")
    assert names("--theme", "ni") == ["night"]


def test_themes_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "themes").mkdir()
    (tmp_path / "themes" / "nile.toml").write_text("dark = true\n")
    config = str(tmp_path / "config.toml")
    assert names("--config", config, "--theme", "ni") == ["night", "nile"]


def test_sessions_and_where_none_begins_so_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "podwire" / "sessions" / "20260101T1200-1").mkdir(parents=True)
    for words in (["replay"], ["report"], ["check", "--from"], ["check", "--since"]):
        assert names(*words, "") == ["last", "20260101T1200-1"], words
        assert names(*words, "2") == ["20260101T1200-1"], words
        offer = offered(parser(), words, "/srv/rec")
        assert (offer.candidates, offer.directive) == ({}, 0), words
    assert names("sessions", "export", "l") == ["last"]
    assert offered(parser(), ["sessions", "export"], "/srv").directive == NO_FILES
    assert names("join", "") == []  # none is shared: those that were recorded cannot be joined


def test_names_of_the_cluster(environment: dict[str, str]) -> None:
    assert asked(environment, "-n", "") == ["data", "shop", ":4"]
    assert asked(environment, "check", "node/") == ["node/n1", "node/n2", ":4"]
    assert asked(environment, "check", "pod/") == ["pod/web-1", "pod/web-2", ":4"]
    assert asked(environment, "check", "-n", "data", "pod/") == ["pod/db-0", ":4"]
    assert asked(environment, "svc/w") == ["svc/web", ":4"]
    assert asked(environment, "shop/web-") == ["shop/web-1", "shop/web-2", ":4"]
    assert asked(environment, "policy", "--from", "shop/deploy/") == ["shop/deploy/web", ":4"]
    first = asked(environment, "check", "")
    assert {"shop/", "data/", "pod/", "svc/"} <= set(first) and first[-1] == ":6"


def test_contexts_need_no_server(tmp_path: Path, programs: Path) -> None:
    config = kubeconfig(tmp_path / "config", "http://192.0.2.1")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    found = asked(environment, "--kubeconfig", str(config), "--context", "p")
    assert found == ["prod", ":4"]


def test_a_path_is_left_to_the_shell() -> None:
    for words in (("--kubeconfig", ""), ("pcap", ""), ("policy", "-f", "")):
        offer = offered(parser(), list(words[:-1]), words[-1])
        assert (offer.candidates, offer.directive) == ({}, 0), words


def is_gone(pid: int, within_s: float) -> bool:
    """Ended; whoever is its parent by now collects it soon."""
    until = time.monotonic() + within_s
    while psutil.pid_exists(pid) and time.monotonic() < until:
        with contextlib.suppress(psutil.Error):
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        time.sleep(0.05)
    return not psutil.pid_exists(pid)


@pytest.mark.parametrize("server", ["silent", "plugin", "no address"])
def test_a_dead_cluster_keeps_no_prompt(server: str, tmp_path: Path, programs: Path) -> None:
    """Neither one that is silent, nor a plugin for credentials that waits, and that is ended."""
    log = tmp_path / "pid"
    plugin = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "sh",
            "args": ["-c", f"echo $$ > {log}; exec sleep 60"],
            "interactiveMode": "IfAvailable",
        }
    }
    with name_server(silent_s=30.0) as url:
        where = "http://192.0.2.1:1" if server == "no address" else url
        config = kubeconfig(tmp_path / "config", where, plugin if server == "plugin" else None)
        path = f"{programs}:{os.environ['PATH']}"
        begun = time.monotonic()
        found = asked({**os.environ, "PATH": path, "KUBECONFIG": str(config)}, "check", "pod/")
        assert time.monotonic() - begun < DEADLINE_S + START_S
    assert found == [":4"]
    if log.exists() and log.read_text():
        assert is_gone(int(log.read_text()), within_s=5.0)


def test_what_goes_wrong_is_silence(programs: Path, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("no: [kubeconfig")
    path = f"{programs}:{os.environ['PATH']}"
    done = subprocess.run(
        ["podwire", "__complete", "--context", ""],
        env={**os.environ, "PATH": path, "KUBECONFIG": str(config)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert (done.stdout, done.stderr) == (":4\n", "")


def test_kubectl_completes_its_plugin(environment: dict[str, str]) -> None:
    """The real kubectl, as its own scripts for shells ask it."""
    found = printed(environment, str(KUBECTL), "__complete", "podwire", "check", "node/")
    assert found[:2] == ["node/n1", "node/n2"] and ":4" in found
    found = printed(environment, str(KUBECTL), "__complete", "podwire", "--context", "p")
    assert found[0] == "prod"


def test_kubectl_runs_its_plugin(environment: dict[str, str]) -> None:
    assert printed(environment, str(KUBECTL), "podwire", "--version")[0].startswith("podwire ")
    assert "usage: kubectl podwire" in printed(environment, str(KUBECTL), "podwire", "-h")[0]


def test_bash_words_are_joined_as_they_were_typed() -> None:
    assert glued(["--context", "=", "a", ":", "b", "@", "c", "-n", ""]) == [
        "--context=a:b@c", "-n", "",
    ]  # fmt: skip


BASH = """source <(podwire completion bash)
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _podwire
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("podwire che", ["check"]),
        ("podwire --context = pr", ["prod"]),
        ("podwire --context a : b", ["b@c"]),
        ("podwire --context a : b @ ''", ["c"]),
        ("podwire --context '$'", [r"\$\(touch\$IFS-x\)"]),
        ("podwire check node/n1", ["node/n1"]),
    ],
)
def test_bash_offers_them_quoted(
    words: str, expected: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH.format(words=words)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == expected
    assert not (tmp_path / "-x").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_script_is_read_by_its_shell(
    shell: str, environment: dict[str, str], tmp_path: Path
) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} on this machine")
    script = tmp_path / "script"
    script.write_text("\n".join(printed(environment, "podwire", "completion", shell)) + "\n")
    subprocess.run([shell, "-n", str(script)], check=True)


def test_fish_offers_them(environment: dict[str, str]) -> None:
    if not shutil.which("fish"):
        pytest.skip("no fish on this machine")
    asked_of = "podwire completion fish | source; complete -C 'podwire check node/'"
    found = printed(environment, "fish", "--no-config", "-c", asked_of)
    assert [line.partition("\t")[0] for line in found] == ["node/n1", "node/n2"]
