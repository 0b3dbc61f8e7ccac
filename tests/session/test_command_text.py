"""A command that was run, in a line."""

from __future__ import annotations

from collectors.events import CommandRun
from collectors.privacy.secret_patterns import without_secrets
from session.command_text import run_text


def test_a_word_with_spaces_is_in_quotes() -> None:
    event = CommandRun(1.0, "pod/a/b", "guide", ("sh", "-c", "ss -tin"), 0, 0.25)
    assert run_text(event) == "sh -c 'ss -tin': exit code 0, 0.2 s"


def test_the_rest_of_a_password_with_spaces_is_hidden_as_well() -> None:
    argv = ("ldapsearch", "-x", "-w", "one two three", "-b", "dc=x")
    text = without_secrets(run_text(CommandRun(1.0, "pod/a/b", "guide", argv, 0, 0.2)))
    assert text == "ldapsearch -x -w '‹hidden›' -b dc=x: exit code 0, 0.2 s"
