"""`podwire config --edit`: a copy of the configuration in one's editor, checked, and put in its
place. Whatever goes wrong, the file stays as it is and the copy stays where it is named."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from cli import config
from cli.exit_codes import FAILED, USAGE
from cli.messages import print_message, print_messages
from cli.settings import SETTINGS
from collectors.errors import ConfigError, NotWritten
from collectors.sanitize import sanitize

EDITORS = ("editor", "nano", "vi")  # where neither variable is set
ASK = "podwire: e edits it again, s saves it as it is, anything else leaves it: "


def edit(wanted: Path) -> int:
    """0 where the file is as it was wanted, 1 where nothing was saved, 2 where what was saved is
    wrong."""
    path = wanted.resolve()  # a link, as of people who keep their files elsewhere, stays one
    command = editor()
    before = _read(path)
    copy = _copy(path, before)
    while True:
        if not _edited(command, copy):
            return _kept(copy, before, "The editor ended with an error")
        if _says(copy, before):
            copy.unlink()
            print_message("nothing was changed")
            return 0
        problems = [problem.text for problem in config.read(copy).problems]
        print_messages(_of_copy(text, copy, path) for text in problems)
        answer = _asked() if problems else "s"
        if answer == "e":
            continue
        if answer != "s":
            return _kept(copy, before, "What was written is not right")
        return _saved(copy, path, before) or (USAGE if problems else 0)


def _of_copy(problem: str, copy: Path, path: Path) -> str:
    """As of the configuration, which is as it was: podwire is not read-only by the copy."""
    return problem.replace(str(copy), str(path)).removesuffix(config.READ_ONLY)


def _says(copy: Path, before: bytes | None) -> bool:
    """Whether the copy says what was there before. ConfigError where an editor left none."""
    try:
        return copy.read_bytes() == (before if before is not None else beginning().encode())
    except OSError as error:
        raise ConfigError(
            f"What was written cannot be read from {sanitize(copy)}: {error.strerror}. The "
            "configuration is as it was."
        ) from None


def editor() -> list[str]:
    """The user's, with its arguments. ConfigError where there is none."""
    for variable in ("VISUAL", "EDITOR"):
        if words := _words(variable):
            return words
    found = next((path for name in EDITORS if (path := shutil.which(name))), None)
    if found is None:
        raise ConfigError("There is no editor here: set $VISUAL or $EDITOR to one.")
    return [found]


def _words(variable: str) -> list[str]:
    try:
        return shlex.split(os.environ.get(variable, ""))
    except ValueError as error:  # a quotation mark without its other
        raise ConfigError(f"${variable} is not a command: {sanitize(error, 80)}.") from None


def beginning() -> str:
    """What somebody begins with: each setting as it is by default, none of them set."""
    from cli.config_command import toml

    lines = ["# Settings of podwire: docs/configuration.md. `podwire config` has those in force."]
    for one in SETTINGS:
        lines += ["", f"# {one.about}", f"# {one.name} = {toml(one.default)}"]
    return "\n".join([*lines, ""])


def _read(path: Path) -> bytes | None:
    """None where there is no file yet."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            f"The configuration {sanitize(path)} cannot be read: {error.strerror}."
        ) from None


def _copy(path: Path, text: bytes | None) -> Path:
    """A new private file beside the configuration, for the editor."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(".toml", "config-edited-", path.parent)
        with os.fdopen(number, "wb") as file:
            file.write(beginning().encode() if text is None else text)
    except OSError as error:
        raise NotWritten(
            f"Nothing can be written to {sanitize(path.parent)}: {error.strerror}. Give --config "
            "FILE in a directory that can be written to.",
            error,
        ) from None
    return Path(name)


def _edited(command: list[str], copy: Path) -> bool:
    try:
        return subprocess.run([*command, str(copy)], check=False).returncode == 0
    except OSError as error:
        why = error.strerror
        print_message(f"the editor {sanitize(command[0])} cannot be started: {why}")
        return False


def _asked() -> str:
    """What is to be done with a file that is wrong; '' where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return ""
    sys.stderr.write(ASK)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower()


def _kept(copy: Path, before: bytes | None, why: str) -> int:
    """The configuration is as it was; a copy that says nothing else goes."""
    if _says(copy, before):
        copy.unlink()
        print_message(f"{why}: the configuration is as it was")
    else:
        print_message(f"{why}: the configuration is as it was, and what was written is in {copy}")
    return FAILED


def _saved(copy: Path, path: Path, before: bytes | None) -> int:
    """In one step, and only in place of what was edited; the file that was there is kept beside
    it."""
    if _read(path) != before:
        return _kept(copy, before, f"{sanitize(path)} was changed by somebody else meanwhile")
    if before is not None:
        old = path.with_name(f"{path.name}~")
        mode = stat.S_IMODE(path.stat().st_mode)
        copy.chmod(mode)
        _replace(old, before, mode)
    copy.replace(path)
    print_message(f"saved: {sanitize(path)}")
    return 0


def _replace(path: Path, data: bytes, mode: int) -> None:
    number, name = tempfile.mkstemp(".toml", "config-before-", path.parent)
    with os.fdopen(number, "wb") as file:
        os.fchmod(number, mode)
        file.write(data)
    Path(name).replace(path)
