"""What other packages may rely on: what the page promises is there, and a page changes with the
version only."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

from diagnosis import api, extensions
from tests.support.packages import install, run_with
from tools import rule_api

DOCS = Path(__file__).parent.parent.parent / "docs"
# sha256 of the lines that a version promises; a new version is a new row
PROMISED = {"1.0": "6f5c1dd8f83e46856dfc682f5055330eb7c467c49cd4d59ceabbbe068d1a5b0c"}


def lines_of(page: str) -> list[str]:
    """By its section, as `PodRow / - `node: str``."""
    section, found = "", []
    for line in page.splitlines():
        section = line if line.startswith("## ") else section
        if line.startswith("- `"):
            found.append(f"{section} / {line}")
    return found


def test_what_the_page_promises_is_there() -> None:
    gone = set(lines_of((DOCS / "rule-api.md").read_text())) - set(lines_of(rule_api.page()))
    assert not gone, (
        "rules of other packages use what went or changed: keep it, or raise the major version "
        "(diagnosis/extensions.py, API): " + "; ".join(sorted(gone))
    )


def test_the_page_changes_with_the_version_only() -> None:
    page = (DOCS / "rule-api.md").read_text()
    (version,) = re.findall(r"^Version (\S+) of `diagnosis\.api`", page, re.M)
    assert version == api.VERSION == list(PROMISED)[-1] == ".".join(map(str, extensions.API))
    assert sha256("\n".join(lines_of(page)).encode()).hexdigest() == PROMISED[version], (
        "the page promises something else than before: raise the version in "
        "diagnosis/extensions.py, API, and add its digest here"
    )


def test_all_of_it_is_exported_and_listed() -> None:
    listed = set(re.findall(r"^## (\w+)$", (DOCS / "rule-api.md").read_text(), re.M))
    assert listed == set(api.__all__)
    assert len(set(api.__all__)) == len(api.__all__)


def blocks(language: str) -> list[str]:
    text = (DOCS / "extending.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_page_on_extending_makes_a_rule_that_works(tmp_path: Path) -> None:
    """Its files as they are, its test, and what it says that is printed."""
    source, test = blocks("python")
    (name,) = re.findall(r'id="(\w+)"', source)
    (project,) = blocks("toml")
    assert f'{name} = "acme_rules.{name}"' in project
    install(tmp_path, {name: source})
    assert run_with(tmp_path, "--version").stdout.splitlines()[1:] == [
        f"rules of packages: acme-rules 1.0 ({name})"
    ]
    made = f"{test}\n\ntest_many_restarts_are_found()\n"
    (tmp_path / "acme_rules" / "try_it.py").write_text(made)
    done = run_with(tmp_path, module="acme_rules.try_it")
    assert (done.returncode, done.stderr) == (0, "")
