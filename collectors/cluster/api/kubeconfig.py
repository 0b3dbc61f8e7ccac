"""kubeconfig files as kubectl reads them: several are merged, the first to say something wins.

Paths are relative to their file. Not the library's merger: there the last file's current-context
wins, an empty file is a crash, client keys are written to temporary files, and impersonation is not
known (kubernetes 37, aio/config/kube_config.py).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from collectors.account import expanded, home
from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.sanitize import sanitize
from collectors.yaml_errors import YAML_ERRORS

SECTIONS = ("clusters", "contexts", "users")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@frozen
class KubeconfigEntry:
    """A named cluster, context or user. Paths in it are relative to `folder`."""

    name: str
    value: Mapping[str, Any]
    folder: Path

    def text(self, key: str) -> str:
        """The value of `key`, '' where there is none. ConfigError where it is not text."""
        value = self.value.get(key)
        if value is None:
            return ""
        if not isinstance(value, (str, int, float)):
            raise ConfigError(f"{sanitize(self.name, 80)!r} in the kubeconfig: {key} must be text.")
        return str(value)

    def file(self, key: str) -> Path | None:
        """The path at `key`, relative to the kubeconfig that says it."""
        return self.folder / self.text(key) if self.text(key) else None


@dataclass(slots=True)
class Kubeconfig:
    paths: tuple[Path, ...] = ()
    current: str = ""
    clusters: dict[str, KubeconfigEntry] = field(default_factory=dict)
    contexts: dict[str, KubeconfigEntry] = field(default_factory=dict)
    users: dict[str, KubeconfigEntry] = field(default_factory=dict)

    def context(self, wanted: str | None) -> KubeconfigEntry:
        """The context of that name, or the current one. ConfigError where there is none."""
        name = wanted or self.current
        self._check_context(name)
        return self.contexts[name]

    def _check_context(self, name: str) -> None:
        if not name:
            raise ConfigError(
                f"The kubeconfig names no current context. Give --context, one of: {self._known()}"
            )
        if name not in self.contexts:
            raise ConfigError(
                f"There is no context {sanitize(name, 80)!r} in the kubeconfig. "
                f"Known: {self._known()}"
            )

    def _known(self) -> str:
        return ", ".join(sanitize(name, 60) for name in sorted(self.contexts)[:12]) or "none"

    def cluster_of(self, context: KubeconfigEntry) -> KubeconfigEntry:
        name = context.text("cluster")
        if name not in self.clusters or not self.clusters[name].text("server"):
            what = f"cluster {sanitize(name, 80)!r}"
            raise _wrongly_named(context, f"{what}, which has no server in the kubeconfig")
        return self.clusters[name]

    def user_of(self, context: KubeconfigEntry) -> KubeconfigEntry:
        """The context's user; one without credentials if it names none. ConfigError if unknown."""
        name = context.text("user")
        if name and name not in self.users:
            what = f"user {sanitize(name, 80)!r}"
            raise _wrongly_named(context, f"{what}, who is not in the kubeconfig")
        return self.users.get(name) or KubeconfigEntry(name, {}, Path())


def _wrongly_named(context: KubeconfigEntry, what: str) -> ConfigError:
    where = f"The context {sanitize(context.name, 80)!r}"
    return ConfigError(f"{where} names the {what}.")


def locate(given: str | None) -> list[Path]:
    """Where kubectl looks: --kubeconfig, else the list in $KUBECONFIG, else ~/.kube/config."""
    text = given or os.environ.get("KUBECONFIG")
    if not text:
        return [home() / ".kube" / "config"]
    names = [text] if given and _is_one_path(given) else filter(None, text.split(os.pathsep))
    return [expanded(name) for name in names]


def _is_one_path(given: str) -> bool:
    return os.pathsep not in given or Path(given).exists()


def load(given: str | None) -> Kubeconfig:
    """The files that are there, merged.

    ConfigError for one that cannot be read, or where the given ones are not there.
    """
    merged = Kubeconfig()
    paths = locate(given)
    if given and not any(path.exists() for path in paths):
        raise ConfigError(f"There is no kubeconfig at {sanitize(given)}. Check --kubeconfig.")
    for path in paths:
        if path.exists():
            _merge(merged, path, _document(path))
    return merged


def _document(path: Path) -> Mapping[str, Any]:
    """A file's content. Errors name the line, never its text: that may be a token."""
    where = f"The kubeconfig {sanitize(path)}"
    value = _yaml(path, where)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{where} is not a kubeconfig: its top level is not a mapping.")
    return value


def _yaml(path: Path, where: str) -> object:
    try:
        return yaml.load(path.read_bytes(), Loader=LOADER)
    except OSError as error:
        raise ConfigError(f"{where} cannot be read: {error.strerror}.") from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{where} is not YAML: {_place_and_problem(error)}.") from None
    except yaml.YAMLError:
        raise ConfigError(
            f"{where} is not YAML: it holds characters that YAML does not allow."
        ) from None
    except YAML_ERRORS:
        raise ConfigError(f"{where} is not YAML: a value in it is none.") from None


def _place_and_problem(error: yaml.MarkedYAMLError) -> str:
    line = f"line {error.problem_mark.line + 1}" if error.problem_mark else "an unknown line"
    return f"{line}: {sanitize(error.problem or 'broken', 80)}"


def _merge(merged: Kubeconfig, path: Path, document: Mapping[str, Any]) -> None:
    merged.paths = (*merged.paths, path)
    merged.current = merged.current or str(document.get("current-context") or "")
    folder = path.absolute().parent
    for section in SECTIONS:
        known: dict[str, KubeconfigEntry] = getattr(merged, section)
        for name, value in _entries(path, section, document.get(section)).items():
            known.setdefault(name, KubeconfigEntry(name, value, folder))


def _entries(path: Path, section: str, rows: Any) -> Mapping[str, Mapping[str, Any]]:
    where = f"The kubeconfig {sanitize(path)}: {section}"
    if rows is None:
        return {}
    if not isinstance(rows, list):
        raise ConfigError(f"{where} must be a list.")
    found: dict[str, Mapping[str, Any]] = {}
    for number, row in enumerate(rows, 1):
        name, value = _named(row, section[:-1], f"{where}: entry {number}")
        if name in found:
            raise ConfigError(f"{where}: the name {sanitize(name, 80)!r} is there twice.")
        found[name] = value
    return found


def _named(row: Any, key: str, where: str) -> tuple[str, Mapping[str, Any]]:
    name = row.get("name") if isinstance(row, dict) else None
    value = (row.get(key) or {}) if isinstance(row, dict) else None
    if not isinstance(name, (str, int)) or not isinstance(value, dict):
        raise ConfigError(f"{where} has no name, or nothing under {key!r}.")
    return str(name), value
