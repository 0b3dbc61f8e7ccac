"""Commands of the lab that need no lab."""

from __future__ import annotations

import pytest

from cli import main as command_line
from cli.exit_codes import USAGE


@pytest.mark.parametrize(
    "command",
    ["lab fault on packet-los", "lab serve --fault packet-los", "lab --check --fault packet-los"],
)
def test_a_fault_that_is_none_is_a_usage_error_with_the_nearest_name(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(command.split()) == USAGE
    said = capsys.readouterr().err
    assert "no fault named 'packet-los'. Is packet-loss" in said and "lab fault list" in said
