"""A target where a command could stand: `podwire pod/web -n shop`."""

from __future__ import annotations

import argparse

import pytest

from cli.open_target import prepare, with_open
from cli.parser import parser
from collectors.errors import ConfigError


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
