"""What holds on each Python: warnings of what will go are errors in our modules; the scripts."""

from __future__ import annotations

import re
import subprocess
import tomllib
import warnings
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import podwire

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("name", [*podwire.PACKAGES, "podwire", "tools", "tests.install"])
@pytest.mark.parametrize("kind", [DeprecationWarning, PendingDeprecationWarning])
def test_in_our_modules_such_a_warning_is_an_error(name: str, kind: type[Warning]) -> None:
    for module in (name, f"{name}.main"):
        with pytest.raises(kind):
            warnings.warn_explicit("it will go", kind, "a.py", 1, module=module)


def test_in_those_of_others_it_is_not() -> None:
    with warnings.catch_warnings(record=True):
        warnings.warn_explicit("it will go", DeprecationWarning, "a.py", 1, module="cliff.app")


def test_every_dependency_has_an_oldest_and_a_newest() -> None:
    """tools/versions.sh reads them."""
    wanted = (
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["socks"],
    )
    assert not [one for one in wanted if not re.fullmatch(r"[\w-]+>=[\d.]+,<[\d.]+", one)]


def test_no_dependency_refuses_the_oldest_of_another() -> None:
    """pip would install none of such a range but what the others admit (kubernetes wants aiohttp)."""
    ranges = [Requirement(one) for one in PROJECT["project"]["dependencies"]]
    oldest = {
        canonicalize_name(one.name): re.findall(r">=([\d.]+)", str(one.specifier))[0]
        for one in ranges
    }
    refused = [
        f"{one.name} wants {wanted}; the oldest is {version}"
        for one in ranges
        for wanted in map(Requirement, requires(one.name) or ())
        if (version := oldest.get(canonicalize_name(wanted.name)))
        and not wanted.specifier.contains(version)
    ]
    assert refused == []


@pytest.mark.parametrize(
    "script", sorted((ROOT / "tools").glob("*.sh")), ids=lambda path: path.name
)
def test_a_shell_can_read_every_script(script: Path) -> None:
    done = subprocess.run(["sh", "-n", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert script.stat().st_mode & 0o111
