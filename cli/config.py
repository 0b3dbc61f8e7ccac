"""The user's configuration: a TOML file (XDG). The command line wins over it.

Keys: image, pull_policy, pull_timeout_s, pull_secrets, node_namespace, read_only, end_on_leave,
theme, record (false: no session is recorded), share_group (a Unix group whose members may join a
session that is shared), sessions_gib and sessions_days (bounds of what is
kept of them); the table [images] has the images for other architectures, and [contexts.NAME] the
same keys, except those of sessions and the theme, for one context. The table [thresholds] sets
those of rules, as `conntrack_full.warning = 60` (diagnosis/thresholds.py).
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from collectors.cluster.attach.settings import AttachSettings
from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.sanitize import sanitize

KEYS: dict[str, type | tuple[type, ...]] = {
    "image": str,
    "images": dict,
    "pull_policy": str,
    "pull_timeout_s": (int, float),
    "pull_secrets": list,
    "node_namespace": str,
    "read_only": bool,
    "end_on_leave": bool,
    "theme": str,
    "record": bool,
    "share_group": str,
    "sessions_gib": (int, float),
    "sessions_days": (int, float),
}
LARGE = 1e300  # what is more is refused as this is
MOST = 1_000_000  # of a number: seconds, days, GiB
OF_ALL = ("theme", "record", "share_group", "sessions_gib", "sessions_days")  # never of one context


@frozen
class Config:
    path: Path | None = None
    common: Mapping[str, Any] = field(default_factory=dict)
    contexts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def settings(self, options: argparse.Namespace, context: str) -> AttachSettings:
        """For a context: the command line, else the context's table, else the common keys."""
        chosen = {**self.common, **self.contexts.get(context, {}), **_given(options)}
        chosen = {key: value for key, value in chosen.items() if key not in OF_ALL}
        if "pull_secrets" in chosen:
            chosen["pull_secrets"] = tuple(chosen["pull_secrets"])
        return AttachSettings(**chosen, yes=options.yes)

    def set_thresholds(self) -> list[str]:
        """Before rules look at anything. Sentences on those that are not used; ConfigError where
        one cannot be set."""
        if not self.thresholds:
            return []
        from diagnosis.thresholds import set_values  # imports all rules

        return set_values(self.thresholds, _shown(self.path))

    @property
    def theme(self) -> str:
        return str(self.common.get("theme", ""))

    @property
    def share_group(self) -> str:
        return str(self.common.get("share_group", ""))

    @property
    def record(self) -> bool:
        return bool(self.common.get("record", True))

    @property
    def bounds(self) -> dict[str, Any]:
        """Of sessions on disk, where the file has them."""
        gib, days = self.common.get("sessions_gib"), self.common.get("sessions_days")
        bounds = {"size": gib and int(gib * (1 << 30)), "age_s": days and days * 86_400.0}
        return {key: value for key, value in bounds.items() if value}


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of the keys."""
    given = {
        "image": options.image,
        "pull_policy": options.pull_policy,
        "pull_timeout_s": options.pull_timeout,
        "node_namespace": options.node_namespace,
        "read_only": options.read_only or None,
        "end_on_leave": options.end_on_leave or None,
    }
    return {key: value for key, value in given.items() if value is not None}


def default_path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "podwire" / "config.toml"


def load(given: Path | None) -> Config:
    """The file at `given`, or the default one if it is there.

    ConfigError with the line or key that is wrong.
    """
    path = given or default_path()
    try:
        data = _parsed(path)
    except FileNotFoundError:
        if given is not None:
            raise ConfigError(f"There is no configuration at {sanitize(path)}.") from None
        return Config()
    contexts = data.pop("contexts", {})
    if not _are_tables(contexts):
        raise ConfigError(f'{sanitize(path)}: contexts must be tables, as [contexts."prod"].')
    thresholds = _numbers(path, data.pop("thresholds", {}))
    _check(path, "", data)
    for name, table in contexts.items():
        _check(path, f"contexts.{name}.", table)
    return Config(path, data, contexts, thresholds)


def _shown(path: Path | None) -> str:
    """With ~ for the home directory, whose name is nobody else's business."""
    text = sanitize(path, 200)
    home = f"{Path.home()}/"
    return f"~/{text.removeprefix(home)}" if text.startswith(home) else text


def _numbers(path: Path, table: object) -> dict[str, float]:
    """The keys of thresholds, `rule.name`, with or without quotes around them."""
    if not isinstance(table, dict):
        raise ConfigError(f"{sanitize(path)}: 'thresholds' must be tables of numbers.")
    numbers: dict[str, float] = {}
    for name, value in table.items():
        below = value if isinstance(value, dict) else {"": value}
        for key, number in below.items():
            whole = f"{name}.{key}" if key else name
            if isinstance(number, bool) or not isinstance(number, int | float):
                shown = repr(sanitize(f"thresholds.{whole}", 80))
                raise ConfigError(f"{sanitize(path)}: {shown} must be a number.")
            numbers[whole] = float(min(number, LARGE))
    return numbers


def _are_tables(contexts: object) -> bool:
    return isinstance(contexts, dict) and all(isinstance(one, dict) for one in contexts.values())


def _parsed(path: Path) -> dict[str, Any]:
    """FileNotFoundError where there is none, ConfigError where it cannot be read."""
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"The configuration {sanitize(path)} cannot be read: {reason}.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"The configuration {sanitize(path)} is not TOML: {sanitize(error, 200)}."
        ) from None


def _check(path: Path, prefix: str, table: Mapping[str, Any]) -> None:
    """The keys of a table and the kinds of their values; `prefix` is the name of the table."""
    for key, value in table.items():
        if wrong := _wrong(prefix, key, value):
            raise ConfigError(f"{sanitize(path)}: {wrong}")


def _wrong(prefix: str, key: str, value: object) -> str:
    """What is not right with a key, as a sentence; '' where nothing is."""
    shown = repr(sanitize(prefix + key, 80))
    if key not in KEYS or (prefix and key in OF_ALL):
        return f"there is no key {shown}. Known: {', '.join(sorted(KEYS))}, contexts, thresholds."
    if not isinstance(value, KEYS[key]) or (isinstance(value, bool) and KEYS[key] is not bool):
        return f"{shown} has a value of the wrong kind."
    if isinstance(value, int | float) and not isinstance(value, bool) and not 0 < value < MOST:
        return f"{shown} must be more than 0, and less than {MOST:,}."
    if not all(isinstance(text, str) for text in _texts(value)):
        return f"{shown} holds something that is not text."
    return ""


def _texts(value: object) -> Iterable[object]:
    """The entries of a list or table, which must be text."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
