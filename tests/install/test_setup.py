"""What setup.py makes where there is no compiler: Python alone, at once."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import Any

import pytest

SETUP = Path(__file__).parent.parent.parent / "setup.py"


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Those of setup.py, which is not run; a machine with a compiler and Python's headers."""
    (tmp_path / "a-cc").touch(mode=0o700)
    (tmp_path / "Python.h").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "a-cc -pthread")
    monkeypatch.delenv("PODWIRE_PURE", raising=False)
    monkeypatch.delenv("_PYTHON_HOST_PLATFORM", raising=False)
    monkeypatch.setattr(sysconfig, "get_config_var", {"INCLUDEPY": str(tmp_path)}.get)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path / "nowhere"))
    found: dict[str, Any] = {"__name__": "setup"}
    exec(compile(SETUP.read_text().partition("\nsetup(")[0], SETUP, "exec"), found)
    return found


def test_with_a_compiler_and_headers_the_core_is_compiled(functions: dict[str, Any]) -> None:
    assert functions["can_compile"]()


@pytest.mark.parametrize("missing", ["a-cc", "Python.h"])
def test_without_one_of_them_nothing_is_made_ready_for_it(
    missing: str, functions: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / missing).unlink()
    assert functions["extensions"]() == []
    assert "it runs as pure Python" in capsys.readouterr().err


def test_another_machines_headers_are_elsewhere(
    functions: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Python.h").unlink()
    monkeypatch.setenv("_PYTHON_HOST_PLATFORM", "linux-aarch64")
    assert functions["can_compile"]()
