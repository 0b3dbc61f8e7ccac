"""`podwire config`: the settings in force, each with where it comes from, as a file that podwire
reads."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from cli import config
from cli.config import Config, given_options
from cli.config_lines import KeyPath
from cli.config_tables import colours
from cli.console_look import AUTO, look_of, thresholds_set
from cli.exit_codes import USAGE
from cli.messages import print_line, print_messages
from cli.settings import SETTINGS, Setting
from collectors.sanitize import sanitize
from tui.keymap import in_force as in_force_keys, written
from tui.look import TerminalLook

WIDTH = 40  # cells before the comment that says where a value comes from


def config_command(options: argparse.Namespace) -> int:
    """0 where nothing is wrong in the configuration, else 2 and what is."""
    if options.schema:
        from cli.config_schema import schema

        print_line(json.dumps(schema(), indent=2))
        return 0
    if options.edit:
        from cli.config_edit import edit

        return edit(options.config or config.default_path())
    found = config.read(options.config)
    unused = thresholds_set(found)
    look = look_of(options, found, said=unused)
    for line in in_force(found, options, look.theme, bool(unused)):
        print_line(line)
    for line in of_console(found, look):
        print_line(line)
    print_messages(look.notices)
    return USAGE if look.notices else 0


def in_force(
    found: Config, options: argparse.Namespace, theme: str = AUTO, unused: bool = False
) -> Iterator[str]:
    """The lines of a file that says the same. `theme` is the one that is shown, `unused`: some
    threshold is not."""
    path = found.path or config.default_path()
    yield f"# {sanitize(path)}{'' if found.path else ' (there is no such file)'}"
    given = given_options(options)
    for setting in SETTINGS:
        value, origin = _in_force(found, given, setting)
        if setting.name == "theme" and value != AUTO and theme not in (AUTO, value):
            value, origin = AUTO, f"{theme}: see below"
        yield _line(setting.name, value, origin)
    if found.thresholds:
        yield ""
        yield "[thresholds]"
    for name, number in found.thresholds.items():
        place = _place(found, ("thresholds", *name.split(".")))
        yield _line(
            toml(name), number, f"{place}; not all are used: see below" if unused else place
        )
    for context, values in found.contexts.items():
        yield ""
        yield f"[contexts.{toml(context)}]"
        for name, value in values.items():
            yield _line(name, value, _place(found, ("contexts", context, name)))


def of_console(found: Config, look: TerminalLook) -> Iterator[str]:
    """The tables of colours, of the theme in force, and of keys."""
    own, _ = colours(found)
    theme = look.theme_file(look.theme)
    yield ""
    yield "[colours]"
    for name, colour in theme.all_colours.items():
        path = ("colours", name)
        yield _line(name, colour, _place(found, path) if name in own else f"theme {theme.name}")
    place = ""
    for action in in_force_keys(look.keymap):
        if action.where != place:
            place = action.where
            yield ""
            yield f"[keys.{place}]"
        some = [written(key, True) for key in action.keys]
        origin = "default"
        if action.id in look.keymap:
            origin = _place(found, ("keys", place, action.setting))
        value = some[0] if len(some) == 1 else some
        yield _line(action.setting, value, f"{origin}; {action.help}")


def _in_force(found: Config, given: Mapping[str, Any], setting: Setting) -> tuple[Any, str]:
    """The value of a setting, and where it comes from."""
    name = setting.name
    if name in given:
        return given[name], setting.option
    if name in found.environment:
        return found.environment[name], f"${setting.environment}"
    if name in found.common:
        return found.common[name], _place(found, (name,))
    return setting.default, "default"


def _place(found: Config, path: KeyPath) -> str:
    """Where a value comes from that was not right in the file, and is safe, is said as well."""
    line = found.lines.get(path)
    return f"line {line}" if line else "to be safe: see below"


def _line(name: str, value: Any, origin: str) -> str:
    return f"{f'{name} = {toml(value)}':<{WIDTH}}  # {origin}"


def toml(value: Any) -> str:
    """A value as TOML, on one line."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml(str(key))} = {toml(one)}" for key, one in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # nan, inf, -inf
    if isinstance(value, str):  # bytes of a variable that are no text
        value = value.encode("utf-8", "replace").decode()
    # what TOML escapes is escaped as in JSON, which hides no character that a terminal obeys
    return json.dumps(value).replace("\x7f", "\\u007f")
