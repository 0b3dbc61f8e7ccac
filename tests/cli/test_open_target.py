"""A target where a command could stand: `podwire pod/web -n shop`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.main import main
from cli.open_target import prepare, with_open
from cli.parser import parser
from collectors.errors import ConfigError
from tests.support.fake_api import serving
from tests.support.listed_cluster import ListedCluster
from tests.support.pseudo_terminal import podwire


@pytest.mark.parametrize(
    ("line", "rewritten"),
    [
        ("shop/web", "open shop/web"),
        ("pod/web -n shop", "open pod/web -n shop"),
        ("-n shop --yes deploy/web", "-n shop --yes open deploy/web"),
        ("--kubeconfig /etc/k svc/x", "--kubeconfig /etc/k open svc/x"),
        ("--kubeconfig=/etc/k node/n1 --read-only", "--kubeconfig=/etc/k open node/n1 --read-only"),
        ("--record a/b", "--record a/b"),
        ("--theme day check ns/shop", "--theme day check ns/shop"),
        ("replay a/b", "replay a/b"),
        ("-n shop", "-n shop"),
        ("", ""),
    ],
)
def test_a_first_word_with_a_slash_is_a_target(line: str, rewritten: str) -> None:
    assert with_open(line.split()) == rewritten.split()


def options(line: str) -> argparse.Namespace:
    return parser().parse_args(with_open(line.split()))


def test_options_stand_before_and_after_it() -> None:
    found = options("-n a pod/web --context prod --read-only --no-capture --yes -n shop")
    assert (found.command, found.target, found.namespace) == ("open", "pod/web", "shop")
    assert found.read_only and found.yes and found.no_capture


def test_a_namespace_is_one_to_begin_with() -> None:
    found = options("ns/shop")
    prepare(found)
    assert (found.namespace, found.target) == ("shop", "")
    with pytest.raises(ConfigError, match="names no target"):
        prepare(options("a/b/c/d"))


WEB = "web-6d5f7c9b8"


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    with serving(ListedCluster(), tmp_path) as path:
        yield path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "says"),
    [
        (f"pod/{WEB}-aaaaa", f"Open pod shop/{WEB}-aaaaa"),
        (f"shop/{WEB}-aaaaa", f"Open pod shop/{WEB}-aaaaa"),
        ("deploy/web", f"Open pod shop/{WEB}-bbbbb"),
        ("svc/web", f"Open pod shop/{WEB}-bbbbb"),
        ("node/n1", "Open node n1"),
        (f"pod/{WEB}-ccccc", rf"There is no\s[\s\S]*pod/{WEB}-ccccc"),
        ("svc/wbe", "There is no svc/wbe in namespace shop. There is web."),
        ("deploy/nobody", "There is no pod of deploy/nobody in namespace shop. Write"),
        ("svc/lonely", "There is no pod behind svc/lonely in shop."),
        ("node/n9", r"There is no node/n9"),
        ("data/web", "There is no web in namespace data."),
    ],
)
def test_the_console_opens_it_or_says_why_not(
    target: str, says: str, kubeconfig: Path, tmp_path: Path
) -> None:
    """The worst pod of a workload, and of those behind a Service; it asks before it attaches."""
    arguments = ("--no-record", "--kubeconfig", str(kubeconfig), target, "-n", "shop")
    with podwire(arguments, tmp_path, size=(40, 160)) as terminal:
        terminal.until(says)
        terminal.send(b"\x1b")
        terminal.read(0.5)
        assert terminal.quit() == 0
        assert "Traceback" not in terminal.text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("ns/nowhere", "There is no namespace 'nowhere' in this cluster."),
        ("a/b/c/d", "'a/b/c/d' names no target: write NAMESPACE/POD;"),
        ("pod/", "'pod/' names no target"),
        ("pod/x --context nope", "There is no context 'nope' in the kubeconfig. Known: c"),
    ],
)
def test_what_cannot_be_opened_ends_with_a_sentence(
    line: str, says: str, kubeconfig: Path, tmp_path: Path
) -> None:
    arguments = ("--no-record", "--kubeconfig", str(kubeconfig), *line.split())
    with podwire(arguments, tmp_path, size=(40, 160)) as terminal:
        assert terminal.ended() == 2
        assert f"podwire: {says}" in terminal.text()


@pytest.mark.slow
@pytest.mark.parametrize("target", ["pod/nope", "svc/nope", "deploy/nope", "node/nope", "ns/nope"])
def test_check_has_the_same_sentence_for_what_is_not_there(
    target: str,
    kubeconfig: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    given = ["check", target, "-n", "shop", "--yes", "--kubeconfig", str(kubeconfig)]
    assert main(given) == 2
    said = capsys.readouterr().err
    other = {"ns/nope": "namespace", "deploy/nope": "pod of deploy/nope"}
    wanted = other.get(target, target)
    assert f"podwire: There is no {wanted}" in said, said
