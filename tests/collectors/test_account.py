"""An account without a name, as a container has that runs as any uid."""

from __future__ import annotations

import os
import pwd
from importlib.util import find_spec, module_from_spec
from pathlib import Path

import pytest

from cli.main import main
from collectors.account import ensure_home, expanded, home, user
from collectors.cluster.attach.container_specs import owner


def nobody(uid: int) -> pwd.struct_passwd:
    raise KeyError(f"uid not found: {uid}")


@pytest.fixture(autouse=True)
def without_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)


def test_it_has_a_home_and_a_name() -> None:
    assert home() == Path("/")
    assert user() == f"uid-{os.getuid()}"
    assert owner().startswith(f"uid-{os.getuid()}@")


@pytest.mark.parametrize("value", ["", "relative"])
def test_what_is_no_absolute_path_is_no_home(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else files of whoever owns the current directory were the user's."""
    monkeypatch.setenv("HOME", value)
    assert home() == Path("/")


def test_the_variables_go_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("LOGNAME", "me")
    assert (home(), user(), expanded("~/k")) == (Path("/home/me"), "me", Path("/home/me/k"))


def test_a_name_that_nobody_has_is_part_of_a_path() -> None:
    assert expanded("~nobody-has-it/k") == Path("~nobody-has-it/k")
    assert expanded("/k") == Path("/k")


def test_modules_of_others_find_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """kubernetes.aio asks for one as it is imported."""
    with monkeypatch.context() as at_home:
        at_home.setenv("HOME", "/home/me")
        spec = find_spec("kubernetes.aio.config.kube_config")
    assert spec is not None and spec.loader is not None
    with pytest.raises(RuntimeError):
        spec.loader.exec_module(module_from_spec(spec))
    assert main(["completion", "bash"]) == 0
    spec.loader.exec_module(module_from_spec(spec))


@pytest.mark.parametrize("home", ["", "/home/me"])
def test_a_home_that_is_there_stays(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home)
    ensure_home()
    assert os.environ["HOME"] == home
