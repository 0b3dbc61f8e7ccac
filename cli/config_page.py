"""`python -m cli.config_page > docs/configuration.md`: the reference of the settings, from their
table."""

from __future__ import annotations

import sys

from cli.config_command import toml
from cli.config_tables import COLOURS
from cli.settings import KINDS, SETTINGS, Setting
from tui.actions import ACTIONS, Action
from tui.keymap import written

HEAD = """# Configuration

Made from `cli/settings.py` by `python -m cli.config_page > docs/configuration.md`; edit that
file, not this page.

The file is `$XDG_CONFIG_HOME/podwire/config.toml` (`~/.config/podwire/config.toml`), or that of
`--config FILE`. A value comes from the option of the command line, else from the variable of the
environment, else from the table of the context (`[contexts.NAME]`), else from the top of the
file, else it is the default. Lists are separated by commas in the environment; a switch is `true`
or `false` there.

- `podwire config` prints the settings in force as such a file, each with where it comes from, and
  exits with 2 where something is wrong in it.
- `podwire config --edit` opens a copy in `$VISUAL` or `$EDITOR`, checks it, and puts it in place
  of the file in one step; the file before it is kept as `config.toml~`. What is not right can be
  edited again. Where the editor fails or somebody else changed the file meanwhile, the file stays
  and the path of the copy is printed.
- `podwire config --schema` prints the JSON schema, for editors that complete and check by it.

What is wrong is a sentence with file, line and the nearest key. Commands without a console end
with it (exit code 2). The console opens, says it, and uses what is safe: `read_only` and
`end_on_leave` are on and `record` is off where their value (or a key that is spelt much like
them) is wrong, other settings are as by default. Where the file cannot be read at all, it is not
known what it forbids: podwire is read-only until it can.

| setting | must be | default | option | environment | in a context | what it does |
| --- | --- | --- | --- | --- | --- | --- |
"""


TABLES = """
## Colours

Single colours of the theme in force, `#rrggbb`, in `[colours]`. What is below the contrast that
text needs is reported when the console opens, with its figure (docs/themes.md).

| colour | where |
| --- | --- |
"""
THRESHOLDS = """
## Thresholds

Those of rules, in `[thresholds]`, as `conntrack_full.warning = 60`: docs/thresholds.md has them.
"""
KEYS = """
## Keys

A key, or a list of keys, by the name of what it does, in the table of its place:

    [keys.target]
    capture = "x"
    save = ["w", "ctrl+s"]

A key is a character, `ctrl+` and a letter, `f1` to `f24`, or a name: `esc`, `enter`, `space`,
`tab`, `backspace`, `home`, `end`, `pageup`, `pagedown`, `up`, `down`, `left`, `right`. A key that
two actions of one screen would have is reported, and the action keeps the key that it had. Help,
footer and hints show the keys in force. Of text boxes and questions the keys stay: `esc`,
`enter`, and the letters that a question names.

| place | name | default | what it does |
| --- | --- | --- | --- |
"""


def page() -> str:
    colours = (f"| `{name}` | {where} |\n" for name, where in COLOURS.items())
    parts = (HEAD, *map(_row, SETTINGS), TABLES, *colours, KEYS, *map(_key, ACTIONS), THRESHOLDS)
    return "".join(parts)


def _key(action: Action) -> str:
    keys = ", ".join(f"`{written(key, True)}`" for key in action.keys)
    return f"| {action.where} | `{action.setting}` | {keys} | {action.help} |\n"


def _row(one: Setting) -> str:
    must = ", ".join(f"`{choice}`" for choice in one.choices) or KINDS[one.kind][0]
    cells = (
        f"`{one.name}`",
        must,
        f"`{toml(one.default)}`",
        f"`{one.option}`" if one.option else "",
        f"`{one.environment}`" if one.environment else "",
        "yes" if one.of_context else "",
        one.about,
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())
