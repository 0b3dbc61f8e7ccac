"""The one table of settings that the configuration, the environment and the command line share, and
the checks of their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collectors.cluster.attach.settings import IMAGE, PULL_POLICIES, AttachSettings
from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.sanitize import sanitize

MOST = 1_000_000  # bound of numbers: seconds, days, GiB
# kind: what a value must be, and its types in TOML
KINDS: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "text": ("text", (str,)),
    "switch": ("true or false", (bool,)),
    "number": ("a number", (int, float)),
    "texts": ("a list of texts", (list,)),
    "names": ("a table of texts", (dict,)),
}
SWITCHES = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@frozen
class Setting:
    """`of_context`: a context's table may set it, too. `of_console`: commands without a console
    ignore it. `safe` replaces a wrong value; if it is None, the default does."""

    name: str
    kind: str
    default: Any
    about: str
    choices: tuple[str, ...] = ()
    option: str = ""
    of_context: bool = False
    of_console: bool = False
    safe: Any = None

    @property
    def environment(self) -> str:
        """The environment variable that sets it, or ''."""
        return "" if self.kind == "names" else f"PODWIRE_{self.name.upper()}"


SETTINGS = (
    Setting(
        "image",
        "text",
        IMAGE,
        "the image of debug containers and node pods",
        option="--image",
        of_context=True,
    ),
    Setting(
        "images",
        "names",
        {},
        "images for nodes of other architectures, by architecture (`s390x`)",
        of_context=True,
    ),
    Setting(
        "pull_policy",
        "text",
        "IfNotPresent",
        "when the image is pulled",
        choices=PULL_POLICIES,
        option="--pull-policy",
        of_context=True,
    ),
    Setting(
        "pull_timeout_s",
        "number",
        120.0,
        "seconds to wait for an image, 1 to 3600",
        option="--pull-timeout",
        of_context=True,
    ),
    Setting(
        "pull_secrets",
        "texts",
        [],
        "names of the pull secrets of node pods",
        of_context=True,
    ),
    Setting(
        "node_namespace",
        "text",
        "",
        "where node pods go; empty: a namespace that allows them",
        option="--node-namespace",
        of_context=True,
    ),
    Setting(
        "read_only",
        "switch",
        False,
        "do not add, change or run anything in the cluster",
        option="--read-only",
        of_context=True,
        safe=True,
    ),
    Setting(
        "end_on_leave",
        "switch",
        False,
        "end the processes of debug containers on exit",
        option="--end-on-leave",
        of_context=True,
        safe=True,
    ),
    Setting(
        "theme",
        "text",
        "auto",
        "the console's colours: a theme of docs/themes.md, or a file in `themes/` beside the"
        " configuration; auto: by `NO_COLOR` and the terminal",
        option="--theme",
        of_console=True,
    ),
    Setting(
        "characters",
        "text",
        "auto",
        "characters to draw with; auto: ascii if the locale (`LANG=C`, `LC_ALL=POSIX`, any without"
        " UTF-8) or the terminal (`TERM=linux`) supports nothing else",
        choices=("auto", "ascii", "unicode"),
        option="--ascii",
        of_console=True,
    ),
    Setting(
        "mouse",
        "text",
        "auto",
        "whether podwire uses the mouse, or leaves it to the terminal to select text; auto: on if"
        " the terminal supports it",
        choices=("auto", "on", "off"),
        option="--mouse",
        of_console=True,
    ),
    Setting(
        "title",
        "switch",
        True,
        "show what is open in the terminal's title; it is restored on exit",
        of_console=True,
    ),
    Setting(
        "bell",
        "text",
        "off",
        "how to announce a new critical finding: the terminal's bell, or a desktop notification"
        " (OSC 9) and the bell",
        choices=("off", "bell", "notification"),
        of_console=True,
    ),
    Setting(
        "record",
        "switch",
        True,
        "whether sessions of the console are recorded",
        option="--no-record",
        of_console=True,
        safe=False,
    ),
    Setting(
        "share_group",
        "text",
        "",
        "a Unix group whose members may join a session that is shared",
        option="--share-group",
        of_console=True,
    ),
    Setting("sessions_gib", "number", 2.0, "GiB that all recorded sessions together may use"),
    Setting("sessions_days", "number", 14.0, "days that packets and samples are kept"),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}


def wrong(setting: Setting, value: object) -> str:
    """What is wrong with a value, as the rest of a sentence that begins with the setting's name;
    '' if nothing is."""
    must, types = KINDS[setting.kind]
    if not isinstance(value, types) or (isinstance(value, bool) and setting.kind != "switch"):
        return f"has a value of the wrong type: it must be {must}."
    if isinstance(value, int | float) and setting.kind == "number" and not 0 < value < MOST:
        return f"must be more than 0 and less than {MOST:,}."
    if not all(isinstance(text, str) for text in _entries(value)):
        return "contains a value that is not text."
    if setting.choices and value not in setting.choices:
        return f"is {sanitize(value, 40)!r}; it must be one of {', '.join(setting.choices)}."
    return _refused(setting, value) if setting.of_context else ""


def _entries(value: object) -> Iterator[object]:
    """The values in a list or table."""
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _refused(setting: Setting, value: object) -> str:
    """Why AttachSettings rejects it; '' if it does not."""
    given: Any = tuple(value) if isinstance(value, list) else value
    try:
        AttachSettings(**{setting.name: given})
    except ConfigError as error:
        return f"cannot be used: {error}"
    return ""


def from_text(setting: Setting, text: str) -> object:
    """The value of an environment variable; the text itself if it cannot be converted."""
    if setting.kind == "switch":
        return SWITCHES.get(text.lower(), text)
    if setting.kind == "texts":
        return [part.strip() for part in text.split(",") if part.strip()]
    if setting.kind != "number":
        return text
    try:
        return float(text)
    except ValueError:
        return text
