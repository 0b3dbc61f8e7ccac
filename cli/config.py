"""The user's configuration: a TOML file (XDG), and variables of the environment. The command line
wins over both. What may stand in it is in cli/settings.py; docs/configuration.md is the reference.

A wrong value is a sentence. Commands end with it; the console opens without that value."""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.settings import BY_NAME, SETTINGS, Setting, from_text, wrong
from collectors.account import home
from collectors.cluster.attach.settings import AttachSettings
from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.sanitize import sanitize

if TYPE_CHECKING:
    from cli.config_lines import KeyPath

TABLES = ("colours", "keys", "contexts", "thresholds")  # cli/config_tables.py has the first two
READ_ONLY = " Until it can be read, podwire is read-only."
LARGE = 1e300  # what is more is refused as this is
LIKE = 0.6  # of a name that was mistyped, from 0 to 1


@frozen
class ConfigProblem:
    """A sentence that says where it is. `of_console`: the console alone would use what is wrong."""

    text: str
    of_console: bool = False


@frozen
class Config:
    """`lines` are those of the file, by key; `tables` those of the console, as they are in it. What
    else is wrong is in `problems`, and nowhere else."""

    path: Path | None = None
    common: Mapping[str, Any] = field(default_factory=dict)
    contexts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    problems: tuple[ConfigProblem, ...] = ()

    def settings(self, options: argparse.Namespace, context: str) -> AttachSettings:
        """For a context: the command line, else the environment, else the context's table, else the
        common keys."""
        chosen = {**self.common, **self.contexts.get(context, {}), **self.environment}
        chosen |= given_options(options)
        chosen = {key: value for key, value in chosen.items() if BY_NAME[key].of_context}
        if "pull_secrets" in chosen:
            chosen["pull_secrets"] = tuple(chosen["pull_secrets"])
        return AttachSettings(**chosen, yes=options.yes)

    def set_thresholds(self) -> list[str]:
        """Before rules look at anything. Sentences on those that are not used; ConfigError where
        one cannot be set."""
        if not self.thresholds:
            return []
        from diagnosis.thresholds import set_values  # imports all rules

        return set_values(self.thresholds, _at_home(self.path))

    def value(self, name: str) -> Any:
        """Of a setting that no context has its own of; the default where it is not set."""
        return {name: BY_NAME[name].default, **self.common, **self.environment}[name]

    def place(self, path: KeyPath) -> str:
        """Where a key stands, for sentences."""
        line = self.lines.get(path)
        return f"{sanitize(self.path)}, line {line}" if line else f"{sanitize(self.path)}"

    @property
    def theme(self) -> str:
        return str(self.value("theme"))

    @property
    def share_group(self) -> str:
        return str(self.value("share_group"))

    @property
    def record(self) -> bool:
        return bool(self.value("record"))

    @property
    def bounds(self) -> dict[str, Any]:
        """Of sessions on disk."""
        gib, days = self.value("sessions_gib"), self.value("sessions_days")
        return {"size": int(gib * (1 << 30)), "age_s": days * 86_400.0}


def given_options(options: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of settings."""
    given = {
        "image": options.image,
        "pull_policy": options.pull_policy,
        "pull_timeout_s": options.pull_timeout,
        "node_namespace": options.node_namespace,
        "read_only": options.read_only or None,
        "end_on_leave": options.end_on_leave or None,
        "theme": getattr(options, "theme", None),
        "characters": getattr(options, "characters", None),
        "mouse": getattr(options, "mouse", None),
        "record": False if getattr(options, "no_record", False) else None,
        "share_group": getattr(options, "share_group", None),
    }
    return {key: value for key, value in given.items() if value is not None}


def default_path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or str(home() / ".config")
    return Path(base) / "podwire" / "config.toml"


def load(given: Path | None) -> Config:
    """The file at `given`, or the default one if it is there, and the environment.

    ConfigError with the line or key that is wrong, of what commands without a console use.
    """
    config = read(given)
    for problem in config.problems:
        if not problem.of_console:
            raise ConfigError(problem.text)
    return config


def read(given: Path | None) -> Config:
    """The same, with all that is wrong in `problems`: ConfigError only where a file that was asked
    for is not there. Of a file that cannot be read it is not known what it forbids: it is
    read-only."""
    environment, problems = _from_environment()
    path = given or default_path()
    try:
        text = _text(path)
        data = _parsed(path, text)
    except FileNotFoundError:
        if given is not None:
            raise ConfigError(f"There is no configuration at {sanitize(path)}.") from None
        return Config(environment=environment, problems=tuple(problems))
    except ConfigError as error:
        unread = ConfigProblem(f"{error}{READ_ONLY}")
        problems.insert(0, unread)
        common = {"read_only": True}
        return Config(path, common, environment=environment, problems=tuple(problems))
    from cli.config_lines import lines_of  # most have no file

    return Checked(path, lines_of(text)).config(data, environment, problems)


def _from_environment() -> tuple[dict[str, Any], list[ConfigProblem]]:
    values, problems = {}, []
    for setting in SETTINGS:
        text = os.environ.get(setting.environment or "-", "")
        if not text:
            continue
        value = from_text(setting, text)
        if why := wrong(setting, value):
            problems.append(ConfigProblem(f"${setting.environment} {why}", setting.of_console))
            value = setting.safe
        if value is not None:
            values[setting.name] = value
    return values, problems


def _text(path: Path) -> str:
    """FileNotFoundError where there is none, ConfigError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"The configuration {sanitize(path)} cannot be read: {reason}.") from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also of a number with thousands of digits
        raise ConfigError(
            f"The configuration {sanitize(path)} is not TOML: {sanitize(error, 200)}."
        ) from None


class Checked:
    """What of a file is right, and a sentence for each key that is not."""

    def __init__(self, path: Path, lines: Mapping[KeyPath, int]) -> None:
        self.path, self.lines = path, lines
        self.problems: list[ConfigProblem] = []
        self._replaced: set[KeyPath] = set()  # where what is safe is used

    def config(
        self,
        data: dict[str, Any],
        environment: Mapping[str, Any],
        problems: list[ConfigProblem],
    ) -> Config:
        contexts = self._tables(data, 'contexts must be tables, as [contexts."prod"]')
        keys = self._tables(data, "keys must be tables, as [keys.target]", of_console=True)
        colours = data.pop("colours", {})
        if not isinstance(colours, dict):
            self._note(("colours",), "colours must be a table.", True)
            colours = {}
        thresholds = dict(self._numbers(data.pop("thresholds", {})))
        common = dict(self._right((), data))
        tables = {
            name: dict(self._right(("contexts", name), table)) for name, table in contexts.items()
        }
        found = (*self.problems, *problems)
        of_console = {"colours": colours, "keys": keys}
        return Config(
            self.path,
            common,
            contexts=tables,
            thresholds=thresholds,
            environment=environment,
            tables=of_console,
            lines={path: line for path, line in self.lines.items() if path not in self._replaced},
            problems=found,
        )

    def _tables(self, data: dict[str, Any], must: str, of_console: bool = False) -> dict[str, Any]:
        """A table of tables, which `must` begins with the name of; none where it is something
        else."""
        value = data.pop(name := must.partition(" ")[0], {})
        if isinstance(value, dict) and all(isinstance(one, dict) for one in value.values()):
            return value
        self._note((name,), f"{must}.", of_console)
        return {}

    def _numbers(self, table: object) -> Iterator[tuple[str, float]]:
        """The keys of thresholds, `rule.name`, with or without quotes around them."""
        if not isinstance(table, dict):
            self._note(("thresholds",), "'thresholds' must be tables of numbers.")
            return
        for name, value in table.items():
            for key, number in (value if isinstance(value, dict) else {"": value}).items():
                path = ("thresholds", name, *([key] if key else []))
                if isinstance(number, bool) or not isinstance(number, int | float):
                    self._note(path, f"{_shown(path)} must be a number.")
                else:
                    yield ".".join(path[1:]), float(min(number, LARGE))

    def _right(self, table: KeyPath, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """The settings of a table and their values, with what is safe in place of wrong ones."""
        for key, value in values.items():
            setting = BY_NAME.get(key)
            if setting is None or (table and not setting.of_context):
                meant = self._note_unknown((*table, key), setting)
                if meant is not None and meant.safe is not None and meant.name not in values:
                    yield meant.name, meant.safe
            elif why := wrong(setting, value):
                self._note((*table, key), f"{_shown((*table, key))} {why}", setting.of_console)
                if setting.safe is not None:
                    self._replaced.add((*table, key))
                    yield key, setting.safe
            else:
                yield key, value

    def _note_unknown(self, path: KeyPath, known: Setting | None) -> Setting | None:
        """Say that there is no such key; the setting that was meant, if that is known."""
        shown = _shown(path)
        if known is not None:
            text = f"there is no key {shown}: {known.name!r} is the same for all contexts."
            self._note(path, text)
            return None
        names = [one.name for one in SETTINGS if one.of_context or len(path) == 1]
        names += TABLES if len(path) == 1 else ()
        near = get_close_matches(path[-1], names, 1, LIKE)
        hint = f"the nearest is {near[0]!r}" if near else f"there are {', '.join(sorted(names))}"
        self._note(path, f"there is no key {shown}: {hint}.")
        return BY_NAME.get(near[0]) if near else None

    def _note(self, path: KeyPath, text: str, of_console: bool = False) -> None:
        where = Config(self.path, lines=self.lines).place(path)
        self.problems.append(ConfigProblem(f"{where}: {text}", of_console))


def _shown(path: KeyPath) -> str:
    return repr(sanitize(".".join(path), 80))


def _at_home(path: Path | None) -> str:
    """With ~ for the home directory, whose name is nobody else's business."""
    text = sanitize(path, 200)
    place = f"{home()}/"
    own = place != "//" and text.startswith(place)
    return f"~/{text.removeprefix(place)}" if own else text
