"""The user's configuration: a TOML file (XDG), with a table a context; the command line wins over both.

image = "registry.corp/netshoot@sha256:…"    [images] of other architectures    pull_policy, pull_timeout_s,
pull_secrets, node_namespace, read_only, end_on_leave, theme;    [contexts.prod] the same keys for one context
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Mapping
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
}


@frozen
class Config:
    path: Path | None = None
    common: Mapping[str, Any] = field(default_factory=dict)
    contexts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def settings(self, options: argparse.Namespace, context: str) -> AttachSettings:
        """What holds for a context: the command line, else the context's table, else the common keys."""
        chosen = {**self.common, **self.contexts.get(context, {})}
        chosen.pop("theme", None)
        given = {
            "image": options.image,
            "pull_policy": options.pull_policy,
            "pull_timeout_s": options.pull_timeout,
            "node_namespace": options.node_namespace,
            "read_only": options.read_only or None,
            "end_on_leave": options.end_on_leave or None,
        }
        chosen |= {key: value for key, value in given.items() if value is not None}
        if "pull_secrets" in chosen:
            chosen["pull_secrets"] = tuple(chosen["pull_secrets"])
        return AttachSettings(**chosen, yes=options.yes)

    @property
    def theme(self) -> str:
        return str(self.common.get("theme", ""))


def default_path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "podwire" / "config.toml"


def load(given: Path | None) -> Config:
    """The file at `given`, or the default one if it is there. ConfigError with the line or key that is wrong."""
    path = given or default_path()
    try:
        text = path.read_text()
    except FileNotFoundError:
        if given is not None:
            raise ConfigError(f"There is no configuration at {sanitize(path)}.") from None
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"The configuration {sanitize(path)} cannot be read: {reason}.") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"The configuration {sanitize(path)} is not TOML: {sanitize(error, 200)}."
        ) from None
    contexts = data.pop("contexts", {})
    if not isinstance(contexts, dict) or not all(
        isinstance(table, dict) for table in contexts.values()
    ):
        raise ConfigError(f'{sanitize(path)}: contexts must be tables, as [contexts."prod"].')
    for place, table in (
        ("", data),
        *((f"contexts.{name}.", table) for name, table in contexts.items()),
    ):
        _check(path, place, table)
    return Config(path, data, contexts)


def _check(path: Path, place: str, table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if key not in KEYS or (place and key == "theme"):
            known = ", ".join(sorted(KEYS))
            raise ConfigError(
                f"{sanitize(path)}: there is no key {sanitize(place + key, 80)!r}. Known: {known}, contexts."
            )
        if not isinstance(value, KEYS[key]) or (isinstance(value, bool) and KEYS[key] is not bool):
            raise ConfigError(
                f"{sanitize(path)}: {sanitize(place + key, 80)!r} has a value of the wrong kind."
            )
        texts = (
            value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
        )
        if not all(isinstance(text, str) for text in texts):
            raise ConfigError(
                f"{sanitize(path)}: {sanitize(place + key, 80)!r} holds something that is not text."
            )
